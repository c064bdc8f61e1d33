"""A cluster to rehearse on: a real login node in front of the model of a batch system.

Its SSH server, its shells, its files and the programs of its jobs are real; which job starts when,
what becomes of it, and what is told of it is the model's (`simulated.cluster`) by fates
(`simulated.fates`). A *mouth* speaks for the model as the commands of a batch system do,
as far as our dialects ask: it is no test of a dialect, for which there are recordings and servers.
"""

from interfaces.machines.rehearsal.login_node import MOUTHS, SimulatedCluster, simulated_cluster

__all__ = ["MOUTHS", "SimulatedCluster", "simulated_cluster"]
