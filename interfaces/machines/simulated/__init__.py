"""A batch system without any process: a model of a cluster behind the same port."""
