"""Apache Kafka for everyone: got by Maven coordinates, run on loopback in a temporary folder.

For development, tests and benchmarks; a cluster that has to last is set up by its own operators.
"""

from deploy.kafka.cluster import Cluster, running_cluster
from deploy.kafka.distribution import KafkaMissing
from deploy.kafka.node import KafkaFailed

__all__ = ["Cluster", "KafkaFailed", "KafkaMissing", "running_cluster"]
