"""What is asked of a machine: how it fares, what it is like, when a job would start there."""

from collections.abc import Iterator

from events import operations as e
from events.jobs import JobRequest
from events.machines import (
    FLEET,
    MOST_ESTIMATES,
    LoadNews,
    SeeCheckup,
    SeeEstimate,
    SeeMachine,
    StartEstimate,
)
from events.values import Context
from managers.operations import inputs as i
from managers.operations.state import MachineJobs, evolve
from managers.operations.submitting import room
from managers.runtime import Effect, Send


def looked(was: MachineJobs, input: i.MachineLooked) -> Iterator[Effect]:
    if was.settings is None:
        return
    now = e.MachineAnswered(
        reachable=input.reachable,
        reason=input.reason,
        load=input.load and LoadNews.of(was.load, input.load),
        login_needed=input.login_needed,
        notice=input.notice,
    )
    if evolve(was, now) == was:
        return
    yield now
    see = SeeMachine(name=was.settings.name, **now.condition)
    yield Send(Context.MACHINES, FLEET, see)


def check(was: MachineJobs, wanted: e.CheckUp) -> Iterator[Effect]:
    """One at a time: who asks meanwhile gets its answer."""
    if was.settings is not None and was.check is None:
        yield e.CheckIntended(check=wanted.check)


def estimate(was: MachineJobs, wanted: e.EstimateJob) -> Iterator[Effect]:
    if was.settings is None or wanted.estimate in was.estimates:
        return
    if len(was.estimates) < MOST_ESTIMATES:
        yield e.EstimateWanted(estimate=wanted.estimate, request=wanted.request)
        return
    many = f"{MOST_ESTIMATES} estimates are under way there: ask again"
    see = StartEstimate(id=wanted.estimate, failed=many)
    yield Send(Context.MACHINES, FLEET, SeeEstimate(name=was.settings.name, estimate=see))


def estimated(was: MachineJobs, input: i.Estimated) -> Iterator[Effect]:
    if was.settings is None or input.estimate.id not in was.estimates:
        return
    estimate, too_long = input.estimate, _too_long(was, was.estimates[input.estimate.id])
    if estimate.start is not None and too_long:
        estimate = StartEstimate(id=estimate.id, impossible=too_long)
    yield e.EstimateGiven(estimate=estimate)
    see = SeeEstimate(name=was.settings.name, estimate=estimate)
    yield Send(Context.MACHINES, FLEET, see)


def _too_long(was: MachineJobs, request: JobRequest) -> str:
    """Why no queue that a job may go to ever starts it; empty: one may, as far as is known.

    Slurm takes such a job, and says of it that it would start.
    """
    named = {*request.options.queue.split(",")} - {""}
    queues = was.load.queues if was.load else ()
    limits = [queue.walltime for queue in queues if not named or queue.name in named]
    known = [limit for limit in limits if limit is not None]
    if not known or len(known) < len(limits) or max(known) >= request.walltime:
        return ""
    where = f"the queue {request.options.queue}" if named else "any queue"
    return f"it asks for {request.walltime} s, and {where} takes jobs of {max(known)} s at most"


def checked(was: MachineJobs, input: i.CheckedUp) -> Iterator[Effect]:
    if was.settings is None or was.check != input.check:
        return
    yield e.CheckConcluded(check=input.check, checkup=input.checkup)
    see = SeeCheckup(name=was.settings.name, checkup=input.checkup)
    yield Send(Context.MACHINES, FLEET, see)
    yield from room(was, input.checkup.full)
