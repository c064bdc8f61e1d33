"""What is asked of a machine: how it fares, what it is like, when a job would start there."""

from collections.abc import Iterator, Sequence

from events import operations as e
from events.jobs import JobRequest
from events.machines import (
    FLEET,
    MOST_ESTIMATES,
    LoadNews,
    Queue,
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
    estimate = input.estimate
    if estimate.start is not None:
        request = was.estimates[estimate.id]
        queues = _queues(was, request)
        if too_long := _too_long(queues, _named(was, request), request):
            estimate = StartEstimate(id=estimate.id, impossible=too_long)
        elif queues and all(queue.open is False for queue in queues):
            estimate = StartEstimate(id=estimate.id)  # nobody knows when one opens
    yield e.EstimateGiven(estimate=estimate)
    see = SeeEstimate(name=was.settings.name, estimate=estimate)
    yield Send(Context.MACHINES, FLEET, see)


def _named(was: MachineJobs, request: JobRequest) -> str:
    """The queue that a job goes to, or several; empty: the batch system knows which."""
    its_own = was.settings.batch.get("queue") if was.settings else None
    return request.options.queue or str(its_own or "")


def _queues(was: MachineJobs, request: JobRequest) -> list[Queue]:
    """Those that a job may go to, as far as is known."""
    named = {*_named(was, request).split(",")} - {""}
    queues = was.load.queues if was.load else ()
    return [queue for queue in queues if not named or queue.name in named]


def _too_long(queues: Sequence[Queue], named: str, request: JobRequest) -> str:
    """Why no queue that a job may go to ever starts it; empty: one may, as far as is known.

    Slurm takes such a job, and says of it that it would start.
    """
    limits = [queue.walltime for queue in queues]
    known = [limit for limit in limits if limit is not None]
    if not known or len(known) < len(limits) or max(known) >= request.walltime:
        return ""
    where = f"the queue {named}" if named else "any queue"
    return f"it asks for {request.walltime} s, and {where} takes jobs of {max(known)} s at most"


def checked(was: MachineJobs, input: i.CheckedUp) -> Iterator[Effect]:
    """What it could not ask is as an earlier one found it."""
    if was.settings is None or was.check != input.check:
        return
    learned = {**was.learned, **input.checkup.learned}
    checkup = input.checkup.model_copy(update={"learned": learned})
    yield e.CheckConcluded(check=input.check, checkup=checkup)
    see = SeeCheckup(name=was.settings.name, checkup=checkup)
    yield Send(Context.MACHINES, FLEET, see)
    if checkup.reached:
        yield from room(was, checkup.full)
