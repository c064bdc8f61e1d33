"""What Grid Engine has to be told about its site, which names most things itself."""

from events.words import Seconds, Word
from interfaces.machines.batch_settings import DatedSettings


class SgeSettings(DatedSettings):
    """The words of `qconf -spl` and `qconf -sc` at a site; empty where it has none."""

    lag: Seconds = 30.0
    shared: Word = ""
    """The parallel environment for several slots on one node, such as `smp`."""
    distributed: Word = ""
    """The parallel environment for slots on several nodes, such as `mpi`."""
    memory: Word = "h_vmem"
    """The resource that is memory; it is asked for per slot."""
    gpu: Word = ""
    """The resource that is GPUs."""
    exclusive: Word = ""
    """The resource that gives whole nodes."""
