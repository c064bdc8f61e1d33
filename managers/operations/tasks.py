"""What there is to do on a machine, as its hands get it."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from events.jobs import JobRequest, Token
from events.operations import JobTask
from managers.operations.folders import Folder
from managers.operations.job import Job
from managers.operations.state import MachineJobs


@dataclass(frozen=True, slots=True)
class Watch:
    """Look at the machine and its jobs, for ever."""

    machine: MachineJobs


@dataclass(frozen=True, slots=True)
class Submit:
    """Bring a job into the queue, or find out that it is there."""

    job: Job


@dataclass(frozen=True, slots=True)
class Cancel:
    """Wish a job's end."""

    job: Job


@dataclass(frozen=True, slots=True)
class Hold:
    """Wish that a job does not start; or, as its state says, take that back."""

    job: Job


@dataclass(frozen=True, slots=True)
class Collect:
    """Bring a job's results into the blob store."""

    job: Job


@dataclass(frozen=True, slots=True)
class Remove:
    """Take away what is left of a job."""

    token: Token
    folder: Folder


@dataclass(frozen=True, slots=True)
class CheckUp:
    """Find out all that can be known of the machine."""

    check: UUID


@dataclass(frozen=True, slots=True)
class LookOut:
    """See whether any of the processes is alive that alone work on the machine."""

    machine: MachineJobs


@dataclass(frozen=True, slots=True)
class Estimate:
    """Find out when a job would start."""

    id: UUID
    request: JobRequest


Task = LookOut | Watch | Submit | Cancel | Hold | Collect | Remove | CheckUp | Estimate


def under_way(machine: MachineJobs) -> Mapping[str, Task]:
    """What there is to do for whoever decides about the machine."""
    if machine.settings and machine.settings.agents and not machine.login_needed:
        return {f"look out by settings {machine.configured}": LookOut(machine)}
    return on_machine(machine)


def on_machine(machine: MachineJobs) -> Mapping[str, Task]:
    """All work there, each under a name that stays the same as long as it is the same.

    Nothing as long as a login is needed: every try would bring the account nearer to being locked.
    """
    if machine.settings is None or machine.login_needed:
        return {}
    tasks: dict[str, Task] = {"watch": Watch(machine)}
    if machine.check is not None:
        tasks[f"check {machine.check}"] = CheckUp(machine.check)
    for id, request in machine.estimates.items():
        tasks[f"estimate {id}"] = Estimate(id, request)
    for token, job in machine.jobs.items():
        if JobTask.SUBMIT in job.tasks and _may_go(machine, job):
            unwanted = " unwanted" if job.unwanted else ""
            knowing = "".join(f" {other} {end}" for other, end in job.ends.items() if end)
            tasks[f"submit {token} {job.submission}{unwanted}{knowing}"] = Submit(job)
        if job.cancelling:
            settled = " settled" if job.settled else ""
            tasks[f"cancel {token}{settled}"] = Cancel(job)
        elif job.holding is not None and job.settled:
            tasks[f"{'hold' if job.holding else 'release'} {token}"] = Hold(job)
        if job.collecting:
            tasks[f"collect {token}"] = Collect(job)
    for token, folder in machine.removing.items():
        tasks[f"remove {token}"] = Remove(token, folder)
    return {f"{name} by settings {machine.configured}": task for name, task in tasks.items()}


def _may_go(machine: MachineJobs, job: Job) -> bool:
    """Whether a job is in time: those that it comes after go first."""
    if job.unwanted or job.may_be_there or job.tried:
        return True
    for other in job.request.options.after:
        there = machine.jobs.get(other.token)
        expected = other.expected and other.token not in job.ends
        if expected if there is None else not there.can_be_waited_for:
            return False
    return True
