"""The Machine Interface as the runtime takes it."""

from collections.abc import Callable

from events.values import Context
from managers.operations.decide import decide
from managers.operations.state import MachineJobs, evolve
from managers.operations.tasks import Task, under_way
from managers.runtime import Assignment, Manager, Work, nothing_due, nothing_to_resume

Hands = Callable[[Assignment[MachineJobs, Task]], Work[Task]]


def operations_manager(hands: Hands) -> Manager[MachineJobs, Task]:
    """The manager of what is done on machines."""
    return Manager(
        context=Context.OPERATIONS,
        sources=(Context.MACHINES, Context.SIMULATIONS),
        state=MachineJobs,
        fold=3,
        decide=decide,
        evolve=evolve,
        under_way=under_way,
        due=nothing_due,
        resume=nothing_to_resume,
        begin=hands,
    )
