"""Runs of stages: how they end, are tried again, resumed after a crash, and given up."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from uuid import UUID

from events import incidents as e
from events.values import Note
from managers.incidents import inputs as i
from managers.incidents import life, messages
from managers.incidents.draft import AT_ONCE, Draft
from managers.incidents.state import Run
from managers.runtime import Rejected

STARTS_WITHOUT_PROGRESS = 5
"""A stage whose process ended so often while it ran, without any progress, is failed."""

STARTS_WHILE_WAITING = 10
"""The same for one that waits for somebody else besides."""

STARTS_AT_ONCE = 3
"""Those after them come after a pause."""

HELD = 2.0
"""Seconds of that pause at least."""

HELD_APART = 8.0
"""Seconds over which the first such pauses of all runs are spread."""

HELD_FOR_LONG = 60.0
"""Seconds that are added at most to the later ones."""

OUTAGE_PAUSE = 30.0
"""Seconds until the next attempt in an outage that lasts longer than the stage's own retries."""

REFUSALS_TOLD = 50
"""Of one arrival; the rest is counted."""

REFUSALS_OF_A_RUN = 100
"""Of all arrivals of a burst, so that what a stage leaves always fits into one record."""


def finish(draft: Draft, input: i.FinishRun) -> None:
    """Everything that the stage leaves, or a new start if what it set was changed meanwhile."""
    run = draft.current(input.run, input.attempt)
    versions = draft.incident.versions
    changed = [name for name in input.state if versions.get(name) != run.versions.get(name)]
    if changed:
        draft.add(e.StageConflicted(run=run.id, fields=changed))
        _start_again(draft, run)
        return
    draft.add(e.StageCompleted(run=run.id, state=dict(input.state)))
    draft.add(*(e.Noted(note=note) for note in input.notes))
    draft.add(*_refusals(run, input.rejected))
    if draft.incident.ending:
        _nothing_after_the_end(draft, run, input)
        life.be_over(draft, draft.incident.ending)
        return
    for index, delivery in enumerate(input.deliveries):
        messages.queue(draft, delivery, index, sender=run.id)
    if input.ending:
        life.end(draft, input.ending)


def fail(draft: Draft, input: i.FailRun) -> None:
    """Tried again as declared, then failed: its simulations go on, a retry finds them.

    In an outage it is tried again until that is over.
    """
    run = draft.current(input.run, input.attempt)
    plan = draft.stage(run.message.stage)
    delay = None if input.final else plan.retry.delay(run.failures + 1)
    if delay is None and input.outage:
        delay = OUTAGE_PAUSE
    if delay is not None:
        draft.add(
            e.StageAttemptFailed(
                run=run.id,
                error=input.error,
                traceback=input.traceback,
                forget=input.forget,
                retry_at=draft.given.now + delay,
            )
        )
        return
    draft.add(
        e.StageFailed(run=run.id, error=input.error, traceback=input.traceback, forget=input.forget)
    )
    if draft.incident.ending:
        life.be_over(draft, draft.incident.ending)


def resume(draft: Draft, input: i.ResumeRun) -> None:
    """Once more after a process ended; not for ever, since the stage may be what ends it.

    A run's starts are counted until it makes progress or rests (`rest`):

    - up to `STARTS_AT_ONCE` it starts again at once;
    - then it is held before each start, and neither runs nor is counted meanwhile: at first for a
      while that differs from run to run, so that two that shared a process start apart, then for
      longer by as long as it ran. So a run that is merely busy is not there when another one,
      perhaps of another incident, ends the process again;
    - at `STARTS_WITHOUT_PROGRESS` it fails, as the one that may end the process;
    - a run that waits for an answer fails at `STARTS_WHILE_WAITING` only, which is more: where
      another stage ends the process at once, it has no time to say that it rests, and the other
      one fails first. If one of its branches waits and another ends the process, it fails, too.
    """
    run, process = draft.incident.runs.get(input.run), draft.given.process
    if run is None or run.process == process or not run.under_way:
        return
    if run.starts >= (STARTS_WHILE_WAITING if run.waits else STARTS_WITHOUT_PROGRESS):
        error = f"its process ended {run.starts} times while the stage ran; it may have caused that"
        fail(draft, i.FailRun(run.id, run.attempt, error, final=True))
    elif run.starts < STARTS_AT_ONCE:
        _resume(draft, run)
    else:
        draft.add(e.StageHeld(run=run.id, until=draft.given.now + _pause(run, draft.given.now)))


def release(draft: Draft) -> None:
    """Runs that were held for long enough."""
    runs, now = draft.incident.runs.values(), draft.given.now
    released = (run for run in runs if run.held is not None and run.held <= now)
    for run in islice(released, AT_ONCE):
        _resume(draft, run)


def _resume(draft: Draft, run: Run) -> None:
    given = draft.given
    draft.add(
        e.StageResumed(run=run.id, starts=run.starts + 1, process=given.process, at=given.now)
    )


def _pause(run: Run, now: float) -> float:
    if run.starts == STARTS_AT_ONCE:
        return HELD + HELD_APART * place_of(run.id)
    return HELD + min(now - run.resumed, HELD_FOR_LONG)


def place_of(run: UUID) -> float:
    """Where a run stands among others, from 0 to 1: the same always, and as good as chance."""
    return run.int % 1009 / 1009


def rest(draft: Draft, input: i.RestRun) -> None:
    """Cleared of blame: it came as far as it comes without others, and the process lives."""
    run = draft.current(input.run, input.attempt)
    if run.starts > 1:
        draft.add(e.StageRested(run=run.id))


def retry(draft: Draft, wanted: e.RetryStage) -> None:
    """An operator's wish; the same command sent again is not one more."""
    failed, command = draft.incident.failed, draft.given.id
    if command in draft.incident.retries:
        return
    runs = list(failed) if wanted.run is None else [wanted.run]
    if not runs or any(run not in failed for run in runs):
        raise Rejected("there is no such failed stage to retry")
    if len(runs) > AT_ONCE:
        draft.add(e.RetryContinues())
    draft.add(*(e.StageRetried(run=run, command=command) for run in runs[:AT_ONCE]))


def continue_retry(draft: Draft) -> None:
    """The next of many failed stages that an operator wished to retry."""
    for run in draft.incident.retrying[:AT_ONCE]:
        draft.add(e.StageRetried(run=run))


def try_again(draft: Draft) -> None:
    """Attempts whose backoff is over."""
    runs, now = draft.incident.runs.values(), draft.given.now
    over = (run for run in runs if run.retry_at is not None and run.retry_at <= now)
    for run in islice(over, AT_ONCE):
        _start_again(draft, run)


def _start_again(draft: Draft, run: Run) -> None:
    """The same moment is now for it as before, so that it asks the same again."""
    draft.add(e.StageStarted(run=run.id, attempt=run.attempt + 1, at=run.at))


def _refusals(run: Run, rejected: Iterable[i.RejectedArrival]) -> Iterator[e.ArrivalRejected]:
    endpoints = {arrival.id: arrival.endpoint for arrival in run.message.arrivals}

    def refused(arrival: UUID | None, reason: str) -> e.ArrivalRejected:
        endpoint = endpoints.get(arrival) if arrival else None
        return e.ArrivalRejected(arrival=arrival, reason=reason, run=run.id, endpoint=endpoint)

    told: Counter[UUID | None] = Counter()
    left: Counter[UUID | None] = Counter()
    for one in rejected:
        if told[one.arrival] < REFUSALS_TOLD and told.total() < REFUSALS_OF_A_RUN:
            told[one.arrival] += 1
            yield refused(one.arrival, one.reason)
        else:
            left[one.arrival] += 1
    for arrival, count in left.most_common(REFUSALS_TOLD):
        yield refused(arrival, f"{count} more refusals of the same arrival")
        del left[arrival]
    if left:
        yield refused(None, f"{left.total()} more refusals of others")


def _nothing_after_the_end(draft: Draft, run: Run, input: i.FinishRun) -> None:
    if input.deliveries:
        stages = ", ".join(delivery.stage for delivery in input.deliveries)
        text = f"stage {run.message.stage} sent to {stages}, but the incident is over"
        draft.add(e.Noted(note=Note(level="warning", text=text)))
