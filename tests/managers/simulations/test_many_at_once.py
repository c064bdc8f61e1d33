"""Any number is cancelled: what no record holds goes in portions, and nothing is forgotten."""

from collections import Counter
from uuid import UUID

import pytest

from events import simulations as e
from events.incidents import AnswerCall
from events.jobs import JobState, Witness
from events.machines import LeaveMachine
from events.operations import CancelJob, ReleaseJob
from events.prose import PROSE_CHARACTERS
from events.values import Command, Document, Event
from managers.runtime import Effect, Send
from tests.managers.scenario import scenario
from tests.managers.simulations.site import (
    MANAGER,
    ONE,
    RUN,
    Site,
    create,
    one,
    place,
    reply,
    report,
    submit,
)

LONG = "\x01" * PROSE_CHARACTERS
"""The reason that takes most bytes in JSON."""
MANY = [UUID(int=number) for number in range(1, 51)]
"""More than one record cancels for such a reason."""


def history(id: UUID, state: JobState = JobState.PENDING) -> list[Event]:
    """Of a simulation that was submitted, and then reached a state."""
    wanted = create(id)
    told: list[Event] = [
        e.SimulationCreated(**{**wanted.model_dump(exclude={"type"}), "request": wanted.request}),
        e.SimulationPlaced(simulation=id, machine="local", explanation="the only one"),
        e.SimulationSubmitted(
            simulation=id, callbacks={JobState.CANCELLED: "again"}, context=Document()
        ),
    ]
    if state is not JobState.PENDING:
        told.append(e.SimulationStateChanged(simulation=id, state=state, witness=Witness.OURSELVES))
    return told


def with_many(state: JobState = JobState.PENDING) -> Site:
    return scenario(MANAGER).given(*(event for id in MANY for event in history(id, state)))


def sent(portions: list[list[Effect]], kind: type[Command]) -> list[Command]:
    commands = [one.command for each in portions for one in each if isinstance(one, Send)]
    return [command for command in commands if isinstance(command, kind)]


def test_an_incident_that_is_over_cancels_and_forgets_any_number() -> None:
    of = with_many().when(e.CloseSimulations(reason=LONG))
    of.then(e.CancellationContinues, e.SimulationsClosed)
    portions = of.portions()
    assert len(portions) > 2
    assert Counter(sent(portions, CancelJob)) == Counter(
        CancelJob(token=one(of, id).token, reason=LONG) for id in MANY
    )
    for id in MANY[:2]:
        of.when(report(JobState.CANCELLED, id))
        of.then(e.SimulationStateChanged, LeaveMachine, ReleaseJob)
        assert of.state is not None
        assert id not in of.state.by_id


def test_what_is_lost_then_is_forgotten_when_its_machine_was_told() -> None:
    of = with_many(JobState.LOST).when(e.CancelSimulation(simulation=ONE, reason="lost"))
    portions = of.when(e.CloseSimulations(reason=LONG)).portions()
    assert len(sent(portions, CancelJob)) == len(sent(portions, ReleaseJob)) == len(MANY)
    assert of.state is None


def test_what_ends_before_its_turn_ends_as_always() -> None:
    of = with_many().when(e.CloseSimulations(reason=LONG))
    last = MANY[-1]
    of.when(report(JobState.COMPLETED, last)).then(
        e.SimulationStateChanged, LeaveMachine, ReleaseJob
    )
    assert len(sent(of.portions(), CancelJob)) == len(MANY) - 1


@pytest.mark.parametrize(
    "wish", [e.CancelAllSimulations(reason=LONG), e.CancelSimulationsOf(run=RUN, reason=LONG)]
)
def test_what_is_created_after_the_wish_is_not_meant(wish: Command) -> None:
    of = with_many().when(wish).then(e.CancellationContinues)
    new = UUID(int=9999)
    of.when(create(new)).when(place(new)).when(submit(new))
    cancelled = sent(of.portions(), CancelJob)
    assert len(cancelled) == len(MANY)
    assert not one(of, new).cancelling
    of.when(wish).then(e.CancellationRequested, CancelJob)


def test_only_those_of_the_run_are_meant() -> None:
    other = reply("create").model_copy(update={"run": UUID(int=78)})
    wanted = create(UUID(int=9999)).model_copy(update={"reply_to": other})
    of = with_many().when(wanted)
    of.when(e.CancelSimulationsOf(run=RUN, reason=LONG)).portions()
    assert of.state is not None
    left = [id for id, it in of.state.by_id.items() if not it.cancelling]
    assert left == [wanted.simulation]


GROUP = e.GroupSimulations(group=UUID(int=50), simulations=tuple(MANY))


def awaited(id: UUID, times: int) -> list[Event]:
    """Of a simulation that was not submitted yet, and that calls wait for."""
    calls = (reply(f"wait {id.int} {time}") for time in range(times))
    return [
        *history(id)[:2],
        *(e.SimulationAwaited(simulation=id, reply_to=call) for call in calls),
    ]


def test_the_first_of_any_number_in_a_group_ends_the_others() -> None:
    of = scenario(MANAGER).given(
        *(event for id in MANY[1:] for event in awaited(id, 20)), *awaited(ONE, 60)
    )
    of.when(submit(ONE)).when(GROUP)
    of.when(report(JobState.COMPLETED, ONE, reason=LONG))
    portions = of.portions()
    assert [type(effect) for effect in portions[0] if isinstance(effect, Event)] == [
        e.SimulationStateChanged,
        e.CancellationContinues,
    ]
    assert [one(of, id).state for id in MANY] == [
        JobState.COMPLETED,
        *[JobState.CANCELLED] * (len(MANY) - 1),
    ]
    assert len(sent(portions, AnswerCall)) == 60 + 20 * (len(MANY) - 1)


def test_what_completed_before_any_number_was_grouped_with_it_ends_them() -> None:
    of = scenario(MANAGER).given(
        *history(ONE), *(event for id in MANY[1:] for event in awaited(id, 40))
    )
    of.when(report(JobState.COMPLETED, ONE)).when(GROUP)
    of.then(e.SimulationsGrouped, e.CancellationContinues)
    of.portions()
    assert {one(of, id).state for id in MANY[1:]} == {JobState.CANCELLED}
