"""The simulated machine's own habits: seeds, failures, restarts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from events.jobs import JobReport, JobRequest, JobState, Token
from interfaces.machines.connection import MachineError, Unreachable
from interfaces.machines.dialect import InDoubt, Submitted
from interfaces.machines.simulated.batch_system import SimulatedBatchSystem
from interfaces.machines.simulated.fates import Fate, Oracle, Planned, Seeded, declared

if TYPE_CHECKING:
    from tests.interfaces.machines.conftest import VirtualClock


def machine(
    clock: VirtualClock, oracle: Oracle, slots: int = 4, folder: Path | None = None
) -> SimulatedBatchSystem:
    return SimulatedBatchSystem(oracle, clock=clock, slots=slots, folder=folder)


def request(number: int, walltime: int = 100) -> JobRequest:
    return JobRequest(token=Token(f"v{number}"), executable="model", walltime=walltime)


async def fleet(clock: VirtualClock, seeded: Seeded, jobs: int = 200) -> list[JobReport]:
    """What becomes of many jobs."""
    system = machine(clock, seeded, slots=20)
    for number in range(jobs):
        await system.submit(request(number), 1)
    clock.time += 10_000
    assert set(system.starts.values()) == {1}
    return list((await system.find([Token(f"v{n}") for n in range(jobs)])).values())


async def test_the_same_seed_gives_the_same_history(clock: VirtualClock) -> None:
    begin = clock.time
    seeded = Seeded(seed=7, failure=0.2, overrun=0.1)
    first = await fleet(clock, seeded)
    clock.time = begin
    assert await fleet(clock, seeded) == first
    clock.time = begin
    assert await fleet(clock, Seeded(seed=8, failure=0.2, overrun=0.1)) != first


async def test_failures_come_as_often_as_asked_for(clock: VirtualClock) -> None:
    seeded = Seeded(seed=1, failure=0.2, overrun=0.1, vanishing=0.1)
    states = Counter(report.state for report in await fleet(clock, seeded))
    assert 20 < states[JobState.FAILED] < 50
    assert 8 < states[JobState.TIMEOUT] < 30
    assert 8 < states[JobState.LOST] < 35
    assert sum(states.values()) == 200


async def test_it_does_not_matter_how_often_one_looks(clock: VirtualClock) -> None:
    begin, ends = clock.time, []
    for step in (1, 997):
        clock.time = begin
        system = machine(clock, Seeded(seed=3), slots=2)
        for number in range(20):
            await system.submit(request(number), 1)
        while clock.time < begin + 2000:
            clock.time += step
            reports = await system.find([Token(f"v{n}") for n in range(20)])
        ends.append({token: (r.started, r.ended) for token, r in reports.items()})
    assert ends[0] == ends[1]


async def test_a_job_waits_for_its_slot_and_its_fate(clock: VirtualClock) -> None:
    system = machine(clock, Planned({}, Fate(wait=5, run=10)), slots=1)
    begin = clock.time
    for number in (1, 2):
        await system.submit(request(number), 1)
    clock.time += 100
    reports = await system.find([Token("v1"), Token("v2")])
    times = [(r.started or 0, r.ended or 0) for r in reports.values()]
    assert times == [(begin + 5, begin + 15), (begin + 15, begin + 25)]


async def test_a_lost_answer_is_doubt_and_the_job_is_there(clock: VirtualClock) -> None:
    system = machine(clock, Planned({}, Fate(answer_lost=True)))
    with pytest.raises(InDoubt):
        await system.submit(request(1), 1)
    assert Token("v1") in await system.find([Token("v1")])
    assert isinstance(await system.submit(request(1), 1), Submitted)
    clock.time += 10
    assert system.starts == {"v1": 1}


async def test_a_slow_answer_takes_its_time(clock: VirtualClock) -> None:
    system, begin = machine(clock, Planned({}, Fate(answer_after=30))), clock.time
    await system.submit(request(1), 1)
    assert clock.time == begin + 30


async def test_an_outage_says_nothing_about_jobs(clock: VirtualClock) -> None:
    now = clock.time
    system = machine(clock, Planned({}, Fate(run=1), outages=((now + 5, now + 10),)))
    await system.submit(request(1), 1)
    clock.time += 5
    with pytest.raises(Unreachable):
        await system.find([Token("v1")])
    with pytest.raises(Unreachable):
        await system.submit(request(2), 1)
    clock.time += 5
    assert (await system.find([Token("v1")]))[Token("v1")].state is JobState.COMPLETED
    assert Token("v2") not in await system.find([Token("v2")])


async def test_outages_by_lot_come_as_often_as_asked_for() -> None:
    seeded = Seeded(seed=2, outage=0.1)
    down = sum(seeded.unreachable(60.0 * minute) for minute in range(1000))
    assert 60 < down < 140
    assert Seeded(seed=2).unreachable(0) is False


async def test_a_vanished_job_is_lost(clock: VirtualClock) -> None:
    system = machine(clock, Planned({}, Fate(run=1, vanishes=True)))
    await system.submit(request(1), 1)
    clock.time += 2
    assert (await system.find([Token("v1")]))[Token("v1")].state is JobState.LOST
    assert await system.observe([Token("v1")]) == []


async def test_a_restart_in_the_middle_changes_nothing(clock: VirtualClock, tmp_path: Path) -> None:
    oracle = Planned({}, Fate(run=10))
    await machine(clock, oracle, slots=1, folder=tmp_path).submit(request(1), 1)
    clock.time += 5
    again = machine(clock, oracle, slots=1, folder=tmp_path)
    await again.submit(request(2), 1)
    clock.time += 100
    last = machine(clock, oracle, slots=1, folder=tmp_path)
    reports = await last.find([Token("v1"), Token("v2")])
    assert [report.state for report in reports.values()] == [JobState.COMPLETED] * 2
    assert last.starts == {"v1": 1, "v2": 1}


def test_declared_results_are_the_same_for_the_same_token() -> None:
    results = declared({"map.tif": 1000}, seed=5)
    assert len(results(request(1), {})["map.tif"]) == 1000
    assert results(request(1), {}) == results(request(1), {})
    assert results(request(1), {}) != results(request(2), {})


async def test_a_folder_that_holds_something_else_says_what_to_do_once_it_is_worked_in(
    clock: VirtualClock, tmp_path: Path
) -> None:
    (tmp_path / "cluster.json").write_text('{"slots": "many"}')
    system = machine(clock, Planned({}), folder=tmp_path)
    with pytest.raises(MachineError, match=r"remove .*cluster\.json, no model can be read"):
        await system.load()
