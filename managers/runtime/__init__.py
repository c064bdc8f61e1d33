"""The shell around every manager: take over, fold, pull, decide, append, act. Written once."""

from managers.runtime.about import about
from managers.runtime.crashpoints import crash_point
from managers.runtime.ends import Ends
from managers.runtime.failures import Failure, Failures
from managers.runtime.folding import PartitionBroken, PartitionState, fold_records, kept_state
from managers.runtime.inbox import Reply
from managers.runtime.manager import (
    Assignment,
    Chain,
    Decided,
    Effect,
    Given,
    Manager,
    Rejected,
    Send,
    Tell,
    Work,
)
from managers.runtime.owner import Owner
from managers.runtime.service import Service
from managers.runtime.share import Share
from managers.runtime.snapshots import NoSnapshots, Snapshot, Snapshots
from managers.runtime.surroundings import Surroundings
from managers.runtime.work import NotTaken, TaskWork, hand_over
from managers.runtime.workforce import Workforce

__all__ = [
    "Assignment",
    "Chain",
    "Decided",
    "Effect",
    "Ends",
    "Failure",
    "Failures",
    "Given",
    "Manager",
    "NoSnapshots",
    "NotTaken",
    "Owner",
    "PartitionBroken",
    "PartitionState",
    "Rejected",
    "Reply",
    "Send",
    "Service",
    "Share",
    "Snapshot",
    "Snapshots",
    "Surroundings",
    "TaskWork",
    "Tell",
    "Work",
    "Workforce",
    "about",
    "crash_point",
    "fold_records",
    "hand_over",
    "kept_state",
]
