"""What people and other managers wish of the fleet, and what its interface says of it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from events.checkups import Checkup
from events.jobs import JobOptions, JobState
from events.machines.changes import MachineChanges
from events.machines.load import MachineCondition, StartEstimate
from events.machines.settings import MachineSettings
from events.prose import Prose
from events.simulations import Resources
from events.values import Command, Identifier, IncidentId
from events.words import Word


class AddMachine(Command):
    type: Literal["AddMachine"] = "AddMachine"
    settings: MachineSettings
    enable: bool = False
    """Whether jobs may go there at once."""


class EditMachine(Command):
    """Refused where jobs of ours would not be found any more."""

    type: Literal["EditMachine"] = "EditMachine"
    name: Identifier
    changes: MachineChanges


class ChangeMachine(Command):
    """As older systems said it: all settings, whatever they are by then."""

    type: Literal["ChangeMachine"] = "ChangeMachine"
    settings: MachineSettings


class RemoveMachine(Command):
    """Refused while jobs of ours are there."""

    type: Literal["RemoveMachine"] = "RemoveMachine"
    name: Identifier


class EnableMachine(Command):
    type: Literal["EnableMachine"] = "EnableMachine"
    name: Identifier


class DisableMachine(Command):
    """No new job goes there; those there are followed to their end."""

    type: Literal["DisableMachine"] = "DisableMachine"
    name: Identifier


class AllowLogin(Command):
    """Somebody has seen to it that the machine lets us in: it may be tried again, once."""

    type: Literal["AllowLogin"] = "AllowLogin"
    name: Identifier


class CheckMachine(Command):
    """Find out all that can be known of a machine, with a job of its own."""

    type: Literal["CheckMachine"] = "CheckMachine"
    name: Identifier
    check: UUID


class EstimateStart(Command):
    """Ask when a job would start if it were submitted now; nothing is."""

    type: Literal["EstimateStart"] = "EstimateStart"
    name: Identifier
    estimate: UUID
    resources: Resources
    options: JobOptions = JobOptions()


# Commands of other managers.


class ChooseMachine(Command):
    type: Literal["ChooseMachine"] = "ChooseMachine"
    simulation: UUID
    incident: IncidentId
    resources: Resources
    wanted: Identifier | None = None
    owner: str = ""
    """Who made the incident."""
    account: Word = ""
    """That it asks for itself."""


class LeaveMachine(Command):
    """A simulation has ended and no longer counts as load."""

    type: Literal["LeaveMachine"] = "LeaveMachine"
    simulation: UUID
    state: JobState


class RejoinMachine(Command):
    """A simulation that had left its machine turned out not to have ended."""

    type: Literal["RejoinMachine"] = "RejoinMachine"
    simulation: UUID
    incident: IncidentId
    name: Identifier


class SeeMachine(MachineCondition, Command):
    """The Machine Interface's word on whether and how a machine answers."""

    type: Literal["SeeMachine"] = "SeeMachine"
    name: Identifier


class SeeCheckup(Command):
    """The Machine Interface's word on what a check found."""

    type: Literal["SeeCheckup"] = "SeeCheckup"
    name: Identifier
    checkup: Checkup


class SeeEstimate(Command):
    """The Machine Interface's word on when a job would start."""

    type: Literal["SeeEstimate"] = "SeeEstimate"
    name: Identifier
    estimate: StartEstimate


class SeeTrouble(Command):
    """The Machine Interface's word on what it cannot do there; empty: nothing any more."""

    type: Literal["SeeTrouble"] = "SeeTrouble"
    name: Identifier
    reason: Prose
    full: bool = False
    """Whether it is that there is no room for files of ours: nothing is submitted there."""


MachineCommand = Annotated[
    AddMachine
    | EditMachine
    | ChangeMachine
    | RemoveMachine
    | EnableMachine
    | DisableMachine
    | AllowLogin
    | CheckMachine
    | EstimateStart
    | ChooseMachine
    | LeaveMachine
    | RejoinMachine
    | SeeMachine
    | SeeCheckup
    | SeeEstimate
    | SeeTrouble,
    Field(discriminator="type"),
]
