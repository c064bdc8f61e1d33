"""A workflow whose one stage does what the arrival says, nearly all of which is bad."""

import asyncio
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import BaseModel

from workflows import Arrival, Incident, NoParameters, Workflow, seconds

CHANGED = "MISBEHAVING_CODE_CHANGED" in os.environ
"""Whether this is the code after somebody mended it."""
BURNS_UNTIL = "MISBEHAVING_BURNS_UNTIL"
"""The variable that names a file: while it is not there, a core is kept busy."""


class Kept(BaseModel):
    """How many good arrivals there were."""

    good: int = 0


class Text(BaseModel):
    """A message."""

    text: str


class Number(BaseModel):
    """What a step returned, after the code changed."""

    number: int


Moody = Incident[NoParameters, Kept]
misbehaving = Workflow("misbehaving", version=1, title="Misbehaves", state=Kept)


@misbehaving.on_activate
async def start(incident: Moody) -> None:
    """Open the endpoint."""
    await incident.endpoints.push("do", to=do)


@misbehaving.stage()
async def do(incident: Moody, arrival: Arrival) -> None:
    """Do what arrived."""
    await DEEDS[arrival.text()](incident)


@misbehaving.stage()
async def hear(incident: Moody, message: Text) -> None:
    """Be sent to."""


async def be_good(incident: Moody) -> None:
    incident.state.good += 1
    await incident.data.register(f"good-{incident.state.good}", b"good")


async def leave(incident: Moody) -> None:
    if not CHANGED:
        os._exit(7)
    await be_good(incident)


async def leave_later(incident: Moody) -> None:
    await incident.sleep(seconds(10))
    os._exit(7)


async def compute(incident: Moody) -> None:
    """Longer than the one above leaves it at a time."""
    await incident.step(compute_long)
    await be_good(incident)


def compute_long() -> None:
    time.sleep(12)


async def wait(incident: Moody) -> None:
    await incident.ask("All clear?", ["yes"], seconds(3600), "yes")


async def leave_while_waiting(incident: Moody) -> None:
    await incident.gather(wait(incident), incident.step(leave_soon))


def leave_soon() -> None:
    """Once it is recorded what is waited for."""
    time.sleep(0.5)
    os._exit(7)


async def freeze(incident: Moody) -> None:
    """A library that does not let go of Python's lock for an hour."""
    await incident.step(match_for_ever)


def match_for_ever() -> bool:
    return re.match(r"(a+)+$", "a" * 60 + "b") is None


async def burn(incident: Moody) -> None:
    goes_on = Path(os.environ[BURNS_UNTIL])
    while not goes_on.exists():  # noqa: ASYNC240
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            pass
    await be_good(incident)


async def change(incident: Moody) -> None:
    """Its recorded reply is a text; the changed code wants a number first, and asks for more."""
    await incident.step(measure)
    if CHANGED:
        await incident.step(measure_again)
    else:
        await incident.sleep(seconds(600))
    await be_good(incident)


if CHANGED:

    def measure() -> Number:
        return Number(number=1)
else:

    def measure() -> str:  # type: ignore[misc]  # the same stage before and after a change
        return "one"


def measure_again() -> int:
    return 2


async def grow(incident: Moody) -> None:
    """What the changed code calls besides is asked for anew."""
    said = [await incident.step(say, "one")]
    if CHANGED:
        said.append(await incident.step(say, "two"))
    else:
        await incident.sleep(seconds(600))
    await incident.data.register("said", " ".join(said).encode())


def say(word: str) -> str:
    return f"{word} by {os.getpid()}"


async def fail(incident: Moody) -> None:
    raise ValueError("the reading is negative")


async def exit_python(incident: Moody) -> None:
    sys.exit("a library thought that it was a program")


async def interrupt(incident: Moody) -> None:
    raise KeyboardInterrupt("a library thought that it was a terminal")


async def be_cancelled(incident: Moody) -> None:
    raise asyncio.CancelledError


async def note_too_much(incident: Moody) -> None:
    for _ in range(1000):
        incident.note("x" * 2000)


async def want_no_time(incident: Moody) -> None:
    await _run(incident, "true", walltime=-5)


async def run_job_that_fails(incident: Moody) -> None:
    await _run(incident, "echo 'no fuel map for this area' >&2; exit 3")


async def run_job_that_overruns(incident: Moody) -> None:
    await _run(incident, "sleep 60", walltime=1)


async def run_job_without_result(incident: Moody) -> None:
    await _run(incident, "true")


async def run_job_that_leaves_a_pipe(incident: Moody) -> None:
    await _run(incident, "mkfifo result.txt")


async def run_job_that_leaves_a_secret(incident: Moody) -> None:
    await _run(incident, "ln -s /etc/passwd result.txt")


async def _run(incident: Moody, executable: str, walltime: float = 30) -> None:
    await incident.simulations.run(
        "job", executable, outputs=["result.txt"], walltime=seconds(walltime)
    )


DEEDS: dict[str, Callable[[Moody], Awaitable[None]]] = {
    deed.__name__: deed
    for deed in (
        be_good,
        leave,
        leave_later,
        compute,
        wait,
        leave_while_waiting,
        freeze,
        burn,
        change,
        grow,
        fail,
        exit_python,
        interrupt,
        be_cancelled,
        note_too_much,
        want_no_time,
        run_job_that_fails,
        run_job_that_overruns,
        run_job_without_result,
        run_job_that_leaves_a_pipe,
        run_job_that_leaves_a_secret,
    )
}
