"""The configuration of a Slurm under test. Source of the words: slurm.conf(5), slurmdbd.conf(5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HOSTNAME = "localhost"
"""What its host is called: with `NoInAddrAny` servers listen on the address of that name alone."""
ACCOUNT = "vestec"
"""The account that every job must name or have as its user's own, where there is accounting."""
NODES = ("node1", "node2")

_COMMON = """
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
"""

_SLURM = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/controller
SlurmctldPidFile={folder}/controller.pid
SlurmdSpoolDir={folder}/%n
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=2
MinJobAge=5
KillWait=2
ReturnToService=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=work Nodes=ALL Default=YES MaxTime=1:00:00
PartitionName=short Nodes=ALL MaxTime=1
PartitionName=down Nodes=ALL State=DOWN
"""
# More CPUs than the host may have, so that tests need not care where they run.
_NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=1000\n"
)

_ACCOUNTED = """
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={accounting}
AccountingStoragePass={folder}/munge/socket
AccountingStorageEnforce=associations,limits,qos
"""

_ACCOUNTING = """
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={accounting}
SlurmUser=root
PidFile={folder}/accounting.pid
CommunicationParameters=NoInAddrAny
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=accounts
"""


@dataclass(frozen=True)
class Ports:
    controller: int
    accounting: int
    nodes: Sequence[int]


def slurm_conf(folder: Path, ports: Ports, *, accounting: bool, comments: bool) -> str:
    """With accounting or without; that keeps the jobs' `comments` or drops them."""
    words = {"folder": folder, "host": HOSTNAME, **vars(ports)}
    nodes = "".join(
        _NODE.format(name=name, port=port, host=HOSTNAME)
        for name, port in zip(NODES, ports.nodes, strict=True)
    )
    accounts = _ACCOUNTED.format(**words) if accounting else ""
    kept = "AccountingStoreFlags=job_comment\n" if accounting and comments else ""
    return (_COMMON + _SLURM).format(**words) + accounts + kept + nodes


def slurmdbd_conf(folder: Path, ports: Ports) -> str:
    return (_COMMON + _ACCOUNTING).format(folder=folder, host=HOSTNAME, **vars(ports))
