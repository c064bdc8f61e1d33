"""What every batch system promises, real or simulated."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from events.jobs import (
    JobOptions,
    JobReport,
    JobRequest,
    JobState,
    Part,
    Token,
    Waiting,
    Witness,
    parts_of,
)
from interfaces.machines.connection import FileMissing, MachineError
from interfaces.machines.dialect import InDoubt, Refused, Submitted

if TYPE_CHECKING:
    from tests.interfaces.machines.conftest import Bench


async def test_a_job_completes_and_leaves_its_results(bench: Bench) -> None:
    token = await bench.submitted(bench.succeed)
    report = await bench.report(token, JobState.COMPLETED)
    assert report.exit_code == 0
    assert report.started is not None
    assert report.ended is not None
    assert report.started <= report.ended
    assert await content(bench, token, "result") == b"some input"
    for name in ("input", "stdout", "stderr"):
        await content(bench, token, name)
    assert await bench.starts(token) == 1


async def test_the_end_is_known_without_asking_the_scheduler(bench: Bench) -> None:
    token = await bench.submitted(bench.succeed)
    assert [r.state for r in await bench.marks(token)] == [JobState.COMPLETED]


async def test_a_program_that_exits_3_has_failed(bench: Bench) -> None:
    token = await bench.submitted(bench.fail)
    report = await bench.report(token, JobState.FAILED)
    assert report.exit_code == 3
    assert await bench.system.stderr_tail(token)


async def test_a_job_that_overruns_its_walltime_is_ended(bench: Bench) -> None:
    token = await bench.submitted(bench.long, walltime=1)
    report = await bench.report(token, JobState.TIMEOUT)
    assert report.started is not None
    assert report.ended is not None
    assert 1 <= report.ended - report.started < 5


async def test_a_running_job_is_cancelled(bench: Bench) -> None:
    token = await bench.submitted(bench.long)
    await bench.report(token, JobState.RUNNING)
    await bench.system.cancel(token)
    await bench.report(token, JobState.CANCELLED)


async def test_a_queued_job_is_cancelled_and_never_starts(bench: Bench) -> None:
    running = await bench.submitted(bench.long)
    await bench.report(running, JobState.RUNNING)
    queued = await bench.submitted(bench.succeed)
    await bench.report(queued, JobState.QUEUED)
    await bench.system.cancel(queued)
    await bench.report(queued, JobState.CANCELLED)
    await bench.system.cancel(running)
    await bench.report(running, JobState.CANCELLED)
    assert await bench.starts(queued) == 0


async def test_a_job_cancelled_before_it_is_submitted_never_gets_there(bench: Bench) -> None:
    request = bench.request(bench.succeed)
    await bench.system.prepare(request.token, {})
    await bench.system.cancel(request.token)
    for submission in (1, 2):
        answer = await bench.system.submit(request, submission)
        assert isinstance(answer, Refused)
        assert answer.permanent
    assert await bench.system.find((request.token,)) == {}
    assert await bench.starts(request.token) == 0


async def test_each_instance_of_an_array_runs_once_and_has_an_end_of_its_own(bench: Bench) -> None:
    request, parts = await array(bench, bench.by_number)
    answer = await bench.system.submit(request, 1)
    assert isinstance(answer, Submitted)
    assert await bench.system.submit(request, 1) == answer
    ends = [(JobState.COMPLETED, 0)] * 2 + [(JobState.FAILED, 3)] + [(JobState.COMPLETED, 0)]

    async def ended() -> list[JobReport] | None:
        reports = list((await bench.system.find(parts)).values())
        over = len(reports) == len(parts) and all(report.state.ended for report in reports)
        return reports if over else None

    reports = await bench.until(ended)
    assert [report.part for report in reports] == parts
    assert [(report.state, report.exit_code) for report in reports] == ends
    assert len({report.job_id for report in reports}) == len(parts)
    marks = await bench.marks(*parts)
    assert [(report.part, report.state, report.exit_code) for report in marks] == [
        (part, *end) for part, end in zip(parts, ends, strict=True)
    ]
    assert await bench.starts(request.token) == len(parts)
    for part in range(len(parts)):
        await content(bench, request.token, f"stdout.{part}")


async def test_a_cancelled_array_ends_as_a_whole(bench: Bench) -> None:
    request, parts = await array(bench, bench.long)
    assert isinstance(await bench.system.submit(request, 1), Submitted)

    async def running() -> bool | None:
        reports = (await bench.system.find(parts)).values()
        return any(report.state is JobState.RUNNING for report in reports) or None

    await bench.until(running)
    await bench.system.cancel(request.token)
    for part in parts:
        await bench.report(part, JobState.CANCELLED)
    assert await bench.starts(request.token) < len(parts)


async def test_what_ended_cannot_be_cancelled(bench: Bench) -> None:
    token = await bench.submitted(bench.succeed)
    await bench.report(token, JobState.COMPLETED)
    await bench.system.cancel(token)
    await bench.report(token, JobState.COMPLETED)


async def test_an_impossible_job_is_refused_for_ever(bench: Bench) -> None:
    request = bench.request(bench.refused, nodes=2)
    await bench.system.prepare(request.token, {})
    answer = await bench.system.submit(request, 1)
    assert isinstance(answer, Refused)
    assert answer.permanent
    assert answer.reason
    assert request.token not in await bench.system.find([request.token])


async def test_a_held_job_starts_when_it_is_released(bench: Bench) -> None:
    running = await bench.submitted(bench.long)
    await bench.report(running, JobState.RUNNING)
    request = bench.request(bench.succeed)
    held = request.model_copy(update={"options": JobOptions(hold=True)})
    await bench.system.prepare(held.token, {"input": one(b"x")})
    if isinstance(await bench.system.submit(held, 1), Refused):
        with pytest.raises(MachineError, match="cannot be held"):
            await bench.system.release(held.token)
        return
    report = await bench.report(held.token, JobState.HELD)
    assert report.stuck is Waiting.NEEDS_A_HUMAN
    await bench.system.release(held.token)
    released = (JobState.QUEUED, JobState.RUNNING, JobState.COMPLETED)
    if (await bench.report(held.token, *released)).state is JobState.QUEUED:
        with suppress(MachineError):  # a real server may start it at any moment
            await bench.system.hold(held.token)
            await bench.report(held.token, JobState.HELD, *released[1:])
            await bench.system.release(held.token)
    await bench.system.cancel(running)
    await bench.report(held.token, JobState.COMPLETED)


async def test_what_is_impossible_is_known_before_it_is_submitted(bench: Bench) -> None:
    assert (await bench.system.estimate(bench.request(bench.refused, nodes=2))).impossible
    assert not (await bench.system.estimate(bench.request(bench.succeed))).impossible


async def test_a_job_that_nobody_submitted_is_not_found(bench: Bench) -> None:
    request = bench.request(bench.succeed)
    await bench.system.check()
    assert await bench.system.find([request.token]) == {}
    assert await bench.system.observe([request.token]) == []


async def test_the_same_submission_gives_the_recorded_answer(bench: Bench) -> None:
    request = bench.request(bench.succeed)
    await bench.system.prepare(request.token, {"input": one(b"x")})
    first = await bench.system.submit(request, 1)
    bench.restart()
    assert isinstance(first, Submitted)
    assert await bench.system.submit(request, 1) == first
    report = await bench.report(request.token, JobState.COMPLETED)
    assert await bench.system.submit(request, 1) == first
    assert report.job_id == first.job_id
    assert await bench.starts(request.token) == 1


async def test_a_second_copy_is_turned_away_and_counted(bench: Bench) -> None:
    request = bench.request(bench.succeed)
    await bench.system.prepare(request.token, {"input": one(b"x")})
    await bench.system.submit(request, 1)
    first = await bench.report(request.token, JobState.COMPLETED)
    await bench.until(lambda: bench.system.hear(Witness.ACCOUNTING, request.token))
    await bench.system.submit(request, 2)

    async def counted() -> bool | None:
        reports = await bench.system.observe([request.token])
        return reports[0].copies == 1 or None

    await bench.until(counted)
    report = await bench.report(request.token, JobState.COMPLETED)
    assert (report.job_id, report.copies) == (first.job_id, 1)
    assert await bench.starts(request.token) == 1


async def test_a_later_submission_takes_the_place_of_those_before_it(bench: Bench) -> None:
    request = bench.request(bench.succeed)
    await bench.system.prepare(request.token, {"input": one(b"x")})
    await bench.system.submit(request, 2)
    with pytest.raises(InDoubt):
        await bench.system.submit(request, 1)
    await bench.report(request.token, JobState.COMPLETED)
    assert await bench.starts(request.token) == 1


async def test_inputs_stay_as_they_were_submitted(bench: Bench) -> None:
    token = await bench.submitted(bench.succeed)
    await bench.system.prepare(token, {"input": one(b"other")})
    await bench.report(token, JobState.COMPLETED)
    assert await content(bench, token, "input") == b"some input"


async def test_preparing_may_be_repeated(bench: Bench) -> None:
    request = bench.request(bench.succeed)
    for text in (b"half", b"whole"):
        await bench.system.prepare(request.token, {"input": one(text)})
    assert await content(bench, request.token, "input") == b"whole"


async def test_a_missing_file_is_an_error(bench: Bench) -> None:
    token = await bench.submitted(bench.succeed)
    with pytest.raises(FileMissing):
        await content(bench, token, "nothing")


async def test_another_process_goes_on_with_the_jobs(bench: Bench) -> None:
    running, queued = [await bench.submitted(bench.long), await bench.submitted(bench.succeed)]
    await bench.report(running, JobState.RUNNING)
    bench.restart()
    await bench.system.cancel(running)
    await bench.report(running, JobState.CANCELLED)
    await bench.report(queued, JobState.COMPLETED)
    assert await content(bench, queued, "result") == b"some input"


async def test_load_counts_slots_and_waiting_jobs(bench: Bench) -> None:
    await bench.system.check()
    first = await bench.submitted(bench.long)
    await bench.report(first, JobState.RUNNING)
    second = await bench.submitted(bench.long)
    await bench.report(second, JobState.QUEUED)
    load = await bench.system.load()
    assert (load.slots, load.slots_used, load.running, load.queued) == (1, 1, 1, 1)


async def test_jobs_start_in_order_of_submission(bench: Bench) -> None:
    first = await bench.submitted(bench.long)
    await bench.report(first, JobState.RUNNING)
    tokens = [await bench.submitted(bench.succeed) for _ in range(6)]
    await bench.system.cancel(first)
    reports = [await bench.report(token, JobState.COMPLETED) for token in tokens]
    starts = [report.started or 0 for report in reports]
    assert starts == sorted(starts)
    ends = [report.ended or 0 for report in reports]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))


async def array(bench: Bench, executable: str, instances: int = 4) -> tuple[JobRequest, list[Part]]:
    """An array that is prepared, and its instances."""
    request = bench.request(executable).model_copy(update={"instances": instances})
    await bench.system.prepare(request.token, {})
    return request, parts_of(request.token, instances)


async def content(bench: Bench, token: Token, name: str) -> bytes:
    return b"".join([chunk async for chunk in bench.system.fetch(token, name, 1 << 20)])


async def one(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk
