"""What Grid Engine has to be told about its site, which names most things itself."""

from events.words import BatchName, Seconds
from interfaces.machines.dialects.batch_settings import DatedSettings


class SgeSettings(DatedSettings):
    """The words of `qconf -spl` and `qconf -sc` at a site; empty where it has none."""

    lag: Seconds = 30.0
    shared: BatchName = ""
    """The parallel environment for several slots on one node, such as `smp`."""
    distributed: BatchName = ""
    """The parallel environment for slots on several nodes, such as `mpi`."""
    memory: BatchName = "h_vmem"
    """The resource that is memory; it is asked for per slot."""
    gpu: BatchName = ""
    """The resource that is GPUs."""
    exclusive: BatchName = ""
    """The resource that gives whole nodes."""
