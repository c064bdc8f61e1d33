"""What workflow authors write with, and the use cases that come with VESTEC.

A workflow is a `Workflow` with stages; a stage talks to the system through its `Incident`. Found by
entry point (`vestec.workflows`), so a use case can live in a package of its own.
"""

from events.datasets import DataSet
from events.jobs import After, JobState, Mail, Waiting
from events.simulations import SimulationResult
from events.values import Blob
from workflows.arrivals import Arrival
from workflows.durations import days, hours, minutes, seconds
from workflows.errors import CallFailed, NotText, Reject, SimulationFailed, StageError
from workflows.incident import Incident
from workflows.simulations import Simulation, SimulationCallback
from workflows.workflow import NoParameters, NoState, Retry, Stage, Workflow

__all__ = [
    "After",
    "Arrival",
    "Blob",
    "CallFailed",
    "DataSet",
    "Incident",
    "JobState",
    "Mail",
    "NoParameters",
    "NoState",
    "NotText",
    "Reject",
    "Retry",
    "Simulation",
    "SimulationCallback",
    "SimulationFailed",
    "SimulationResult",
    "Stage",
    "StageError",
    "Waiting",
    "Workflow",
    "days",
    "hours",
    "minutes",
    "seconds",
]
