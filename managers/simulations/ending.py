"""How simulations go on and end: reports, results, cancellation, groups, and who is told."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from pydantic import JsonValue

from bus import MAX_RECORD_BYTES
from events import simulations as e
from events.incidents import Deliver, Delivery
from events.jobs import JobReport, JobState, Witness
from events.machines import FLEET, LeaveMachine, RejoinMachine
from events.operations import CancelJob, CollectOutputs, ForgoJob, ReleaseJob
from events.values import INLINE_BYTES, Command, Context, Document
from managers.answers import answer
from managers.portions import portion
from managers.runtime import Effect, Rejected, Send
from managers.simulations.state import Simulation, Simulations, changed, grouped

_END_BYTES = 14_000
"""Of what is told of an end besides its outputs, at most: a reason, mostly."""
_AROUND_BYTES = 1_000
"""Of what it is told in."""


def report(was: Simulations, simulation: Simulation, said: JobReport) -> Iterator[Effect]:
    """A witness's word; older attempts, repetitions and what comes after the end are not news.

    But for a later attempt of what has not completed: its batch system has requeued it.
    """
    over = simulation.state.final
    if simulation.state != JobState.COMPLETED and said.attempt > simulation.attempt:
        over = False
    known = (simulation.state, simulation.attempt, simulation.stuck, simulation.instances)
    same = (said.state, said.attempt, said.stuck, said.instances) == known
    if over or same or said.attempt < simulation.attempt:
        return
    event = e.SimulationStateChanged(
        simulation=simulation.id,
        state=said.state,
        witness=said.witness,
        job_id=said.job_id,
        attempt=said.attempt,
        exit_code=said.exit_code,
        host=said.host,
        started=said.started,
        ended=said.ended,
        reason=said.reason,
        stuck=said.stuck,
        instances=said.instances,
        unwished=said.state == JobState.CANCELLED and not simulation.cancelling,
        again=said.attempt > simulation.attempt,
    )
    yield event
    now = changed(was, event)
    if simulation.left and not now.settled and now.machine is not None:
        yield from _rejoin(was, now.id, now.machine)
    if event.again and now.cancelling and not now.state.ended:
        # The wish for its end crossed its first end, and was for nothing.
        yield from to_machine(now, CancelJob(token=now.token, reason="it was to end before"))
    if now.completed_first and now.group is not None:
        yield from _cancel_beaten(was.having(now), now, alone=False)
    if now.state == JobState.COMPLETED and now.request.outputs:
        yield from to_machine(now, CollectOutputs(token=now.token, names=now.request.outputs))
    else:
        yield from follow_up(was, now)


def keep(was: Simulations, simulation: Simulation, input: e.KeepOutputs) -> Iterator[Effect]:
    """The results of a completed simulation lie in the blob store."""
    if simulation.outputs is not None:
        return
    kept = e.OutputsKept(
        simulation=simulation.id,
        outputs=input.outputs,
        missing=input.missing,
        reason=input.reason,
    )
    now = changed(was, kept)
    if not _fits(len(now.result.model_dump_json()), len(now.waiting)):
        kept = _none_kept(simulation, input)
        now = changed(was, kept)
    yield kept
    yield from follow_up(was, now)


def _none_kept(simulation: Simulation, input: e.KeepOutputs) -> e.OutputsKept:
    """Older logs have simulations whose results are more than one record can name."""
    names = simulation.request.outputs
    many = f"none of its {len(names)} results is kept, since they are too many"
    return e.OutputsKept(
        simulation=simulation.id,
        outputs={},
        missing=names[: e.MOST_NAMED],
        reason=many if input.outputs else input.reason,
    )


def may_be_awaited(simulation: Simulation) -> bool:
    """Whether another call may wait for it: its end, with all answers, is one record of the log."""
    told = e.told_bytes(simulation.request.outputs) + _END_BYTES
    return _fits(told, len(simulation.waiting) + 1)


def _fits(told: int, waiting: int) -> bool:
    """Whether one record holds an end of so many bytes: as kept, called back with, and answered."""
    return (waiting + 2) * (told + _AROUND_BYTES) + INLINE_BYTES <= MAX_RECORD_BYTES


def follow_up(was: Simulations, now: Simulation) -> Iterator[Effect]:
    """Tell everybody who wanted to know of the state that was reached."""
    if not now.beaten:
        yield from call_back(was, now)
    if not now.settled:
        return
    for waiting in now.waiting:
        yield from answer(waiting, now.result.model_dump(mode="json"))
    yield from leave(now.id, now.state)
    if now.submitted and now.state != JobState.LOST:
        yield from to_machine(now, ReleaseJob(token=now.token, attempt=now.attempt))
    if not now.submitted and was.is_awaited(now.token):
        yield from to_machine(now, ForgoJob(token=now.token, state=now.state))


def call_back(was: Simulations, simulation: Simulation) -> Iterator[Effect]:
    """A message for the stage that wants to know of this state, while the incident goes on."""
    stage = simulation.callbacks.get(simulation.state)
    if stage is None or was.closed:
        return
    told: JsonValue = {
        "simulation": simulation.result.model_dump(mode="json"),
        "context": simulation.context.model_dump(mode="json"),
    }
    delivery = Delivery(stage=stage, message=Document(json_value=told))
    yield Send(Context.INCIDENTS, was.incident, Deliver(delivery=delivery))


# Cancellation and groups.


def cancel(was: Simulations, simulation: Simulation, reason: str) -> Iterator[Effect]:
    """Ours at once while it is ours alone; afterwards a wish until a witness confirms it.

    Of what completed already, the results that were not fetched yet are wanted no more.
    """
    if simulation.state == JobState.COMPLETED and not simulation.settled:
        left = e.KeepOutputs(
            simulation=simulation.id, outputs={}, missing=simulation.request.outputs, reason=reason
        )
        yield from keep(was, simulation, left)
    over = simulation.state.final
    if over or (simulation.cancelling and simulation.to_cancel is None):
        return
    if simulation.submitted:
        yield e.CancellationRequested(simulation=simulation.id, reason=reason)
        yield from to_machine(simulation, CancelJob(token=simulation.token, reason=reason))
        return
    cancelled = by_ourselves(simulation, JobState.CANCELLED, reason)
    yield cancelled
    if simulation.machine is None:
        yield from answer(simulation.created_by, error=f"the simulation was cancelled: {reason}")
    yield from follow_up(was, changed(was, cancelled))


def cancel_all(
    was: Simulations, wish: e.CancellationContinues, *, alone: bool = True
) -> Iterator[Effect]:
    """Cancel all that a wish is about; if they are too many at once, the clock does (`go_on`)."""
    effects, more = portion(
        (_end(was, one, wish.reason) for one in was.affected(wish)), alone=alone
    )
    yield from [wish] if more else effects


def go_on(was: Simulations) -> Iterator[Effect]:
    """The next of those that are to be cancelled."""
    marked = (one for one in was.by_id.values() if one.awaits_cancellation)
    effects, _ = portion(_end(was, one, one.to_cancel or "") for one in marked)
    yield from effects


def _end(was: Simulations, simulation: Simulation, reason: str) -> list[Effect]:
    """Cancel it; once the incident is over, nobody waits any more for a word on what is lost."""
    effects = [*cancel(was, simulation, reason)]
    if was.closed and simulation.state == JobState.LOST:
        effects += to_machine(simulation, ReleaseJob(token=simulation.token))
    return effects


def close(was: Simulations, reason: str) -> Iterator[Effect]:
    """The incident is over: what has ended is forgotten, and nobody is called back."""
    over = replace(was, closed=True)
    yield from cancel_all(over, e.CancellationContinues(reason=reason))
    yield e.SimulationsClosed()


def group(was: Simulations, input: e.GroupSimulations) -> Iterator[Effect]:
    """From now on the first completion counts, also one that was there before."""
    unknown = [str(id) for id in input.simulations if id not in was.by_id]
    if unknown:
        raise Rejected(f"there is no simulation {', '.join(unknown)} in this incident")
    groups = {was.by_id[id].group for id in input.simulations}
    if groups != {input.group}:
        if groups != {None}:
            raise Rejected("one of these simulations is in a group already")
        event = e.SimulationsGrouped(group=input.group, simulations=input.simulations)
        yield event
        now = grouped(was, event)
        all = (now.by_id[id] for id in input.simulations)
        if first := next((one for one in all if one.completed_first), None):
            yield from _cancel_beaten(now, first)
    yield from answer(input.reply_to, {"group": str(input.group)})


def _cancel_beaten(was: Simulations, first: Simulation, *, alone: bool = True) -> Iterator[Effect]:
    """All others of its group."""
    reason = f"simulation {first.id} of its group completed first"
    wish = e.CancellationContinues(group=first.group, reason=reason)
    yield from cancel_all(was, wish, alone=alone)


# Small things.


def by_ourselves(simulation: Simulation, state: JobState, reason: str) -> e.SimulationStateChanged:
    """A state that no machine has to confirm."""
    return e.SimulationStateChanged(
        simulation=simulation.id,
        state=state,
        witness=Witness.OURSELVES,
        attempt=simulation.attempt,
        reason=reason,
    )


def to_machine(simulation: Simulation, command: Command) -> Iterator[Effect]:
    """For the Machine Interface, once a machine was chosen."""
    if simulation.machine is not None:
        yield Send(Context.OPERATIONS, simulation.machine, command)


def leave(simulation: UUID, state: JobState) -> Iterator[Effect]:
    """It no longer counts as load, nor waits for a machine."""
    yield Send(Context.MACHINES, FLEET, LeaveMachine(simulation=simulation, state=state))


def _rejoin(was: Simulations, simulation: UUID, machine: str) -> Iterator[Effect]:
    """It counts as load again."""
    rejoin = RejoinMachine(simulation=simulation, incident=was.incident, name=machine)
    yield Send(Context.MACHINES, FLEET, rejoin)
