"""Jobs of the dialect `processes` when something of theirs is held, full or late."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from events.jobs import JobReport, JobState, parts_of
from interfaces.machines.dialects import process_job

if TYPE_CHECKING:
    from tests.interfaces.machines.conftest import ShellBench


async def test_who_looks_at_the_load_keeps_no_instance_from_being_submitted(
    shell: ShellBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looks = '$real -n -s "/proc/$PPID/fd/8" sleep 0.3 & sleep 0.1'
    shell.with_command(monkeypatch, tmp_path, "flock", f'case "$*" in *" 8") {looks} ;; esac')
    request = shell.request("true").model_copy(update={"instances": 3})
    await shell.system.prepare(request.token, {})
    await shell.system.submit(request, 1)
    ends = await shell.marks(*parts_of(request.token, 3))
    assert [end.state for end in ends] == [JobState.COMPLETED] * 3


async def test_a_job_whose_line_found_no_room_is_cancelled(shell: ShellBench) -> None:
    token = await shell.submitted(shell.long)
    await shell.begun(token)
    os.truncate(shell.layout.ours(token) / "lock", 0)
    await shell.system.cancel(token)
    await shell.report(token, JobState.CANCELLED)


async def test_a_cancellation_that_comes_right_before_a_job_waits_for_another_is_heeded(
    shell: ShellBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The signal is not heard of in the wait."""
    monkeypatch.setattr(process_job, "_LOOK_UP", 1)
    waits = tmp_path / "waits"
    lines = f'case "$*" in *"-s 6") trap "" TERM; touch {waits} ;; esac'
    shell.with_command(monkeypatch, tmp_path, "flock", lines)
    running = [await shell.submitted(shell.long) for _ in range(shell.slots)]
    for token in running:
        await shell.report(token, JobState.RUNNING)
    first, second = [await shell.submitted(shell.long) for _ in range(2)]

    async def waiting() -> bool | None:
        return waits.exists() or None

    await shell.until(waiting)
    await shell.system.cancel(second)
    await shell.report(second, JobState.CANCELLED)
    assert (await shell.report(first, JobState.QUEUED)).state is JobState.QUEUED


async def test_a_job_whose_slots_cannot_be_taken_waits_for_them(shell: ShellBench) -> None:
    slots = [Path(shell.layout.base, "slots", f"{n}") for n in range(1, shell.slots + 1)]
    for slot in slots:
        slot.mkdir(parents=True)
    token = await shell.submitted("true")

    async def waits_alone() -> JobReport | None:
        load = await shell.system.load()
        report = await shell.report(token, JobState.QUEUED)
        return report if load.queued == 1 else None

    await shell.until(waits_alone)
    for slot in slots:
        slot.rmdir()
    await shell.report(token, JobState.COMPLETED)
