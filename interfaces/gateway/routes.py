"""The table of everything that can be asked of the gateway; the API's description is made of it."""

from dataclasses import dataclass

from pydantic import BaseModel

from interfaces.gateway import incidents, live, logins, machines, results, simulations, writes
from interfaces.gateway.auth import AccessToken, Doorkeeper, Login
from interfaces.gateway.exchange import Page, PageQuery
from interfaces.gateway.health import Health, Metrics, health
from interfaces.gateway.problems import Handler
from interfaces.showing import ShownMachine, ShownSimulation
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

    @property
    def writes(self) -> bool:
        """Whether it may be answered with "not known yet"."""
        return self.method == "POST" and not self.anonymous

    @property
    def summary(self) -> str:
        return (self.handler.__doc__ or "").strip().splitlines()[0]


def operator_routes(metrics: Metrics) -> list[Route]:
    """What every process of a system answers, whichever parts it runs."""
    return [
        Route("GET", "/health", health, Health, anonymous=True),
        Route("GET", "/metrics", metrics.show, "text/plain", anonymous=True),
    ]


def api_routes(doorkeeper: Doorkeeper) -> list[Route]:
    """The operations of the API."""
    i, s, one = incidents, simulations, "/api/v1/incidents/{id}"
    simulation = "/api/v1/simulations/{id}"
    return [
        Route("POST", "/api/v1/login", doorkeeper.login, AccessToken, body=Login, anonymous=True),
        Route("POST", "/api/v1/incidents", i.create, Incident, body=i.NewIncident, status=201),
        Route("GET", "/api/v1/incidents", i.list_all, Page[Incident], query=i.IncidentQuery),
        Route("GET", one, i.one, Incident),
        Route("POST", f"{one}/activate", i.activate, Incident),
        Route("POST", f"{one}/urgency", i.set_urgency, Incident, body=i.Pressing),
        Route("POST", f"{one}/cancel", i.cancel, Incident, body=i.Cancellation),
        Route("POST", f"{one}/retry", i.retry, Incident, body=i.Retry),
        Route("GET", f"{one}/questions", i.questions, Page[Question]),
        Route("POST", f"{one}/answer", i.choose, Incident, body=i.Answer),
        Route("POST", f"{one}/archive", i.archive, Incident),
        Route("GET", f"{one}/simulations", s.list_of_incident, Page[Simulation]),
        Route("GET", f"{one}/data-sets", results.data_sets, Page[DataSet]),
        Route("GET", f"{one}/graph", i.graph, Graph, query=i.GraphQuery),
        Route("GET", f"{one}/timeline", i.timeline, Page[TimelineEvent], query=PageQuery),
        Route("GET", f"{one}/log", i.log, Page[Entry]),
        Route("GET", simulation, s.one, ShownSimulation),
        Route("POST", f"{simulation}/cancel", s.cancel, ShownSimulation, body=s.Why),
        Route("POST", f"{simulation}/retry", s.retry, ShownSimulation),
        Route("POST", f"{simulation}/hold", s.hold, ShownSimulation, body=s.Why),
        Route("POST", f"{simulation}/release", s.release, ShownSimulation, body=s.Why),
        Route("POST", f"{simulation}/refresh", s.refresh, ShownSimulation),
        Route("GET", "/api/v1/data-sets/{id}/content", results.content, "application/octet-stream"),
        Route("GET", "/api/v1/machines", machines.list_all, Page[Machine]),
        Route("GET", "/api/v1/machines/{name}", machines.one, ShownMachine),
        Route("POST", "/api/v1/machines/{name}/login", machines.allow_login, ShownMachine),
        Route("GET", "/api/v1/machines/{name}/login", logins.login, "application/json", status=101),
        Route("GET", "/api/v1/commands/{id}", writes.command, Outcome),
        Route("GET", "/api/v1/events", live.live, "text/event-stream", query=live.LiveQuery),
    ]
