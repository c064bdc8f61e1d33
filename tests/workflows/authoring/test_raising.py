"""Whatever a stage's code raises ends its run with a word."""

import asyncio
from collections.abc import Callable

import pytest

from managers.incidents import FailRun
from tests.workflows.authoring.running import Plain, Told, running
from workflows.workers import Workers


class Panic(BaseException):
    """As libraries written in Rust raise it."""


class Unspeakable(BaseException):
    """What cannot even be told."""

    def __str__(self) -> str:
        raise Panic("it has no words")


ANYTHING = [ValueError, asyncio.CancelledError, SystemExit, KeyboardInterrupt, GeneratorExit, Panic]


async def failure(told: Told) -> FailRun:
    await told.until(lambda: bool(told.inputs))
    (failed,) = told.inputs
    assert isinstance(failed, FailRun)
    return failed


@pytest.mark.parametrize("error", ANYTHING)
async def test_whatever_a_stage_raises_fails_its_run(error: Callable[[str], BaseException]) -> None:
    async def stage(incident: Plain) -> None:
        raise error("so much smoke")

    with running(stage) as told:
        failed = await failure(told)
    assert "so much smoke" in failed.error
    assert "so much smoke" in failed.traceback


async def test_whatever_one_of_several_calls_raises_fails_the_run() -> None:
    async def call() -> None:
        raise Panic("so much smoke")

    async def stage(incident: Plain) -> None:
        await incident.gather(call(), asyncio.sleep(10))

    with running(stage) as told:
        assert (await failure(told)).error == "Panic: so much smoke"


async def test_an_error_that_cannot_be_told_fails_the_run_all_the_same() -> None:
    async def stage(incident: Plain) -> None:
        raise Unspeakable

    with running(stage) as told:
        failed = await failure(told)
    assert (failed.final, "see the server's log" in failed.error) == (True, True)


@pytest.mark.parametrize("error", [*ANYTHING[2:], StopIteration])
async def test_whatever_a_step_in_a_worker_raises_fails_the_run(
    error: Callable[[str], BaseException],
) -> None:
    def step() -> None:
        raise error("so much smoke")

    async def stage(incident: Plain) -> None:
        await incident.step(step)

    with running(stage, work=Workers()) as told:
        assert "smoke" in (await failure(told)).traceback
