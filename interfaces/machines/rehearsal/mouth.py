"""The commands of a simulated cluster's batch system: the port, and what they share."""

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from pwd import getpwuid

from events.jobs import JobRequest, JobState
from events.machines import Queue
from interfaces.machines.dialects.options import Grammar, Option
from interfaces.machines.rehearsal.site import Site, Work
from interfaces.machines.simulated.cluster import Cluster
from interfaces.machines.simulated.job import SimulatedJob

CORES = 4
"""Of each node; a job has its nodes to itself."""
NEIGHBOUR = "neighbour"
"""Who has the job that lists of all users' jobs show besides ours: it waits for ever."""


def user() -> str:
    """Who has all the others: the account that the model runs as."""
    return getpwuid(os.geteuid()).pw_name


@dataclass(frozen=True)
class Call:
    """One call of a command."""

    words: Sequence[str]
    """Its arguments."""
    folder: Path
    """Where it was called."""


@dataclass(frozen=True)
class Said:
    """What a command writes, and its exit status."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0
    after: float = 0.0
    """Seconds until it says so."""


class Malformed(Exception):
    """A command does not understand its options: it ends with `said`, and asks nobody."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.stderr)
        self.said = said


Command = Callable[[Call, Site], Said]
"""Asks or changes the model; reads no clock and no file. Raises `Malformed`."""


@dataclass(frozen=True)
class Mouth:
    """Speaks for the model."""

    variables: Callable[[SimulatedJob], Mapping[str, str]]
    """By which a job knows its id, and an instance of an array which one it is."""
    commands: Mapping[str, Command]


@dataclass(frozen=True)
class Replies:
    """What a submit command says."""

    taken: Callable[[SimulatedJob], str]
    no_queue: Said
    too_large: Said
    refused: Callable[[str], Said]
    no_answer: Said


def submit(site: Site, request: JobRequest, work: Work, replies: Replies) -> Said:
    """Put a job into the queue, unless its fate or the machine is against it."""
    if site.cluster.queue_of(request) is None:
        return replies.no_queue
    fate = site.fate(request)
    if fate.refused:
        return replies.refused(fate.refused)
    if request.nodes > site.cluster.slots:
        return replies.too_large
    job = site.accept(request, work)
    return (
        replies.no_answer if fate.answer_lost else Said(replies.taken(job), after=fate.answer_after)
    )


def count(word: str, otherwise: Said) -> int:
    """A number above 0. Raises `Malformed` for anything else."""
    if not word.isdecimal() or int(word) == 0:
        raise Malformed(otherwise)
    return int(word)


def nodes_used(cluster: Cluster) -> list[bool]:
    """Of each node whether a job has it."""
    used = cluster.load().slots_used or 0
    return [n < used for n in range(cluster.slots)]


def in_queue(cluster: Cluster, queue: Queue, state: JobState) -> int:
    """How many of its jobs are in a state."""
    return sum(cluster.queue_of(job.request) == queue for job in cluster.in_state(state))


def options(grammar: Grammar, words: Sequence[str]) -> dict[str, str]:
    """The options of a command line by what they are about, each with its value, if it has one."""
    return {option.subject: _value(option) for option in grammar.read([shlex.join(words)])}


def filled(form: str, values: Mapping[str, object]) -> str:
    """A line of a format, such as `%t:%D`, with values in place of what stands for them."""
    for name, value in values.items():
        form = form.replace(name, str(value))
    return form


def lines(rows: Iterable[str]) -> str:
    """One row a line."""
    return "".join(f"{row}\n" for row in rows)


def _value(option: Option) -> str:
    """`-l walltime=60` is about `-l walltime`."""
    last = option.words[-1]
    return last.partition("=")[2] if len(option.words) == 1 or " " in option.subject else last


def instances(array: str) -> int:
    """How many an array has, of which our dialects say the first and the last; none: a job."""
    begin, _, end = array.partition("-")
    return int(end) - int(begin) + 1 if array else 1


def as_date(time: float) -> str:
    """A time in seconds since the epoch, as Grid Engine and PBS write it."""
    return datetime.fromtimestamp(time, UTC).strftime("%a %b %d %H:%M:%S %Y")
