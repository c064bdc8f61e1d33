"""Commands and events of data sets: what there is, where its bytes lie, what replaced it.

Key: the incident's id.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from events.prose import Prose
from events.values import Blob, Command, Event, IncidentId, Name, ReplyTo, Value


class DataSet(Value):
    """A data set of an incident; its bytes are named by their digest."""

    id: UUID
    name: Name
    type: str = Field(default="", max_length=255)
    """What clients key on, such as `2D_FIRE`."""
    media_type: str = "application/octet-stream"
    blob: Blob
    comment: Prose = ""
    simulation: UUID | None = None
    """That made it."""


class RegisterDataSet(Command):
    type: Literal["RegisterDataSet"] = "RegisterDataSet"
    incident: IncidentId
    data_set: DataSet
    supersedes: tuple[UUID, ...] = ()
    reply_to: ReplyTo | None = None


class ListDataSets(Command):
    """Answered with a `DataSetPage`: the newest first, without superseded ones."""

    type: Literal["ListDataSets"] = "ListDataSets"
    before: UUID | None = None
    """Only data sets that were registered before this one."""
    reply_to: ReplyTo


class DataSetPage(Value):
    """As many data sets as an answer has room for."""

    data_sets: tuple[DataSet, ...]
    older: bool
    """Whether there are more, before the last one here."""


class CloseDataSets(Command):
    """The incident is over: no stage asks for them any more."""

    type: Literal["CloseDataSets"] = "CloseDataSets"


class DataSetRegistered(Event):
    type: Literal["DataSetRegistered"] = "DataSetRegistered"
    incident: IncidentId
    data_set: DataSet


class DataSetSuperseded(Event):
    type: Literal["DataSetSuperseded"] = "DataSetSuperseded"
    data_set: UUID
    by: UUID


class DataSetsClosed(Event):
    """They stay what they are; only the manager forgets them."""

    type: Literal["DataSetsClosed"] = "DataSetsClosed"


DataSetCommand = Annotated[
    RegisterDataSet | ListDataSets | CloseDataSets, Field(discriminator="type")
]
DataSetEvent = Annotated[
    DataSetRegistered | DataSetSuperseded | DataSetsClosed, Field(discriminator="type")
]
