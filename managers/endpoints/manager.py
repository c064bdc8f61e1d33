"""State, decisions and runtime form of the External Data Interface."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from events import endpoints as e
from events.endpoints import Endpoint
from events.incidents import Arrival, DeliverArrival
from events.values import Context, Event
from managers.answers import answer
from managers.endpoints.arrived import Arrived
from managers.portions import GoOn, at_once, portion
from managers.runtime import (
    Assignment,
    Effect,
    Given,
    Manager,
    Rejected,
    Send,
    Work,
)
from managers.runtime.manager import Input


@dataclass(frozen=True, slots=True)
class EndpointState:
    """An endpoint, and for a pull what its source said last."""

    endpoint: Endpoint
    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None
    failing: str | None = None
    arrived: Arrived = field(default_factory=Arrived)
    closing: bool = False
    """It is as good as closed, and will be as soon as its turn comes."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The open endpoints of one incident, by name."""

    by_name: Mapping[str, EndpointState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PullBrought:
    """A pull got an answer, of which the source said this; no arrival: it has nothing new."""

    name: str
    arrival: Arrival | None = None
    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class PullBroke:
    """A pull failed."""

    name: str
    reason: str


Hands = Callable[[Assignment[Endpoints, EndpointState]], Work[EndpointState]]


def endpoint_manager(hands: Hands) -> Manager[Endpoints, EndpointState]:
    """The manager of endpoints; its hands pull."""
    return Manager(
        context=Context.ENDPOINTS,
        sources=(Context.INCIDENTS,),
        state=Endpoints,
        fold=5,
        decide=decide,
        evolve=evolve,
        under_way=_pulls,
        begin=hands,
        due=_due,
        clock=GoOn(),
    )


def _pulls(endpoints: Endpoints) -> Mapping[str, EndpointState]:
    return {
        name: state
        for name, state in endpoints.by_name.items()
        if state.endpoint.url is not None and not state.closing
    }


def _due(endpoints: Endpoints) -> float | None:
    return at_once(sum(state.closing for state in endpoints.by_name.values()))


def evolve(was: Endpoints | None, event: Event) -> Endpoints | None:
    """The endpoints after an event; None when the last one is closed."""
    was = was or Endpoints()
    match event:
        case e.EndpointOpened():
            return _with(was, EndpointState(event.endpoint))
        case e.EndpointClosed():
            left = dict(was.by_name)
            left.pop(event.name, None)
            return Endpoints(left) if left else None
        case e.ClosingContinues():
            every = was.by_name.items()
            return Endpoints({name: replace(state, closing=True) for name, state in every})
        case e.DataArrived():
            return _with(was, _arrived(was.by_name[event.arrival.endpoint], event))
        case e.PullFailed():
            return _with(was, replace(was.by_name[event.name], failing=event.reason))
        case e.PullRecovered():
            return _with(was, replace(was.by_name[event.name], failing=None))
    return was


def _arrived(was: EndpointState, event: e.DataArrived) -> EndpointState:
    return replace(
        was,
        etag=event.etag,
        last_modified=event.last_modified,
        sha256=event.sha256,
        arrived=was.arrived.and_also(event.arrival.id, event.place),
    )


def decide(was: Endpoints | None, input: Input, given: Given) -> Iterable[Effect]:
    """The effects of one command, or of a pull, on an incident's endpoints."""
    was = was or Endpoints()
    match input:
        case e.ReceivePush():
            return _receive(_find(was, input.arrival.endpoint), input.arrival, input.place)
        case PullBrought():
            return _brought(was, input)
        case PullBroke():
            return _broke(was, input)
        case e.OpenEndpoint():
            return _open(was, input)
        case e.CloseEndpoint():
            return _close(was, input)
        case e.CloseAllEndpoints():
            effects, more = portion(_closed(was.by_name))
            return [e.ClosingContinues()] if more else effects
        case GoOn():
            closing = (name for name, state in was.by_name.items() if state.closing)
            return portion(_closed(closing))[0]
    raise Rejected(f"endpoints do not take {type(input).__name__}")


def _find(was: Endpoints, name: str) -> EndpointState:
    state = was.by_name.get(name)
    if state is None or state.closing:
        raise Rejected(f"there is no endpoint {name} (any more)")
    return state


def _closed(names: Iterable[str]) -> Iterator[Sequence[Effect]]:
    return ([e.EndpointClosed(name=name)] for name in names)


def _open(was: Endpoints, wanted: e.OpenEndpoint) -> Iterator[Effect]:
    endpoint = wanted.endpoint
    if (endpoint.url is None) == (endpoint.path is None):
        raise Rejected("an endpoint is either pushed to a path or pulled from a URL")
    if endpoint.url is not None and endpoint.period is None:
        raise Rejected("a pull needs a period")
    known = was.by_name.get(endpoint.name)
    if known is not None and known.closing:
        known = None
    if known is not None and known.endpoint != endpoint:
        raise Rejected(f"there is an endpoint {endpoint.name} already, close it first")
    if known is None:
        yield e.EndpointOpened(endpoint=endpoint)
    yield from answer(wanted.reply_to, {"path": endpoint.path})


def _close(was: Endpoints, wanted: e.CloseEndpoint) -> Iterator[Effect]:
    if wanted.name in was.by_name:
        yield e.EndpointClosed(name=wanted.name)
    yield from answer(wanted.reply_to)


def _receive(
    state: EndpointState,
    arrival: Arrival,
    place: e.Place | None = None,
    pulled: PullBrought | None = None,
) -> Iterator[Effect]:
    if state.arrived.has(arrival.id, place):
        return
    yield e.DataArrived(
        arrival=arrival,
        place=place,
        etag=pulled.etag if pulled else None,
        last_modified=pulled.last_modified if pulled else None,
        sha256=pulled.sha256 if pulled else None,
    )
    deliver = DeliverArrival(stage=state.endpoint.stage, arrival=arrival)
    yield Send(Context.INCIDENTS, state.endpoint.incident, deliver)


def _brought(was: Endpoints, input: PullBrought) -> Iterator[Effect]:
    state = _find(was, input.name)
    if state.failing is not None:
        yield e.PullRecovered(name=input.name)
    if input.arrival is not None:
        yield from _receive(state, input.arrival, pulled=input)


def _broke(was: Endpoints, input: PullBroke) -> Iterator[Effect]:
    failed = e.PullFailed(name=input.name, reason=input.reason)
    if _find(was, input.name).failing != failed.reason:
        yield failed


def _with(was: Endpoints, state: EndpointState) -> Endpoints:
    return replace(was, by_name={**was.by_name, state.endpoint.name: state})
