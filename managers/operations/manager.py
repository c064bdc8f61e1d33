"""The Machine Interface as the runtime takes it."""

from collections.abc import Callable, Mapping

from events.values import Context
from managers.operations.decide import decide
from managers.operations.state import MachineJobs, Task, evolve
from managers.runtime import Assignment, Manager, Work, nothing_due, nothing_to_resume

Hands = Callable[[Assignment[MachineJobs, MachineJobs]], Work[MachineJobs]]


def operations_manager(hands: Hands) -> Manager[MachineJobs, MachineJobs]:
    """The manager of what is done on machines; each piece of work sees all of its machine."""
    return Manager(
        context=Context.OPERATIONS,
        sources=(Context.MACHINES, Context.SIMULATIONS),
        state=MachineJobs,
        fold=2,
        decide=decide,
        evolve=evolve,
        under_way=_under_way,
        due=nothing_due,
        resume=nothing_to_resume,
        begin=hands,
    )


def _under_way(machine: MachineJobs) -> Mapping[str, MachineJobs]:
    """Work by `task token attempt`."""
    if machine.settings is None:
        return {}
    work = {str(Task.WATCH): machine}
    for token, job in machine.jobs.items():
        if job.submitting:
            work[f"{Task.SUBMIT} {token} {job.attempt}"] = machine
        if job.cancelling:
            work[f"{Task.CANCEL} {token}"] = machine
        if job.collecting:
            work[f"{Task.COLLECT} {token}"] = machine
    return work
