"""What commands and events of incidents are about."""

from enum import StrEnum
from typing import Literal
from uuid import UUID

from events.prose import Prose
from events.values import (
    Content,
    Document,
    Identifier,
    Value,
)


class IncidentStatus(StrEnum):
    """As shown to users; `ERROR` means a stage failed and an operator is needed."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    ERROR = "ERROR"
    ARCHIVED = "ARCHIVED"


class Arrival(Value):
    """Data that came in at an endpoint."""

    id: UUID
    endpoint: Identifier
    received: float
    """Seconds since the epoch."""
    content: Content
    source: str
    """Who sent it: a URL that was pulled, or how it was pushed."""


class Delivery(Value):
    """A message for a stage, as its sender gives it."""

    stage: Identifier
    message: Document = Document()
    after: float = 0.0
    """Seconds to wait before it is delivered."""


class Ending(Value):
    """How an incident ends."""

    outcome: Literal[IncidentStatus.COMPLETE, IncidentStatus.CANCELLED]
    reason: Prose = ""

    @property
    def sentence(self) -> str:
        """Why all that belongs to the incident ends with it."""
        return f"the incident ends: {self.reason or self.outcome}"
