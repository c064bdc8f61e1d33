"""What questions and wishes to batch systems have in common, whatever the dialect."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from events.jobs import MOST_INSTANCES, Token
from interfaces.machines.connection import CommandFailed, Completed, MachineError, NotUnderstood
from interfaces.machines.dialects.unanswered import is_unanswered
from interfaces.machines.scripts.layout import Layout, quoted

T = TypeVar("T")

SEPARATOR = "\x1f"
"""Between fields, where a command may be told: it is in no name."""

TOOLS = (
    "awk base64 cat date dd find flock grep head ln ls mkdir mv ps readlink realpath rm sed sh "
    "sha256sum sleep sort stat tail timeout touch tr truncate uname xargs"
)
"""What our scripts and the wrapper need of a machine besides its batch system."""


def rows(text: str, fields: int) -> Iterator[list[str]]:
    """The lines that have so many fields, without spaces around; others are not what was asked."""
    for line in text.split("\n"):
        row = [field.strip() for field in line.split(SEPARATOR)]
        if len(row) == fields:
            yield row


def whole_rows(text: str, fields: int) -> list[list[str]]:
    """The rows of an answer that has nothing else; raises `NotUnderstood` if it has no row at all.

    An older tool that does not know our separator must not seem to say that there are no jobs.
    """
    found = list(rows(text, fields))
    if text.strip() and not found:
        raise NotUnderstood(f"rows of {fields} fields were asked for: {text.strip()[:200]!r}")
    return found


def number(text: str) -> float | None:
    """A number, or None for the words that say that there is none."""
    try:
        return float(text)
    except ValueError:
        return None


def instances(text: str, first: int = 0) -> list[int]:
    """The numbers, from 0, in an array's list such as `0-2,5` or `1-7:2%4` that begins at `first`.

    Raises `ValueError`; of a list that is longer than any array of ours, the rest is left out.
    """
    found: list[int] = []
    for part in text.partition("%")[0].split(","):
        span, _, step = part.partition(":")
        begin, _, end = span.partition("-")
        every = range(int(begin) - first, int(end or begin) - first + 1, int(step or 1))
        found += every[: MOST_INSTANCES - len(found)]
    return found


def moment(text: str) -> float | None:
    """A time in UTC, as Grid Engine and PBS write it, in seconds since the epoch."""
    for form in ("%a %b %d %H:%M:%S %Y", "%Y-%m-%dT%H:%M:%S"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None


def since(layout: Layout, tokens: Collection[Token], days: int) -> str:
    """Lines for `sh` that set `since`: when the first of some jobs was submitted, less an hour.

    Seconds since the epoch, by the clock of the machine's file system: no clock of ours is compared
    with the machine's, and an hour is left for those of its servers. `submitting` is written once,
    before the first submission.
    """
    return f"""
since=$(
    cd {quoted(layout.jobs)} 2>/dev/null
    for token in {" ".join(tokens)}; do
        stat -c %Y "$token/.vestec/submitting" 2>/dev/null || date -d '{days} days ago' +%s
    done | sort -n | head -n 1
)
since=$((since - 3600))
"""


@dataclass(frozen=True)
class Wish:
    """A command that changes something, or finds that there is nothing to change.

    Raises `CommandFailed` for what is refused; what may have been heard is to be wished again.
    """

    text: str
    nothing: tuple[str, ...] = ()
    """What it writes when there is no such job any more."""

    def script(self) -> str:
        return self.text

    def parse(self, completed: Completed) -> None:
        said = f"{completed.stdout}\n{completed.stderr}".strip()
        if completed.exit_status and is_unanswered(completed):
            raise MachineError(f"nobody knows whether it was heard: {said[-1000:]}")
        if completed.exit_status and not any(text in said for text in self.nothing):
            raise CommandFailed(f"exit status {completed.exit_status}: {said[-1000:]}")


@dataclass(frozen=True)
class Unasked(Generic[T]):
    """A question that the batch system has no command for; the answer is known without it."""

    answer: T

    def script(self) -> str:
        return ":"

    def parse(self, completed: Completed) -> T:
        completed.checked()
        return self.answer


@dataclass(frozen=True)
class Tools:
    """Whether the machine has the commands that the dialect and the wrapper need."""

    names: str
    before: str = ""

    def script(self) -> str:
        every = f"{TOOLS} {self.names}"
        return f"""{self.before}
for tool in {every}; do command -v $tool >/dev/null || echo $tool; done"""

    def parse(self, completed: Completed) -> None:
        if missing := completed.checked().split():
            raise CommandFailed(f"the machine has no {', '.join(missing)} on its PATH")
