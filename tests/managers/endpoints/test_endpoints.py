"""Arrivals at endpoints: what comes twice arrives once."""

from uuid import UUID

import pytest

from events.endpoints import DataArrived, Endpoint, EndpointOpened, ReceivePush
from events.incidents import Arrival
from events.values import Content, Event, IncidentId
from managers.endpoints.manager import Endpoints, PullBrought, decide, evolve
from managers.runtime import Given
from managers.runtime.manager import Input

INCIDENT = IncidentId("one")
OPENED = EndpointOpened(endpoint=Endpoint(incident=INCIDENT, name="in", stage="s", path="inone"))


def arrival(number: int) -> Arrival:
    content = Content(size=1, inline=b"x")
    return Arrival(id=UUID(int=number), endpoint="in", received=0.0, content=content, source="test")


def told(state: Endpoints | None, input: Input) -> tuple[Endpoints | None, list[Event]]:
    given = Given(UUID(int=0), 0.0, "", "")
    events = [effect for effect in decide(state, input, given) if isinstance(effect, Event)]
    for event in events:
        state = evolve(state, event)
    return state, events


@pytest.mark.parametrize("between", [0, 1, 100])
def test_a_push_that_is_sent_twice_arrives_once(between: int) -> None:
    state = evolve(None, OPENED)
    for number in range(between + 1):
        state, events = told(state, ReceivePush(arrival=arrival(number)))
        assert len(events) == 1
    assert told(state, ReceivePush(arrival=arrival(0)))[1] == []


def test_what_a_source_said_last_is_known() -> None:
    state = evolve(None, OPENED)
    brought = PullBrought("in", arrival(1), "tag", "monday", "ab" * 32)
    state, (event,) = told(state, brought)
    assert isinstance(event, DataArrived)
    assert state is not None
    known = state.by_name["in"]
    assert (known.etag, known.last_modified, known.sha256) == ("tag", "monday", "ab" * 32)
