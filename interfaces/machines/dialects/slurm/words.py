"""Slurm's words for the states of jobs and for what they wait for, and what they mean to us.

Source: squeue(1), "JOB STATE CODES" and "JOB REASON CODES"; slurm.h for the rest.
"""

from events.jobs import JobState, Waiting

_ENDED = {
    "COMPLETED": JobState.COMPLETED,
    "FAILED": JobState.FAILED,
    "OUT_OF_MEMORY": JobState.FAILED,
    "TIMEOUT": JobState.TIMEOUT,
    "DEADLINE": JobState.TIMEOUT,
    "CANCELLED": JobState.CANCELLED,
    "REVOKED": JobState.CANCELLED,
}
_UNLESS_REQUEUED = {
    "BOOT_FAIL": JobState.FAILED,
    "LAUNCH_FAILED": JobState.FAILED,
    "NODE_FAIL": JobState.FAILED,
    "PREEMPTED": JobState.FAILED,
    "RECONFIG_FAIL": JobState.FAILED,
}
_ALIVE = {
    "CONFIGURING": JobState.QUEUED,
    "PENDING": JobState.QUEUED,
    "REQUEUED": JobState.QUEUED,
    "REQUEUE_FED": JobState.QUEUED,
    "REQUEUE_HOLD": JobState.HELD,
    "SPECIAL_EXIT": JobState.HELD,
    "RESV_DEL_HOLD": JobState.HELD,
    "COMPLETING": JobState.RUNNING,
    "RESIZING": JobState.RUNNING,
    "RUNNING": JobState.RUNNING,
    "SIGNALING": JobState.RUNNING,
    "STAGE_OUT": JobState.RUNNING,
    "STOPPED": JobState.RUNNING,
    "SUSPENDED": JobState.RUNNING,
}

QUEUE: dict[str, JobState] = {
    **_ALIVE,
    **_ENDED,
    **dict.fromkeys(_UNLESS_REQUEUED, JobState.RUNNING),
}
"""In the queue. What may be requeued in a moment is not over: the accounts say whether it was."""
ACCOUNTS: dict[str, JobState] = {**_ENDED, **_UNLESS_REQUEUED}
"""In the accounts, of what is over; what is alive has the queue's words, late."""

_HELD = (
    "JobHeldUser",
    "JobHeldAdmin",
    "JobHoldMaxRequeue",
    "job requeued in held state",
    "launch failed requeued held",
)
_NEEDS_A_HUMAN = (*_HELD, "ReservationDeleted", "AccountingPolicy")
_MAINTENANCE = ("PartitionDown", "PartitionInactive", "maintenance", "Maintenance")
_IMPOSSIBLE = (
    "AccountNotAllowed",
    "BadConstraints",
    "DependencyNeverSatisfied",
    "InvalidAccount",
    "InvalidQOS",
    "NotAllowed",
    "PartitionConfig",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
    "PerJob",
    "QOSMin",
    "QOSTimeLimit",
)


def is_held(reason: str) -> bool:
    """Whether a pending job waits for somebody to release it."""
    return any(word in reason for word in _HELD)


def waiting(reason: str) -> Waiting:
    """What kind of reason a job waits for; what is not known is taken to pass by itself."""
    for kind, words in (
        (Waiting.NEEDS_A_HUMAN, _NEEDS_A_HUMAN),
        (Waiting.MAINTENANCE, _MAINTENANCE),
        (Waiting.IMPOSSIBLE, _IMPOSSIBLE),
    ):
        if any(word in reason for word in words):
            return kind
    return Waiting.NORMAL
