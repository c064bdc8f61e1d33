"""An incident of a made-up workflow, with a stage for every option."""

from typing import Any
from uuid import UUID

from pydantic import JsonValue

from events import incidents as e
from events.incidents import Arrival, IncidentStatus
from events.values import Content, Document, IncidentId
from managers.incidents import (
    Debounce,
    FinishRun,
    Incident,
    RequestCall,
    Retry,
    Run,
    StagePlan,
    WorkflowPlan,
    incident_manager,
)
from managers.runtime import Assignment, Work
from tests.managers.scenario import NOW, Scenario, scenario

ID = IncidentId("i-1")

STAGES = [
    StagePlan("start"),
    StagePlan("plain"),
    StagePlan("a", lane="shared"),
    StagePlan("b", lane="shared"),
    StagePlan("newest", lane="new", latest=True),
    StagePlan("burst", lane="burst", debounce=Debounce(quiet=10, at_most=25)),
    StagePlan("flaky", retry=Retry(times=2, wait=3, factor=2)),
    StagePlan("clean"),
]


def check(parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Negative sizes are refused, the default is 1."""
    size = parameters.get("size", 1)
    if not isinstance(size, int) or size < 0:
        raise ValueError("size: must not be negative")
    return {"size": size}


def plan(kind: str, *stages: StagePlan, **more: str) -> WorkflowPlan:
    by_name = {stage.name: stage for stage in stages}
    if "newest" in by_name:
        by_name["old-name"] = by_name["newest"]
    return WorkflowPlan(kind, 3, by_name, check, **more)


CATALOGUE = {
    "test": plan("test", *STAGES),
    "whole": plan("whole", *STAGES, on_activate="start", on_end="clean"),
    "stubborn": plan("stubborn", *STAGES, on_end="flaky"),
    "ticking": plan("ticking", *STAGES, StagePlan("tick", lane="tick", every=60.0)),
}


def nobody(assigned: Assignment[Incident, Run]) -> Work[Run]:
    raise AssertionError("a decision has no hands")


MANAGER = incident_manager(CATALOGUE, nobody)


def empty() -> Scenario[Incident]:
    return scenario(MANAGER)


def created(kind: str = "test") -> Scenario[Incident]:
    return empty().when(e.CreateIncident(incident=ID, kind=kind, name="a fire"))


def active(kind: str = "test") -> Scenario[Incident]:
    return created(kind).when(e.ActivateIncident())


def arrival(number: int = 1, received: float = NOW) -> Arrival:
    return Arrival(
        id=UUID(int=1000 + number),
        endpoint="hot",
        received=received,
        content=Content(size=2, inline=b"\x00\xff"),
        source="push",
    )


def arrives(stage: str, number: int = 1, received: float = NOW) -> e.DeliverArrival:
    return e.DeliverArrival(stage=stage, arrival=arrival(number, received))


def sent(stage: str, message: JsonValue = None, after: float = 0.0) -> e.Deliver:
    delivery = e.Delivery(stage=stage, message=Document(json_value=message), after=after)
    return e.Deliver(delivery=delivery)


def incident(of: Scenario[Incident]) -> Incident:
    assert of.state is not None
    return of.state


def run(of: Scenario[Incident], stage: str) -> Run:
    """The run of a stage that is under way."""
    return next(r for r in incident(of).runs.values() if r.message.stage == stage)


def finished(of: Scenario[Incident], stage: str, **more: Any) -> FinishRun:
    at_work = run(of, stage)
    return FinishRun(at_work.id, at_work.attempt, **more)


def asks(of: Scenario[Incident], stage: str, call: str, **more: Any) -> RequestCall:
    at_work = run(of, stage)
    return RequestCall(at_work.id, at_work.attempt, call, more.pop("name", "ask"), **more)


def status(of: Scenario[Incident]) -> IncidentStatus:
    return incident(of).status
