"""What befell the fleet."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from events.checkups import Checkup
from events.machines.commands import ChooseMachine
from events.machines.load import MachineCondition, StartEstimate
from events.machines.settings import MachineSettings
from events.prose import Prose
from events.values import Event, Identifier, IncidentId


class MachineAdded(Event):
    type: Literal["MachineAdded"] = "MachineAdded"
    settings: MachineSettings


class MachineChanged(Event):
    type: Literal["MachineChanged"] = "MachineChanged"
    settings: MachineSettings


class MachineRemoved(Event):
    type: Literal["MachineRemoved"] = "MachineRemoved"
    name: Identifier


class MachineEnabled(Event):
    type: Literal["MachineEnabled"] = "MachineEnabled"
    name: Identifier


class MachineDisabled(Event):
    type: Literal["MachineDisabled"] = "MachineDisabled"
    name: Identifier


class LoginAllowed(Event):
    type: Literal["LoginAllowed"] = "LoginAllowed"
    name: Identifier


class MachineSeen(MachineCondition, Event):
    type: Literal["MachineSeen"] = "MachineSeen"
    name: Identifier


class MachineChecked(Event):
    """What a check found; what it learned counts until the machine's settings change."""

    type: Literal["MachineChecked"] = "MachineChecked"
    name: Identifier
    checkup: Checkup


class StartEstimated(Event):
    """When a job would start that somebody asked about; nothing is decided by it."""

    type: Literal["StartEstimated"] = "StartEstimated"
    name: Identifier
    estimate: StartEstimate


class TroubleSeen(Event):
    """What keeps work of ours on the machine from going on; empty: nothing any more."""

    type: Literal["TroubleSeen"] = "TroubleSeen"
    name: Identifier
    reason: Prose
    full: bool = False
    """Whether it is that there is no room for files of ours: nothing is submitted there."""


class MachineChosen(Event):
    type: Literal["MachineChosen"] = "MachineChosen"
    simulation: UUID
    incident: IncidentId
    name: Identifier
    explanation: Prose


class NoMachineFound(Event):
    """No machine will ever do."""

    type: Literal["NoMachineFound"] = "NoMachineFound"
    simulation: UUID
    incident: IncidentId
    reason: Prose


class ChoicePostponed(Event):
    """Machines would do, but none is enabled and reachable now."""

    type: Literal["ChoicePostponed"] = "ChoicePostponed"
    wanted: ChooseMachine
    reason: Prose


class PostponedJudged(Event):
    """Since a machine changed, all that is postponed is judged again, many in portions."""

    type: Literal["PostponedJudged"] = "PostponedJudged"
    more: bool
    """Whether others are left, which are judged at once."""


class MachineLeft(Event):
    type: Literal["MachineLeft"] = "MachineLeft"
    simulation: UUID
    name: Identifier | None
    """None if it still waited for a machine."""


class MachineRejoined(Event):
    """What had left turned out not to have ended."""

    type: Literal["MachineRejoined"] = "MachineRejoined"
    simulation: UUID
    name: Identifier


MachineEvent = Annotated[
    MachineAdded
    | MachineChanged
    | MachineRemoved
    | MachineEnabled
    | MachineDisabled
    | LoginAllowed
    | MachineSeen
    | MachineChecked
    | StartEstimated
    | TroubleSeen
    | MachineChosen
    | NoMachineFound
    | ChoicePostponed
    | PostponedJudged
    | MachineLeft
    | MachineRejoined,
    Field(discriminator="type"),
]
