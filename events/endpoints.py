"""Commands and events of the places where data arrives: pushed to us, or pulled by us.

Key: the incident's id. A pushed endpoint's *path* is what senders post to: `<name><incident>`.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, HttpUrl

from events.incidents import Arrival
from events.prose import Prose
from events.values import Command, Event, Identifier, IncidentId, ReplyTo, Sha256, Value


class Endpoint(Value):
    """Where data arrives for a stage of an incident."""

    incident: IncidentId
    name: Identifier
    stage: Identifier
    path: str | None = None
    """Of a push; unique among all incidents."""
    credential: str | None = None
    """The name of a secret (kept outside the log) that senders must present."""
    url: HttpUrl | None = None
    """Of a pull."""
    period: float | None = Field(default=None, ge=1.0)
    """Seconds between two pulls."""
    when_changed: bool = True


class Place(Value):
    """An arrival's place in a series, whose numbers only grow: a lower one has been there before.

    An endpoint knows of each series how far it has come, however many arrivals that was ago.
    """

    series: UUID
    number: int


class OpenEndpoint(Command):
    type: Literal["OpenEndpoint"] = "OpenEndpoint"
    endpoint: Endpoint
    reply_to: ReplyTo | None = None


class CloseEndpoint(Command):
    type: Literal["CloseEndpoint"] = "CloseEndpoint"
    name: Identifier
    reply_to: ReplyTo | None = None


class CloseAllEndpoints(Command):
    """The incident ends."""

    type: Literal["CloseAllEndpoints"] = "CloseAllEndpoints"


class ReceivePush(Command):
    type: Literal["ReceivePush"] = "ReceivePush"
    arrival: Arrival
    place: Place | None = None
    """None: the arrival is known by its id, while it is among the newest."""


class EndpointOpened(Event):
    type: Literal["EndpointOpened"] = "EndpointOpened"
    endpoint: Endpoint


class EndpointClosed(Event):
    type: Literal["EndpointClosed"] = "EndpointClosed"
    name: Identifier


class DataArrived(Event):
    type: Literal["DataArrived"] = "DataArrived"
    arrival: Arrival
    place: Place | None = None
    etag: str | None = None
    last_modified: str | None = None
    sha256: Sha256 | None = None
    """Of what a pull brought."""


class PullFailed(Event):
    """The first of a row of failures, and every one with another reason."""

    type: Literal["PullFailed"] = "PullFailed"
    name: Identifier
    reason: Prose


class ClosingContinues(Event):
    """All that are open now are to be closed: too many for one decision."""

    type: Literal["ClosingContinues"] = "ClosingContinues"


class PullRecovered(Event):
    type: Literal["PullRecovered"] = "PullRecovered"
    name: Identifier


EndpointCommand = Annotated[
    OpenEndpoint | CloseEndpoint | CloseAllEndpoints | ReceivePush, Field(discriminator="type")
]
EndpointEvent = Annotated[
    EndpointOpened | EndpointClosed | ClosingContinues | DataArrived | PullFailed | PullRecovered,
    Field(discriminator="type"),
]
