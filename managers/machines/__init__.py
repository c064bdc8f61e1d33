"""The Machine Status Manager: which machines there are, how they fare, where a job runs best."""

from managers.machines.decide import WhyWrong, nobody_knows
from managers.machines.manager import machine_manager
from managers.machines.state import Fleet, Machine

__all__ = ["Fleet", "Machine", "WhyWrong", "machine_manager", "nobody_knows"]
