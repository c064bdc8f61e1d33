"""The log and nothing of VESTEC: topics, partitions, keys, records, and who may write where.

One contract (`Log`), several engines, one contract test suite (`tests/contract`) that each passes.
What counts in a partition, and therefore every position in one, is decided in `bus.epochs`; that a
partition is another one by now is noticed in `bus.watch`, for all engines.
"""

from bus.cache import CachedLog
from bus.clock import ClockWrong, HybridClock, Timestamp
from bus.contract import (
    MAX_RECORD_BYTES,
    AppendTooLarge,
    Doubt,
    Log,
    LogError,
    LogUnavailable,
    Membership,
    PartitionsChanged,
    Record,
    RecordTooLarge,
    Stored,
    UnknownTopic,
    check_sizes,
    partition_of,
)
from bus.epochs import START, LogReplaced, Position, Writer, check_commit, counted, verify
from bus.memory import MemoryLog
from bus.watch import WatchedLog

__all__ = [
    "MAX_RECORD_BYTES",
    "START",
    "AppendTooLarge",
    "CachedLog",
    "ClockWrong",
    "Doubt",
    "HybridClock",
    "Log",
    "LogError",
    "LogReplaced",
    "LogUnavailable",
    "Membership",
    "MemoryLog",
    "PartitionsChanged",
    "Position",
    "Record",
    "RecordTooLarge",
    "Stored",
    "Timestamp",
    "UnknownTopic",
    "WatchedLog",
    "Writer",
    "check_commit",
    "check_sizes",
    "counted",
    "partition_of",
    "verify",
]
