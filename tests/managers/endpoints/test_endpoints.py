"""Where data arrives: opened, closed, each arrival once, failures of pulls once."""

from typing import Any
from uuid import UUID

from pydantic import HttpUrl

from events import endpoints as e
from events.endpoints import Endpoint
from events.incidents import AnswerCall, Arrival, DeliverArrival
from events.users import EnableUser
from events.values import Content, IncidentId, ReplyTo
from managers.endpoints import Endpoints, EndpointState, PullBroke, PullBrought, endpoint_manager
from managers.runtime import Assignment, Work
from tests.managers.scenario import Scenario, scenario

ID = IncidentId("i-1")
REPLY = ReplyTo(incident=ID, run=UUID(int=9), call="open")
FEED = HttpUrl("http://feed.example/fires.csv")


def nobody(assigned: Assignment[Endpoints, EndpointState]) -> Work[EndpointState]:
    raise AssertionError("a decision has no hands")


MANAGER = endpoint_manager(nobody)


def opens(name: str = "hot", stage: str = "read", **more: Any) -> e.OpenEndpoint:
    where = more or {"path": f"{name}{ID}"}
    endpoint = Endpoint(incident=ID, name=name, stage=stage, **where)
    return e.OpenEndpoint(endpoint=endpoint, reply_to=REPLY)


def pulling() -> Scenario[Endpoints]:
    return scenario(MANAGER).when(opens("feed", url=FEED, period=60.0))


def arrival(number: int, endpoint: str = "hot") -> Arrival:
    return Arrival(
        id=UUID(int=number),
        endpoint=endpoint,
        received=1.0,
        content=Content(size=1, inline=b"x"),
        source="push",
    )


def push(number: int, endpoint: str = "hot", place: e.Place | None = None) -> e.ReceivePush:
    return e.ReceivePush(arrival=arrival(number, endpoint), place=place)


def place(series: int, number: int) -> e.Place:
    return e.Place(series=UUID(int=series), number=number)


def state(of: Scenario[Endpoints], name: str = "feed") -> EndpointState:
    assert of.state is not None
    return of.state.by_name[name]


def test_an_endpoint_is_opened_once_and_answered_each_time() -> None:
    of = scenario(MANAGER).when(opens()).then(e.EndpointOpened, AnswerCall)
    of.when(opens()).then(AnswerCall)
    of.when(opens(stage="other")).rejected("there is an endpoint hot already, close it first")


def test_it_is_pushed_to_or_pulled_from() -> None:
    both = opens(path="x", url=FEED, period=60.0)
    scenario(MANAGER).when(both).rejected("either pushed to a path or pulled from a URL")
    neither = opens(credential="x")
    scenario(MANAGER).when(neither).rejected("either pushed to a path or pulled from a URL")
    scenario(MANAGER).when(opens(url=FEED)).rejected("a pull needs a period")


def test_what_arrives_goes_to_its_stage_once() -> None:
    of = scenario(MANAGER).when(opens()).when(push(1)).then(e.DataArrived, DeliverArrival)
    of.when(push(1)).then().when(push(2)).then(e.DataArrived, DeliverArrival)
    of.when(push(1)).then().when(push(2)).then()


def test_the_newest_ten_thousand_arrivals_are_remembered_and_not_many_more() -> None:
    of = scenario(MANAGER).when(opens())
    of.given(*(e.DataArrived(arrival=arrival(number)) for number in range(11_000)))
    of.when(push(1000)).then().when(push(10_999)).then()
    of.when(push(0)).then(e.DataArrived, DeliverArrival)
    assert sum(map(len, state(of, "hot").arrived.newest)) <= 11_000


def test_an_arrival_in_a_series_takes_effect_once_however_many_came_since() -> None:
    of = scenario(MANAGER).when(opens())
    of.given(
        *(
            e.DataArrived(arrival=arrival(number), place=place(number % 12_000, number // 12_000))
            for number in range(24_000)
        )
    )
    of.when(push(0, place=place(0, 0))).then().when(push(12_000, place=place(0, 1))).then()
    of.when(push(24_000, place=place(0, 2))).then(e.DataArrived, DeliverArrival)
    of.when(push(24_000, place=place(0, 2))).then()
    of.when(push(23_999, place=place(11_999, 1))).then()
    of.when(push(9, place=place(12_000, 0))).then(e.DataArrived, DeliverArrival)


def test_arrivals_in_series_do_not_make_others_forgotten() -> None:
    of = scenario(MANAGER).when(opens()).when(push(1))
    pushed = (e.DataArrived(arrival=arrival(n), place=place(n, 1)) for n in range(2, 11_000))
    of.given(*pushed).when(push(1)).then()


def test_where_there_is_no_endpoint_nothing_arrives() -> None:
    of = scenario(MANAGER).when(push(1)).rejected("there is no endpoint hot (any more)")
    of.when(opens()).when(e.CloseEndpoint(name="hot", reply_to=REPLY))
    of.then(e.EndpointClosed, AnswerCall).when(push(1)).rejected("no endpoint hot")
    assert of.state is None
    of.when(e.CloseEndpoint(name="hot", reply_to=REPLY)).then(AnswerCall)


def test_with_the_incident_all_are_closed() -> None:
    of = scenario(MANAGER).when(opens("one")).when(opens("two"))
    of.when(e.CloseAllEndpoints()).then(e.EndpointClosed(name="one"), e.EndpointClosed(name="two"))
    assert of.state is None
    of.when(e.CloseAllEndpoints()).then()


def test_any_number_is_closed_in_portions() -> None:
    names = [f"hot-{number:0>90}" for number in range(6000)]
    opened = [
        e.EndpointOpened(endpoint=opens(name, url=FEED, period=60.0).endpoint) for name in names
    ]
    of = scenario(MANAGER).given(*opened).when(e.CloseAllEndpoints())
    of.then(e.ClosingContinues).when(push(1, names[0])).rejected("no endpoint hot-0")
    assert of.state is not None
    assert not MANAGER.under_way(of.state)
    of.when(opens(names[-1], "clean-up")).then(e.EndpointOpened, AnswerCall)
    effects = [effect for each in of.portions() for effect in each]
    closed = [one.name for one in effects if isinstance(one, e.EndpointClosed)]
    assert closed == names[:-1]
    assert [*of.state.by_name] == names[-1:]


def test_only_pulls_are_work() -> None:
    of = pulling().when(opens())
    assert of.state is not None
    assert [*MANAGER.under_way(of.state)] == ["feed"]


def test_a_pull_remembers_what_its_source_said_of_the_newest() -> None:
    brought = PullBrought("feed", arrival(1, "feed"), '"e1"', "yesterday", "0" * 64)
    of = pulling().when(brought).then(e.DataArrived, DeliverArrival)
    assert (state(of).etag, state(of).last_modified, state(of).sha256) == (
        '"e1"',
        "yesterday",
        "0" * 64,
    )
    of.when(PullBrought("feed")).then()


def test_a_row_of_failures_is_told_once_and_so_is_its_end() -> None:
    of = pulling().when(PullBroke("feed", "404")).then(e.PullFailed)
    of.when(PullBroke("feed", "404")).then().when(PullBroke("feed", "500")).then(e.PullFailed)
    of.when(PullBrought("feed")).then(e.PullRecovered).when(PullBrought("feed")).then()
    of.when(PullBroke("feed", "404"))
    brought = PullBrought("feed", arrival(1, "feed"))
    of.when(brought).then(e.PullRecovered, e.DataArrived, DeliverArrival)


def test_a_pull_that_outlived_its_endpoint_is_not_heard() -> None:
    of = pulling().when(e.CloseAllEndpoints())
    of.when(PullBroke("feed", "404")).rejected("no endpoint feed")
    of.when(PullBrought("feed")).rejected("no endpoint feed")


def test_commands_of_somebody_else_are_refused() -> None:
    scenario(MANAGER).when(EnableUser(user=UUID(int=1))).rejected("do not take EnableUser")


def test_a_long_reason_is_told_once_like_any_other() -> None:
    broke = PullBroke("feed", "no route, " * 1000)
    pulling().when(broke).then(e.PullFailed).when(broke).then()
