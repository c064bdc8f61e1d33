"""What befell a machine itself: how it is spoken to and by whom, how it fares."""

from typing import Literal
from uuid import UUID

from events.checkups import Checkup
from events.jobs import JobRequest
from events.machines import MachineCondition, MachineSettings, StartEstimate
from events.prose import Prose
from events.values import Event, Identifier


class MachineConfigured(Event):
    type: Literal["MachineConfigured"] = "MachineConfigured"
    settings: MachineSettings


class TurnTaken(Event):
    """A process that the machine names works on it, until another one does or settings change."""

    type: Literal["TurnTaken"] = "TurnTaken"
    agent: Identifier
    turn: UUID


class LoginIntended(Event):
    """A refused login is tried again, once; before it nothing is done on the machine."""

    type: Literal["LoginIntended"] = "LoginIntended"


class CheckIntended(Event):
    """The machine is asked about itself, and a job of a second is run there, named by the check."""

    type: Literal["CheckIntended"] = "CheckIntended"
    check: UUID


class CheckConcluded(Event):
    type: Literal["CheckConcluded"] = "CheckConcluded"
    check: UUID
    checkup: Checkup


class EstimateWanted(Event):
    type: Literal["EstimateWanted"] = "EstimateWanted"
    estimate: UUID
    request: JobRequest


class EstimateGiven(Event):
    type: Literal["EstimateGiven"] = "EstimateGiven"
    estimate: StartEstimate


class MachineForgotten(Event):
    type: Literal["MachineForgotten"] = "MachineForgotten"


class RoomSeen(Event):
    """Whether files of ours have room there: while they have none, nothing is submitted."""

    type: Literal["RoomSeen"] = "RoomSeen"
    full: Prose = ""
    """Why nothing can be written there; empty: it can."""


class MachineAnswered(MachineCondition, Event):
    """Reachability changed, or its load did."""

    type: Literal["MachineAnswered"] = "MachineAnswered"


OfMachine = (
    MachineConfigured
    | TurnTaken
    | LoginIntended
    | CheckIntended
    | CheckConcluded
    | EstimateWanted
    | EstimateGiven
    | MachineForgotten
    | RoomSeen
    | MachineAnswered
)
