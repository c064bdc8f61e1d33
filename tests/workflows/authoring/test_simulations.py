"""Simulations, data sets and endpoints, as stages ask for them."""

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from events import incidents as e
from events import simulations as s
from events.endpoints import EndpointClosed, EndpointOpened
from events.incidents import IncidentStatus
from events.jobs import Dependency, JobReport, JobState, Witness, token_of
from events.values import Context, IncidentId
from interfaces.machines.simulated.fates import Fate
from workflows import (
    After,
    Arrival,
    CallFailed,
    Incident,
    NoParameters,
    NoState,
    Retry,
    SimulationCallback,
    SimulationFailed,
    SimulationResult,
    Workflow,
    hours,
    minutes,
    seconds,
)
from workflows.testing import MACHINE, Kit, rehearse

Plain = Incident[NoParameters, NoState]

RESULTS = {"fire": {"map": b"a map", "log": b"a log"}, "poor": {"log": b"only a log"}}
FATES = {
    "fails": Fate(run=5, exit_code=3),
    "lost": Fate(run=5, vanishes=True),
    "overruns": Fate(run=10_000),
    "quick": Fate(run=5),
    "slow": Fate(run=500),
    "fire": Fate(run=5),
    "poor": Fate(run=5),
}


class Sources(BaseModel):
    """What a simulation reads."""

    points: list[int] = []


def workflow() -> Workflow[NoParameters, NoState]:
    return Workflow("test", version=1, title="Test")


async def created(kit: Kit, incident: IncidentId) -> int:
    events = await kit.events(incident, Context.SIMULATIONS)
    return sum(isinstance(one.event, s.SimulationCreated) for one in events)


async def error(kit: Kit, incident: IncidentId) -> str:
    (failed,) = (await kit.incident(incident)).failed.values()
    return str(failed.error)


def test_run_creates_puts_submits_waits_and_fetches() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        done = await incident.simulations.run(
            "fire",
            inputs={"sources.json": Sources(points=[1]), "text": "a", "bytes": b"b"},
            walltime=minutes(5),
            outputs=["map", "log"],
            cpus_per_task=2,
            environment={"MODE": "fast"},
        )
        assert await incident.data.get(done.outputs["map"]) == b"a map"
        kept = await incident.data.register("map", done.outputs["map"], simulation=done.simulation)
        stored = await incident.data.put(b"more")
        await incident.data.register("map 2", stored, supersedes=[kept])
        incident.note(", ".join(one.name for one in await incident.data.list()))

    @rehearse(test, results=RESULTS, fates=FATES)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert await kit.notes(incident) == ["map 2"]
        assert await created(kit, incident) == 1
        assert max(kit.machine.starts.values()) == 1

    rehearsal()


def test_a_stage_says_what_a_batch_system_may_be_told() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        first = await incident.simulations.create("fire", walltime=minutes(1))
        await incident.simulations.submit(first)
        await incident.simulations.run(
            "quick",
            walltime=minutes(5),
            gpus=2,
            queue="urgent",
            after={first: After.ENDED},
            warning=minutes(1),
            native=["--nice=1"],
        )

    @rehearse(test, results=RESULTS, fates=FATES)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        events = [one.event for one in await kit.events(incident, Context.SIMULATIONS)]
        first, second = [event for event in events if isinstance(event, s.SimulationCreated)]
        assert second.request.resources.gpus == 2
        options = second.request.options
        assert (options.queue, options.warning, options.native) == ("urgent", 60, ("--nice=1",))
        [dependency] = options.after
        assert dependency == Dependency(token=token_of(first.simulation), on=After.ENDED)

    rehearsal()


def test_a_stage_is_told_what_no_batch_system_should_be() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        try:
            await incident.simulations.create("fire", walltime=minutes(1), account="z;rm -rf")
        except CallFailed as refused:
            incident.note(str(refused))

    @rehearse(test)
    async def rehearsal(kit: Kit) -> None:
        (told,) = await kit.notes(await kit.start())
        assert "options.account: it is made of letters" in told

    rehearsal()


def test_a_list_of_data_sets_of_any_length_is_whole() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        for number in range(30):
            await incident.data.register(f"{number}", b"", comment="a map " * 500)
        incident.note(" ".join(one.name for one in await incident.data.list()))

    @rehearse(test)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert await kit.notes(incident) == [" ".join(str(n) for n in reversed(range(30)))]

    rehearsal()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("fails", f"simulation fails on {MACHINE} is FAILED with exit code 3"),
        ("overruns", f"simulation overruns on {MACHINE} is TIMEOUT"),
        ("poor", f"simulation poor on {MACHINE} is COMPLETED without its results map"),
    ],
)
def test_an_end_that_is_none_fails_the_stage_with_a_sentence(kind: str, said: str) -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        await incident.simulations.run(kind, walltime=minutes(5), outputs=["map"])

    @rehearse(test, results=RESULTS, fates=FATES)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert said in await error(kit, incident)
        assert (await kit.incident(incident)).status == IncidentStatus.ERROR
        await kit.issue(Context.INCIDENTS, incident, e.RetryStage())
        await kit.settle(incident)
        assert await created(kit, incident) == 2

    rehearsal()


def test_what_failed_can_be_caught_with_its_result() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        try:
            await incident.simulations.run("fails", walltime=minutes(5))
        except SimulationFailed as failed:
            incident.note(f"{failed.result.state} {failed.result.exit_code}")

    @rehearse(test, fates=FATES)
    async def rehearsal(kit: Kit) -> None:
        assert await kit.notes(await kit.start()) == ["FAILED 3"]

    rehearsal()


@pytest.mark.parametrize("files", [{"inputs": {".vestec/claim": b""}}, {"outputs": [".vestec/x"]}])
def test_what_lies_in_our_own_folder_is_refused_at_once(files: dict[str, Any]) -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        await incident.simulations.run("quick", walltime=minutes(5), **files)

    @rehearse(test, fates=FATES)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert await created(kit, incident) == 0
        assert "does not begin with .vestec" in await error(kit, incident)

    rehearsal()


def test_one_that_is_lost_after_somebody_wished_its_end_is_not_run_again() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        await incident.simulations.run("slow", walltime=hours(1))

    @rehearse(test, fates=FATES)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start(settle=False)
        while not await created(kit, incident):
            await asyncio.sleep(1)
        told = [one.event for one in await kit.events(incident, Context.SIMULATIONS)]
        (id,) = [one.simulation for one in told if isinstance(one, s.SimulationCreated)]
        lost = JobReport(token=token_of(id), state=JobState.LOST, witness=Witness.ACCOUNTING)
        for command in (s.CancelSimulation(simulation=id), s.ReportJob(simulation=id, report=lost)):
            await kit.issue(Context.SIMULATIONS, incident, command)
        await kit.settle(incident)
        assert "is LOST" in await error(kit, incident)
        assert await created(kit, incident) == 1

    rehearsal()


def test_a_lost_simulation_is_run_again_so_often() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        await incident.simulations.run("lost", walltime=minutes(5), attempts=3)

    @rehearse(test, fates=FATES)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert await created(kit, incident) == 3
        assert "is LOST" in await error(kit, incident)
        told = [one.event for one in await kit.events(incident, Context.SIMULATIONS)]
        of_interest = s.SimulationCreated | s.CancellationRequested
        steps = [one for one in told if isinstance(one, of_interest)]
        for run, ended in zip(steps[::2], steps[1::2], strict=True):
            assert isinstance(ended, s.CancellationRequested), "ended before the next is made"
            assert ended.simulation == run.simulation

    rehearsal()


def test_a_retry_keeps_the_simulation_that_succeeded() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        incident.send(both)

    @test.stage(retry=Retry(times=1, wait=5))
    async def both(incident: Plain) -> None:
        await incident.gather(
            incident.simulations.run("quick", walltime=minutes(5)),
            incident.simulations.run("slow", walltime=minutes(20)),
            incident.simulations.run("fails", walltime=minutes(5)),
        )

    @rehearse(test, fates=FATES)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert await created(kit, incident) == 4, "only what failed is created anew"
        await kit.issue(Context.INCIDENTS, incident, e.RetryStage())
        await kit.settle(incident)
        assert await created(kit, incident) == 6
        assert max(kit.machine.starts.values()) == 1

    rehearsal()


def test_callbacks_bring_their_context_and_a_group_has_one_winner() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        pair = [
            await incident.simulations.create(kind, "true", walltime=minutes(20))
            for kind in ("slow", "quick")
        ]
        await incident.simulations.group(pair)
        for name, one in zip(("slow", "quick"), pair, strict=True):
            await incident.simulations.submit(
                one,
                on={JobState.COMPLETED: finished, JobState.CANCELLED: finished},
                context={"name": name},
            )

    @test.stage(lane="results")
    async def finished(incident: Plain, told: SimulationCallback) -> None:
        context = await incident.simulations.context(told)
        incident.note(f"{context} {told.simulation.state}")

    @rehearse(test, fates=FATES)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        await kit.settle(incident)
        await asyncio.sleep(600)
        assert await kit.notes(incident) == [
            "{'name': 'quick'} COMPLETED",
            "{'name': 'slow'} CANCELLED",
        ]

    rehearsal()


def test_a_stage_runs_an_array_and_hears_how_it_gets_on() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        one = await incident.simulations.create("quick", instances=3, walltime=minutes(5))
        await incident.simulations.submit(one, on={JobState.RUNNING: running})
        done = await incident.simulations.wait(one)
        incident.note(f"{done.state} {counted(done)}")

    @test.stage(lane="running")
    async def running(incident: Plain, told: SimulationCallback) -> None:
        incident.note(counted(told.simulation))

    def counted(told: SimulationResult) -> str:
        return ", ".join(f"{n} {state}" for state, n in told.instances.items())

    @rehearse(test, fates=FATES)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        await asyncio.sleep(600)
        *before, last = sorted(await kit.notes(incident), key=len)
        assert before
        assert all("RUNNING" in note for note in before)
        assert last == "COMPLETED 3 COMPLETED"
        assert sorted(kit.machine.starts.values()) == [1, 1, 1]

    rehearsal()


def test_a_simulation_is_cancelled_by_its_stage() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        one = await incident.simulations.create("slow", walltime=minutes(20))
        await incident.simulations.submit(one)
        await incident.sleep(seconds(30))
        await incident.simulations.cancel(one, "not needed")
        incident.note((await incident.simulations.wait(one)).state)

    @rehearse(test, fates=FATES)
    async def rehearsal(kit: Kit) -> None:
        assert await kit.notes(await kit.start()) == ["CANCELLED"]

    rehearsal()


def test_a_simulation_that_fits_nowhere_is_refused_with_a_sentence() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        try:
            await incident.simulations.create("fire", walltime=hours(1), nodes=5000)
        except CallFailed as refused:
            incident.note(str(refused))

    @rehearse(test)
    async def rehearsal(kit: Kit) -> None:
        (note,) = await kit.notes(await kit.start())
        assert note == f"no machine will do: {MACHINE}: 5000 nodes are wanted, it has 1000"

    rehearsal()


def test_impossible_requests_fail_the_stage_with_a_sentence() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        await incident.simulations.run("fire", walltime=minutes(-5))

    @rehearse(test)
    async def rehearsal(kit: Kit) -> None:
        assert "greater than 0" in await error(kit, await kit.start())

    rehearsal()


def test_a_typing_error_among_the_needs_is_told() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        await incident.simulations.run("fire", walltime=minutes(5), cpu_per_task=2)  # type: ignore[call-arg]

    @rehearse(test)
    async def rehearsal(kit: Kit) -> None:
        assert "a simulation has no cpu_per_task" in await error(kit, await kit.start())

    rehearsal()


def test_simulations_of_an_ended_incident_leave_their_managers_state() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        one = await incident.simulations.create("slow", walltime=minutes(20))
        await incident.simulations.submit(one)
        incident.complete("enough")

    @rehearse(test, fates=FATES)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        await asyncio.sleep(60)
        told = [one.event for one in await kit.events(incident, Context.SIMULATIONS)]
        assert any(isinstance(one, s.SimulationsClosed) for one in told)
        assert isinstance(told[-1], s.SimulationStateChanged)
        assert told[-1].state == JobState.CANCELLED

    rehearsal()


def test_endpoints_are_opened_removed_and_closed_in_the_end() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        path = await incident.endpoints.push("data", to=data, credential="secret")
        assert path == f"data{incident.id}"
        feed = "https://feed.example/fires.csv"
        await incident.endpoints.pull(feed, every=minutes(5), to=data, when_changed=True)
        second = await incident.endpoints.pull(feed, every=hours(5), to=data, name="second")
        assert second == "second"

    @test.stage()
    async def data(incident: Plain, arrival: Arrival) -> None:
        if arrival.text() == "end":
            incident.complete()
        else:
            await incident.endpoints.remove("second")

    @rehearse(test)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        await kit.push(incident, "data", "x")
        await kit.push(incident, "data", "end")
        events = [one.event for one in await kit.events(incident, Context.ENDPOINTS)]
        opened = [one.endpoint.name for one in events if isinstance(one, EndpointOpened)]
        closed = [one.name for one in events if isinstance(one, EndpointClosed)]
        assert opened == ["data", "data-6a1a1ffb", "second"]
        assert closed == ["second", "data", "data-6a1a1ffb"]

    rehearsal()
