"""The table of everything that can be asked of the gateway; the API's description is made of it."""

from dataclasses import dataclass, replace

from pydantic import BaseModel

from events.machines import MachineChanges, StartEstimate
from interfaces.gateway import (
    incidents,
    live,
    logins,
    machine_settings,
    machines,
    results,
    simulations,
    writes,
)
from interfaces.gateway.auth import AccessToken, Doorkeeper, Login
from interfaces.gateway.exchange import Page, PageQuery
from interfaces.gateway.health import Health, health
from interfaces.gateway.metrics import Metrics
from interfaces.gateway.problems import Handler
from interfaces.gateway.writes import NotKnownYet
from interfaces.showing import ShownMachine, ShownSimulation
from projections.audit import AuditLine
from projections.commands import Outcome
from projections.data_sets import DataSet
from projections.graph import Graph
from projections.incidents import Incident
from projections.journal import Entry
from projections.machines import Machine
from projections.questions import Question
from projections.simulations import Simulation
from projections.timeline import TimelineEvent


@dataclass(frozen=True)
class Route:
    """One operation: where it is, what goes in and what comes out."""

    method: str
    path: str
    handler: Handler
    answer: type[BaseModel] | str
    """A model, or the media type of what is not JSON."""
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    status: int = 200
    anonymous: bool = False
    administrators: bool = False
    """Whether nobody else may."""
    later: bool = False
    """Whether it may be answered with "not known yet", as every write may."""

    @property
    def writes(self) -> bool:
        return self.method == "POST" and not self.anonymous

    @property
    def summary(self) -> str:
        sentence = (self.handler.__doc__ or "").strip().splitlines()[0]
        return f"{sentence} For administrators." if self.administrators else sentence


def operator_routes(metrics: Metrics) -> list[Route]:
    """What every process of a system answers, whichever parts it runs."""
    return [
        Route("GET", "/health", health, Health, anonymous=True),
        Route("GET", "/metrics", metrics.show, "text/plain", anonymous=True),
    ]


def api_routes(doorkeeper: Doorkeeper) -> list[Route]:
    """The operations of the API."""
    return [
        Route("POST", "/api/v1/login", doorkeeper.login, AccessToken, body=Login, anonymous=True),
        *_of_incidents(),
        *_of_simulations(),
        Route("GET", "/api/v1/data-sets/{id}/content", results.content, "application/octet-stream"),
        *_of_machines(),
        Route("GET", "/api/v1/commands/{id}", writes.command, Outcome),
        Route("GET", "/api/v1/events", live.live, "text/event-stream", query=live.LiveQuery),
    ]


def _of_incidents() -> list[Route]:
    i, one = incidents, "/api/v1/incidents/{id}"
    return [
        Route("POST", "/api/v1/incidents", i.create, Incident, body=i.NewIncident, status=201),
        Route("GET", "/api/v1/incidents", i.list_all, Page[Incident], query=i.IncidentQuery),
        Route("GET", one, i.one, Incident),
        Route("POST", f"{one}/activate", i.activate, Incident),
        Route("POST", f"{one}/urgency", i.set_urgency, Incident, body=i.UrgencyChange),
        Route("POST", f"{one}/cancel", i.cancel, Incident, body=i.Cancellation),
        Route("POST", f"{one}/retry", i.retry, Incident, body=i.Retry),
        Route("GET", f"{one}/questions", i.questions, Page[Question]),
        Route("POST", f"{one}/answer", i.choose, Incident, body=i.Answer),
        Route("POST", f"{one}/archive", i.archive, Incident),
        Route("GET", f"{one}/simulations", simulations.list_of_incident, Page[Simulation]),
        Route("GET", f"{one}/data-sets", results.data_sets, Page[DataSet]),
        Route("GET", f"{one}/graph", i.graph, Graph, query=i.GraphQuery),
        Route("GET", f"{one}/timeline", i.timeline, Page[TimelineEvent], query=PageQuery),
        Route("GET", f"{one}/log", i.log, Page[Entry]),
    ]


def _of_simulations() -> list[Route]:
    s, one = simulations, "/api/v1/simulations/{id}"
    return [
        Route("GET", one, s.one, ShownSimulation),
        Route("POST", f"{one}/cancel", s.cancel, ShownSimulation, body=s.Why),
        Route("POST", f"{one}/retry", s.retry, ShownSimulation),
        Route("POST", f"{one}/hold", s.hold, ShownSimulation, body=s.Why),
        Route("POST", f"{one}/release", s.release, ShownSimulation, body=s.Why),
        Route("POST", f"{one}/refresh", s.refresh, ShownSimulation),
    ]


def _of_machines() -> list[Route]:
    m, of, all = machines, machine_settings, machines.MACHINES
    one = f"{all}/{{name}}"
    estimate, estimates = f"{one}/estimate", f"{one}/estimates/{{id}}"
    for_all = [
        Route("GET", all, m.list_all, Page[Machine]),
        Route("GET", one, m.one, ShownMachine),
        Route("GET", f"{one}/checkup", m.checkup, m.Checked, query=m.CheckupQuery, later=True),
        Route("GET", estimates, m.estimated, StartEstimate, later=True),
    ]
    for_administrators = [
        Route("POST", all, of.add, ShownMachine, body=of.NewMachine, status=201),
        Route("POST", f"{one}/edit", of.edit, ShownMachine, body=MachineChanges),
        Route("POST", f"{one}/enable", m.enable, ShownMachine),
        Route("POST", f"{one}/disable", m.disable, ShownMachine),
        Route("POST", f"{one}/drain", m.drain, ShownMachine),
        Route("POST", f"{one}/remove", m.remove, Outcome),
        Route("POST", f"{one}/login", m.allow_login, ShownMachine),
        Route("GET", f"{one}/login", logins.login, "application/json", status=101),
        Route("POST", f"{one}/check", m.check, NotKnownYet, status=202),
        Route("POST", estimate, m.estimate, NotKnownYet, body=m.JobInMind, status=202),
        Route("GET", f"{one}/audit", m.audit, Page[AuditLine], query=PageQuery),
    ]
    return [*for_all, *(replace(route, administrators=True) for route in for_administrators)]
