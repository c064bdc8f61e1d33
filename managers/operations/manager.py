"""The Machine Interface as the runtime takes it."""

from collections.abc import Callable

from events.jobs import Token
from events.values import Context
from managers.operations.decide import decide
from managers.operations.inputs import LookAtClock
from managers.operations.keeping import due
from managers.operations.state import MachineJobs, evolve
from managers.operations.tasks import Task, under_way
from managers.runtime import Assignment, Chain, Manager, Work
from managers.runtime.manager import Input

FOLD = 19
"""The version of `evolve`, and of what read models make of jobs by the same functions."""
Hands = Callable[[Assignment[MachineJobs, Task]], Work[Task]]


def operations_manager(hands: Hands) -> Manager[MachineJobs, Task]:
    """The manager of what is done on machines."""
    return Manager(
        context=Context.OPERATIONS,
        sources=(Context.MACHINES, Context.SIMULATIONS),
        state=MachineJobs,
        fold=FOLD,
        decide=decide,
        evolve=evolve,
        under_way=under_way,
        begin=hands,
        due=due,
        clock=LookAtClock(),
        chain=_chain,
    )


def _chain(machine: MachineJobs | None, input: Input) -> Chain | None:
    """What is told of a job belongs to who wanted it."""
    token = getattr(input, "token", Token(""))
    job = machine and (machine.jobs.get(token) or machine.removing.get(token))
    return Chain(job.incident, job.correlation) if job else None
