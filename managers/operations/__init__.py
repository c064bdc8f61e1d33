"""The Machine Interface's own log: what is being done on each machine, and was.

Announce, act, conclude: the acting is done by hands in `interfaces.machines`.
"""

from managers.operations.folders import Folder, folder_of, still_removed
from managers.operations.inputs import (
    CancelTaken,
    CheckedUp,
    Estimated,
    FolderGone,
    HoldTaken,
    HoldTurnedDown,
    JobSeen,
    MachineLooked,
    OutputsStored,
    RoomLooked,
    StartSeen,
    SubmissionAbsent,
    SubmissionAnswered,
    SubmissionImpossible,
    SubmissionInDoubt,
    SubmissionTurnedDown,
    TaskFails,
    written,
)
from managers.operations.job import Job, OfJob, Phase, job_after, job_of
from managers.operations.manager import FOLD, operations_manager
from managers.operations.reports import gone_without_a_word, is_foreseen_anew, is_news
from managers.operations.state import MachineJobs
from managers.operations.tasks import (
    Cancel,
    CheckUp,
    Collect,
    Estimate,
    Hold,
    LookOut,
    Remove,
    Submit,
    Task,
    Watch,
    on_machine,
)

__all__ = [
    "FOLD",
    "Cancel",
    "CancelTaken",
    "CheckUp",
    "CheckedUp",
    "Collect",
    "Estimate",
    "Estimated",
    "Folder",
    "FolderGone",
    "Hold",
    "HoldTaken",
    "HoldTurnedDown",
    "Job",
    "JobSeen",
    "LookOut",
    "MachineJobs",
    "MachineLooked",
    "OfJob",
    "OutputsStored",
    "Phase",
    "Remove",
    "RoomLooked",
    "StartSeen",
    "SubmissionAbsent",
    "SubmissionAnswered",
    "SubmissionImpossible",
    "SubmissionInDoubt",
    "SubmissionTurnedDown",
    "Submit",
    "Task",
    "TaskFails",
    "Watch",
    "folder_of",
    "gone_without_a_word",
    "is_foreseen_anew",
    "is_news",
    "job_after",
    "job_of",
    "on_machine",
    "operations_manager",
    "still_removed",
    "written",
]
