"""What a check of a machine found."""

from enum import StrEnum

from pydantic import JsonValue

from events.prose import Prose
from events.values import Value


class Mark(StrEnum):
    """What cannot be asked is unknown."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Question(StrEnum):
    """What a check asks, in the order in which it is shown."""

    CONNECTION = "connection"
    HOST_KEY = "host key"
    LOGIN_SHELL = "login shell"
    SHELL_STARTUP = "shell start-up"
    SCHEDULER = "scheduler"
    ACCOUNTS = "accounts"
    COMMENTS = "comments"
    HISTORY = "history"
    JOBS_OF_OTHERS = "jobs of others"
    BASE_DIRECTORY = "base directory"
    COMPUTE_NODE = "compute node"
    STATUS_FILE = "status file"
    QUOTA = "quota"
    INODES = "inodes"
    CLOCK = "clock"
    TRANSFER_RATE = "transfer rate"


class Finding(Value):
    """One line of a check."""

    about: Question
    mark: Mark
    found: Prose = ""
    advice: Prose = ""
    """What to do, where it is not as it should be."""


class Checkup(Value):
    """All lines of a check, and what it measured for the machine's dialect."""

    findings: tuple[Finding, ...]
    learned: dict[str, JsonValue] = {}
    """Settings of the dialect, in its own words: they count where the machine's say nothing."""
    full: Prose = ""
    """Why nothing can be written below the base directory, for want of room; empty: it can, or the
    machine was not `reached`."""

    @property
    def reached(self) -> bool:
        """Whether the machine answered at all."""
        failed = (one.about for one in self.findings if one.mark is Mark.NO)
        return Question.CONNECTION not in failed
