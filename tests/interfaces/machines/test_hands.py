"""What hands do on a machine, what they tell of it, and what they keep to themselves."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import JsonValue

from events import machines as m
from events import operations as o
from events import simulations as s
from events.jobs import JobReport, JobState, Waiting, Witness, token_of
from events.machines import FLEET
from events.prose import PROSE_CHARACTERS, cut
from events.values import Blob, Context, Event, Urgency
from interfaces.machines.connection import (
    CommandFailed,
    LoginNeeded,
    MachineError,
    NotUnderstood,
    Unreachable,
)
from interfaces.machines.dialect import InDoubt, Refused
from interfaces.machines.registry import connect
from interfaces.machines.simulated.batch_system import SimulatedBatchSystem
from interfaces.machines.simulated.fates import Fate
from interfaces.machines.site import Site as BatchSite
from interfaces.machines.work.machine import Manners
from managers.blobs import BlobStore, BlobStoreUnavailable
from tests.interfaces.machines.hands_site import (
    FIRE,
    QUICK,
    AnySite,
    Site,
    TroubledSystem,
    is_about,
    open_site,
    working,
)
from tests.patience import PATIENCE


async def seen(site: Site, reachable: bool) -> m.MachineSeen:
    async def found() -> list[m.MachineSeen]:
        last = (await site.events(m.MachineSeen))[-1:]
        return [one for one in last if one.reachable is reachable]

    (one,) = await site.until(found)
    return one


async def operations(site: Site) -> int:
    return len(await site.commits(Context.OPERATIONS))


async def test_a_load_that_nobody_understands_is_unknown_and_keeps_no_job_away() -> None:
    async with open_site(long=Fate(run=2)) as site:
        simulation = await site.submit(executable="long")
        await site.reach(simulation, JobState.RUNNING)
        site.machine.troubles["load"] = NotUnderstood("its answer is not understood: 'what?'")
        one = (await site.until(lambda: noticed(site)))[-1]
        assert (one.reachable, one.load) == (True, None)
        await site.reach(simulation, JobState.COMPLETED)


async def noticed(site: Site) -> list[m.MachineSeen]:
    return [one for one in await site.events(m.MachineSeen) if "not understood" in one.notice]


async def test_a_machine_is_spoken_to_by_its_newest_settings() -> None:
    async with open_site() as site:
        await seen(site, True)
        connected = site.connected
        changes = m.MachineChanges(cores_per_node=200)
        edit = m.EditMachine(name=site.settings.name, changes=changes)
        await site.issue(Context.MACHINES, FLEET, edit)
        async with asyncio.timeout(PATIENCE):
            while site.connected == connected:
                await asyncio.sleep(0.005)


async def test_a_job_is_followed_from_its_submission_on() -> None:
    async with open_site(Manners(look=0.01, ask=3600, retry=(0.01, 0.05))) as site:
        await seen(site, True)
        await site.reach(await site.submit(), JobState.COMPLETED)


async def test_a_job_that_is_not_taken_now_can_be_cancelled() -> None:
    async with open_site() as site:
        site.machine.turned_down[""] = Refused("too many jobs", permanent=False)
        simulation = await site.submit()
        await site.until(lambda: site.of(o.TaskHindered, simulation))
        cancel = s.CancelSimulation(simulation=simulation, reason="rain")
        await site.issue(Context.SIMULATIONS, FIRE, cancel)
        await site.reach(simulation, JobState.CANCELLED)


async def test_whatever_a_look_raises_is_told_and_it_looks_again() -> None:
    async with open_site() as site:
        site.machine.troubles["ask"] = ValueError("a dialect of another package")
        assert (await seen(site, False)).reason == "a dialect of another package"
        del site.machine.troubles["ask"]
        await seen(site, True)


async def test_when_a_waiting_job_is_expected_to_start_is_told() -> None:
    async with open_site(later=Fate(wait=60)) as site:
        simulation = await site.submit("later")
        await site.reach(simulation, JobState.QUEUED)
        waits = JobReport(
            token=token_of(simulation), state=JobState.QUEUED, witness=Witness.QUEUE, expected=10.5
        )
        site.machine.silent[waits.token] = waits
        (told,) = await site.until(lambda: site.of(s.StartForeseen, simulation))
        assert told.expected == 10.5
        await site.looks()
        assert len(await site.of(o.JobForeseen, simulation)) == 1
        held = waits.model_copy(update={"state": JobState.HELD, "expected": None})
        site.machine.silent[waits.token] = held
        await site.reach(simulation, JobState.HELD)
        site.machine.silent[waits.token] = waits

        async def told_again() -> list[s.StartForeseen]:
            return (await site.of(s.StartForeseen, simulation))[1:]

        assert [one.expected for one in await site.until(told_again)] == [10.5]


async def test_a_job_that_is_lost_and_comes_back_counts_on_its_machine_again() -> None:
    async with open_site(later=Fate(wait=60)) as site:
        simulation = await site.submit("later")
        await site.reach(simulation, JobState.QUEUED)
        site.machine.silent[token_of(simulation)] = None
        await site.reach(simulation, JobState.LOST)
        await site.until(lambda: site.of(m.MachineLeft, simulation))
        del site.machine.silent[token_of(simulation)]
        (back,) = await site.until(lambda: site.of(m.MachineRejoined, simulation))
        assert back.name == site.settings.name


async def test_a_job_is_held_once_its_machine_says_so_until_it_is_released() -> None:
    async with open_site(later=Fate(wait=30)) as site:
        simulation = await site.submit("later")
        await site.reach(simulation, JobState.QUEUED)
        hold = s.HoldSimulation(simulation=simulation, reason="no weather yet")
        await site.issue(Context.SIMULATIONS, FIRE, hold)
        held = await site.reach(simulation, JobState.HELD)
        assert held.stuck == Waiting.NEEDS_A_HUMAN
        (sent,) = await site.of(o.HoldSent, simulation)
        assert sent.held
        release = s.ReleaseSimulation(simulation=simulation)
        await site.issue(Context.SIMULATIONS, FIRE, release)
        site.machine.clock.ahead = 30
        await site.reach(simulation, JobState.COMPLETED)
        assert [one.held for one in await site.of(o.HoldSent, simulation)] == [True, False]


async def test_a_job_that_its_machine_does_not_hold_goes_on() -> None:
    async with open_site(later=Fate(wait=30)) as site:
        site.machine.troubles["hold"] = CommandFailed("jobs cannot be held on this machine")
        simulation = await site.submit("later")
        await site.reach(simulation, JobState.QUEUED)
        hold = s.HoldSimulation(simulation=simulation)
        await site.issue(Context.SIMULATIONS, FIRE, hold)
        (refused,) = await site.until(lambda: site.of(o.HoldRefused, simulation))
        assert refused.reason == "jobs cannot be held on this machine"
        site.machine.clock.ahead = 30
        await site.reach(simulation, JobState.COMPLETED)


async def test_an_urgent_job_asks_for_one_privilege_after_the_other() -> None:
    names = ("reserved", "express", "patient")
    policy = [{"name": name, "qos": name, "waits": name == "patient"} for name in names]
    async with open_site() as site:
        site.machine.turned_down["reserved"] = Refused("no such QoS", permanent=True)
        site.machine.turned_down["express"] = Refused("too many jobs", permanent=False)
        site.machine.turned_down["patient"] = Refused("too many jobs", permanent=False)
        changes = m.MachineChanges(policy={"critical": policy})
        edit = m.EditMachine(name=site.settings.name, changes=changes)
        await site.issue(Context.MACHINES, FLEET, edit)
        simulation = await site.create(urgency=Urgency.CRITICAL)
        await site.submit_created(simulation)
        await site.until(lambda: site.of(o.TaskHindered, simulation))
        del site.machine.turned_down["patient"]
        await site.reach(simulation, JobState.COMPLETED)
        steps = await site.of(o.PrivilegeRefused, simulation)
    assert [(one.privilege, one.reason, one.next) for one in steps] == [
        ("reserved", "no such QoS", "express"),
        ("express", "too many jobs", "patient"),
    ]
    assert list(dict.fromkeys(site.machine.qos)) == [*names]


async def test_polling_goes_on_though_jobs_cannot_be_asked_about() -> None:
    async with open_site(long=Fate(run=2)) as site:
        simulation = await site.submit(executable="long")
        await site.reach(simulation, JobState.RUNNING)
        site.machine.troubles["ask"] = NotUnderstood("its answer is not understood: 'what?'")
        assert "not understood" in (await seen(site, False)).reason
        site.machine.troubles.clear()
        await seen(site, True)
        await site.reach(simulation, JobState.COMPLETED)


async def test_a_machine_where_nothing_happens_writes_nothing() -> None:
    async with open_site() as site:
        await seen(site, True)
        await site.looks()
        before = await operations(site)
        await site.looks()
        assert await operations(site) == before


async def test_a_machine_that_stays_away_is_told_of_once() -> None:
    async with open_site() as site:
        await seen(site, True)
        site.machine.troubles["ask"] = Unreachable("no route")
        await seen(site, False)
        before = await operations(site)
        await site.looks()
        assert await operations(site) == before


async def test_ends_are_known_while_the_scheduler_is_away() -> None:
    async with open_site(long=Fate(run=2)) as site:
        simulation = await site.submit("long")
        await site.reach(simulation, JobState.RUNNING)
        site.machine.troubles["ask"] = CommandFailed("Unable to contact slurm controller")
        await seen(site, False)
        await site.reach(simulation, JobState.COMPLETED)
        assert not (await site.events(m.MachineSeen))[-1].reachable
        del site.machine.troubles["ask"]
        await seen(site, True)


async def test_ends_are_known_while_the_scheduler_does_not_answer() -> None:
    async with open_site(long=Fate(run=2)) as site:
        simulation = await site.submit("long")
        await site.reach(simulation, JobState.RUNNING)
        site.machine.hangs = {"ask"}
        await site.looks(1)
        await site.reach(simulation, JobState.COMPLETED)
        assert (await site.events(m.MachineSeen))[-1].reachable


async def test_what_a_scheduler_says_late_is_older_than_a_wrappers_word() -> None:
    async with open_site(later=Fate(wait=30, run=60)) as site:
        simulation = await site.submit("later")
        await site.reach(simulation, JobState.QUEUED)
        token = token_of(simulation)
        held = JobReport(token=token, state=JobState.HELD, witness=Witness.QUEUE)
        site.machine.slow, site.machine.silent[token] = 3.0, held
        await site.looks(1)
        del site.machine.silent[token]
        site.machine.slow, site.machine.clock.ahead = 0.0, 30
        await site.reach(simulation, JobState.RUNNING)
        await site.looks(2)
        words = [one.report.state for one in await site.of(o.JobReported, simulation)]
        assert words == [JobState.QUEUED, JobState.RUNNING]


async def test_a_job_is_followed_whose_submission_was_taken_and_is_not_answered() -> None:
    async with open_site(taken=Fate(run=30, answer_after=3600)) as site:
        simulation = await site.submit("taken")
        await site.reach(simulation, JobState.RUNNING)
        site.machine.clock.ahead = 30
        await site.reach(simulation, JobState.COMPLETED)
        (confirmed,) = await site.of(o.SubmissionConfirmed, simulation)
        assert confirmed.job_id
        assert not await site.of(o.SubmissionDoubted, simulation)
        assert site.machine.asked["submit"] == 1


async def test_a_job_that_failed_and_is_requeued_is_followed_and_its_results_are_fetched() -> None:
    async with open_site(bad=Fate(run=0.05, exit_code=3)) as site:
        simulation = await site.submit("bad", outputs=("map",))
        await site.reach(simulation, JobState.FAILED)
        await site.until(lambda: site.of(o.JobReleased, simulation))
        again = JobReport(
            token=token_of(simulation), state=JobState.RUNNING, witness=Witness.STATUS_FILE,
            attempt=2, host="n1",
        )  # fmt: skip
        site.machine.silent[again.token] = again

        async def begun_anew() -> list[s.SimulationStateChanged]:
            changes = await site.of(s.SimulationStateChanged, simulation)
            return [one for one in changes if one.again and one.state is JobState.RUNNING]

        await site.until(begun_anew)
        site.machine.silent[again.token] = again.model_copy(update={"state": JobState.COMPLETED})
        await site.reach(simulation, JobState.COMPLETED)
        await site.until(lambda: site.of(s.OutputsKept, simulation))


async def test_a_job_that_stays_lost_is_told_of_once() -> None:
    async with open_site(long=Fate(run=60)) as site:
        simulation = await site.submit(executable="long")
        await site.reach(simulation, JobState.RUNNING)
        token = token_of(simulation)
        gone = JobReport(token=token, state=JobState.ENDING, witness=Witness.QUEUE)
        for silence in (None, gone):
            site.machine.silent[token] = silence
            await site.reach(simulation, JobState.LOST)
            await site.looks()
            before = await operations(site)
            await site.looks()
            assert await operations(site) == before
        site.machine.silent.clear()
        reports = len(await site.of(o.JobReported, simulation))

        async def found() -> list[o.JobReported]:
            return (await site.of(o.JobReported, simulation))[reports:]

        assert (await site.until(found))[0].report.state == JobState.RUNNING


async def test_what_a_killed_job_has_left_does_not_bring_it_back(tmp_path: Path) -> None:
    site = AnySite(settings=m.MachineSettings(name="m", base_directory=str(tmp_path), slots=2))
    async with working(site, connect, replace(QUICK, ask=0.5)):
        killed = await site.submit("exec sleep 60")
        await site.reach(killed, JobState.RUNNING)
        lock = tmp_path / "jobs" / token_of(killed) / ".vestec" / "lock"
        os.killpg(int(lock.read_text().split()[-1]), signal.SIGKILL)
        await site.reach(killed, JobState.LOST)
        await site.reach(await site.submit("sleep 1"), JobState.COMPLETED)
        words = [one.report.state for one in await site.of(o.JobReported, killed)]
        assert words[words.index(JobState.LOST) :] == [JobState.LOST]


async def test_accounts_that_are_away_lose_no_job_and_hold_up_no_other() -> None:
    async with open_site(long=Fate(run=60)) as site:
        vanished, other = [await site.submit(executable="long") for _ in range(2)]
        for simulation in (vanished, other):
            await site.reach(simulation, JobState.RUNNING)
        site.machine.troubles["accounts"] = CommandFailed("no database")
        site.machine.silent[token_of(vanished)] = None

        async def noticed() -> list[o.MachineAnswered]:
            answers = await site.events(o.MachineAnswered)
            return [one for one in answers if "became of 1 jobs" in one.notice]

        answer, *_ = await site.until(noticed)
        assert answer.reachable
        assert "no database" in answer.notice
        cancel = s.CancelSimulation(simulation=other, reason="enough")
        await site.issue(Context.SIMULATIONS, FIRE, cancel)
        await site.reach(other, JobState.CANCELLED)
        assert not [
            one
            for one in await site.of(o.JobReported, vanished)
            if one.report.state == JobState.LOST
        ]
        del site.machine.troubles["accounts"]
        await site.reach(vanished, JobState.LOST)


async def cancelled_while_lost(site: Site) -> UUID:
    """A simulation that ran, was lost, and is not wanted any more."""
    simulation = await site.submit("long")
    await site.reach(simulation, JobState.RUNNING)
    site.machine.silent[token_of(simulation)] = None
    await site.reach(simulation, JobState.LOST)
    cancel = s.CancelSimulation(simulation=simulation, reason="it is lost")
    await site.issue(Context.SIMULATIONS, FIRE, cancel)
    await site.until(lambda: site.of(o.CancelSent, simulation))
    return simulation


async def test_a_job_that_only_its_accounts_call_alive_is_lost_after_its_walltime() -> None:
    async with open_site(long=Fate(run=60)) as site:
        simulation = await site.create("long", resources=s.Resources(walltime=1))
        await site.submit_created(simulation)
        await site.reach(simulation, JobState.RUNNING)
        token = token_of(simulation)
        alive = JobReport(token=token, state=JobState.RUNNING, witness=Witness.ACCOUNTING)
        site.machine.silent[token] = alive
        began = asyncio.get_running_loop().time()
        await site.reach(simulation, JobState.LOST)
        assert asyncio.get_running_loop().time() - began > 1
        events = len(await site.of(s.SimulationStateChanged, simulation))
        await site.looks()
        assert len(await site.of(s.SimulationStateChanged, simulation)) == events


async def test_a_lost_job_that_was_cancelled_has_ended_when_it_comes_back() -> None:
    async with open_site(long=Fate(run=60)) as site:
        simulation = await cancelled_while_lost(site)
        site.machine.silent.clear()
        await site.reach(simulation, JobState.CANCELLED)


async def test_a_lost_job_that_took_no_notice_of_it_is_cancelled_when_it_comes_back() -> None:
    async with open_site(long=Fate(run=60)) as site:
        site.machine.deaf = True
        simulation = await cancelled_while_lost(site)
        site.machine.deaf = False
        site.machine.silent.clear()
        await site.reach(simulation, JobState.CANCELLED)
        assert len(await site.of(o.CancelSent, simulation)) == 2


# What hinders work.


async def trouble(site: Site, present: bool) -> m.TroubleSeen:
    async def found() -> list[m.TroubleSeen]:
        last = (await site.events(m.TroubleSeen))[-1:]
        return [one for one in last if bool(one.reason) is present]

    (one,) = await site.until(found)
    return one


async def tries(site: Site, method: str, number: int = 5) -> None:
    before = site.machine.asked[method]
    async with asyncio.timeout(PATIENCE):
        while site.machine.asked[method] < before + number:
            await asyncio.sleep(0.005)


FULL = MachineError("cannot write: Disk quota exceeded" + "!" * PROSE_CHARACTERS)


@pytest.mark.parametrize(
    ("method", "task"),
    [("prepare", o.JobTask.SUBMIT), ("submit", o.JobTask.SUBMIT), ("fetch", o.JobTask.COLLECT)],
)
async def test_what_hinders_a_job_is_told_once_and_the_job_goes_on(
    method: str, task: o.JobTask
) -> None:
    async with open_site() as site:
        site.machine.troubles[method] = FULL
        simulation = await site.submit(outputs=("map",))
        assert "quota exceeded" in (await trouble(site, True)).reason
        await tries(site, method)
        (hindered,) = await site.of(o.TaskHindered, simulation)
        assert (hindered.task, hindered.reason) == (task, cut(str(FULL)))
        site.machine.troubles[method] = MachineError("cannot write: No space left")

        async def told() -> list[o.TaskHindered]:
            return (await site.of(o.TaskHindered, simulation))[1:]

        assert "No space left" in (await site.until(told))[0].reason
        site.machine.troubles.clear()
        await trouble(site, False)
        await site.until(lambda: site.of(s.OutputsKept, simulation))
        assert site.machine.starts[token_of(simulation)] == 1


async def test_a_cancellation_that_is_hindered_is_told_and_goes_on() -> None:
    async with open_site(long=Fate(run=60)) as site:
        simulation = await site.submit(executable="long")
        await site.reach(simulation, JobState.RUNNING)
        site.machine.troubles["cancel"] = FULL
        cancel = s.CancelSimulation(simulation=simulation, reason="enough")
        await site.issue(Context.SIMULATIONS, FIRE, cancel)
        await trouble(site, True)
        site.machine.troubles.clear()
        await site.reach(simulation, JobState.CANCELLED)
        await trouble(site, False)


async def test_a_machine_without_room_gets_no_job_until_it_has_some_again() -> None:
    async with open_site() as site:
        machine, first = site.machine, await site.create()
        if not machine.asked["host"]:
            await tries(site, "host", 1)
        machine.full = "Disk quota exceeded"
        await site.submit_created(first)
        waits = await site.reach(first, JobState.PENDING)
        assert waits.stuck is Waiting.NEEDS_A_HUMAN
        assert "no room" in waits.reason
        assert machine.full in waits.reason
        assert (await trouble(site, True)).full
        before = machine.asked["prepare"]
        await tries(site, "host")
        assert machine.asked["prepare"] == before
        second = await create_on(site, "m")
        machine.full = ""
        await site.reach(first, JobState.COMPLETED)
        await site.until(lambda: site.of(s.SimulationPlaced, second))
        told = [one.full for one in await site.events(o.RoomSeen)]
        assert [bool(full) for full in told] == [True, False]


SELDOM = Manners(look=0.01, ask=3600, retry=(0.01, 0.05))
"""The scheduler is asked once, and then as somebody wishes."""


async def without_room(site: Site) -> UUID:
    """A simulation that waits for room."""
    simulation = await site.create()
    site.machine.full = "Disk quota exceeded"
    await site.submit_created(simulation)
    await site.reach(simulation, JobState.PENDING)
    return simulation


async def test_who_has_made_room_need_not_wait_until_it_is_seen() -> None:
    async with open_site(SELDOM) as site:
        simulation = await without_room(site)
        site.machine.full = ""
        await site.issue(Context.SIMULATIONS, FIRE, s.RetrySimulation(simulation=simulation))
        await site.reach(simulation, JobState.COMPLETED)


async def test_a_job_that_waits_for_room_is_cancelled_without_any() -> None:
    async with open_site() as site:
        simulation = await without_room(site)
        cancel = s.CancelSimulation(simulation=simulation, reason="enough")
        await site.issue(Context.SIMULATIONS, FIRE, cancel)
        await site.reach(simulation, JobState.CANCELLED)
        assert site.machine.full
        site.machine.full = ""
        await site.until(lambda: site.of(o.CancelSent, simulation))  # whoever slept submits nothing
        assert site.machine.starts[token_of(simulation)] == 0
        await trouble(site, False)


async def test_what_was_submitted_by_who_died_is_followed_though_there_is_no_room() -> None:
    async with open_site() as site:
        simulation = await without_room(site)
        (intended,) = await site.of(o.SubmissionIntended, simulation)
        await SimulatedBatchSystem.submit(site.machine, intended.request, 1)
        await site.reach(simulation, JobState.COMPLETED)
        assert site.machine.full


async def test_what_may_have_gone_out_before_a_restart_is_looked_up_where_its_folder_is_gone() -> (
    None
):
    machine = TroubledSystem({"slow": Fate(run=0.3, answer_after=60)})
    site = Site(machine=machine)
    async with working(site, lambda *_: machine, QUICK):
        simulation = await site.submit("slow")
        async with asyncio.timeout(PATIENCE):
            while not machine.asked["submit"]:
                await asyncio.sleep(0.005)
    machine.swept = True
    async with working(site, lambda *_: machine, QUICK):
        (doubted,) = await site.until(lambda: site.of(o.SubmissionDoubted, simulation))
        await site.reach(simulation, JobState.COMPLETED)
    assert "is gone" in doubted.reason
    assert machine.asked["submit"] == 1
    assert machine.starts[token_of(simulation)] == 1


async def create_on(site: Site, machine: str) -> UUID:
    """Wish a simulation on a machine, and wait for what becomes of the wish."""
    simulation = uuid4()
    needs = s.Resources(walltime=60)
    request = s.SimulationRequest(kind="test", executable="true", resources=needs, machine=machine)
    create = s.CreateSimulation(simulation=simulation, incident=FIRE, request=request)
    await site.issue(Context.SIMULATIONS, FIRE, create)

    async def postponed() -> list[m.ChoicePostponed]:
        events = await site.events(m.ChoicePostponed)
        return [one for one in events if one.wanted.simulation == simulation]

    await site.until(postponed)
    return simulation


async def test_what_is_never_taken_waits_for_a_person_who_has_it_tried_again() -> None:
    async with open_site() as site:
        site.machine.troubles["submit"] = InDoubt("exit status 9: what?", 0.0)
        simulation = await site.submit()
        waits = await site.reach(simulation, JobState.PENDING)
        assert waits.stuck is Waiting.NEEDS_A_HUMAN
        assert "submitted 5 times, and never found there: exit status 9: what?" in waits.reason
        assert "exit status 9" in (await trouble(site, True)).reason
        assert site.machine.asked["submit"] == 5
        site.machine.troubles.clear()
        await site.issue(Context.SIMULATIONS, FIRE, s.RetrySimulation(simulation=simulation))
        await site.reach(simulation, JobState.COMPLETED)
        assert site.machine.starts[token_of(simulation)] == 1
        await trouble(site, False)


async def test_what_was_never_found_and_comes_late_is_followed_and_not_run_again() -> None:
    lost = Fate(wait=0.5, run=0.3, answer_lost=True)
    async with open_site(late=lost) as site:
        simulation = await site.create("late")
        token = token_of(simulation)
        site.machine.silent[token] = None
        await site.submit_created(simulation)
        waits = await site.reach(simulation, JobState.PENDING)
        assert waits.stuck is Waiting.NEEDS_A_HUMAN
        await site.looks()
        assert await site.of(o.SubmissionStopped, simulation)
        states = [one.report.state for one in await site.of(o.JobReported, simulation)]
        assert states == [JobState.PENDING]  # not lost: nobody has seen it
        site.machine.silent.clear()
        await site.reach(simulation, JobState.COMPLETED)
        await site.issue(Context.SIMULATIONS, FIRE, s.RetrySimulation(simulation=simulation))
        await site.looks()
        assert site.machine.asked["submit"] == 5
        assert site.machine.starts[token] == 1
        await trouble(site, False)


async def test_a_blip_is_not_told() -> None:
    async with open_site() as site:
        site.machine.blips["prepare"] = [FULL, FULL]
        simulation = await site.submit()
        await site.reach(simulation, JobState.COMPLETED)
        assert site.machine.asked["prepare"] == 3
        assert await site.events(o.TaskHindered) == []


async def test_results_wait_for_a_blob_store_that_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def full(_blobs: BlobStore, _chunks: AsyncIterator[bytes]) -> Blob:
        raise BlobStoreUnavailable("the blob store cannot be used: No space left on device")

    async with open_site() as site:
        with monkeypatch.context() as patch:
            patch.setattr(BlobStore, "put_stream", full)
            simulation = await site.submit(outputs=("map",))
            assert "No space left" in (await trouble(site, True)).reason
        (kept,) = await site.until(lambda: site.of(s.OutputsKept, simulation))
        assert await site.blobs.get(kept.outputs["map"]) == b"a map"


async def test_what_is_no_result_is_said_once_and_the_others_are_kept() -> None:
    async with open_site() as site:
        simulation = await site.submit(outputs=("film", "map", "none"))
        (kept,) = await site.until(lambda: site.of(s.OutputsKept, simulation))
        assert [*kept.outputs] == ["map"]
        assert kept.missing == ("film", "none")
        assert kept.reason == (
            "film is not fetched: it has 1,001 bytes, and at most 1,000 are fetched"
        )
        assert site.machine.asked["fetch"] == 3
        await site.until(lambda: site.of(o.JobReleased, simulation))


async def test_a_result_that_takes_too_long_is_told_of_and_tried_again() -> None:
    async with open_site() as site:
        site.machine.hangs = {"fetch"}
        simulation = await site.submit(outputs=("map",))
        assert (
            "map is not fetched: nothing of it came for 0.5 s" in (await trouble(site, True)).reason
        )
        site.machine.hangs.clear()
        await site.until(lambda: site.of(s.OutputsKept, simulation))
        await trouble(site, False)


async def test_nothing_is_fetched_any_more_for_an_incident_that_is_over() -> None:
    async with open_site() as site:
        site.machine.troubles["fetch"] = FULL
        simulation = await site.submit(outputs=("map",))
        await trouble(site, True)
        await site.issue(Context.SIMULATIONS, FIRE, s.CloseSimulations(reason="it rains"))
        (kept,) = await site.until(lambda: site.of(s.OutputsKept, simulation))
        assert (kept.outputs, kept.missing, kept.reason) == ({}, ("map",), "it rains")
        await site.until(lambda: site.of(o.JobReleased, simulation))
        await trouble(site, False)
        asked = site.machine.asked["fetch"]
        await site.looks()
        assert site.machine.asked["fetch"] == asked


async def test_an_input_that_is_gone_fails_the_simulation_with_its_name() -> None:
    async with open_site() as site:
        gone, there = Blob.of(b"never put"), await site.blobs.put(b"wind")
        simulation = await site.submit(inputs={"fuel.tif": gone, "wind.csv": there})
        failed = await site.reach(simulation, JobState.FAILED)
        assert failed.witness == Witness.OURSELVES
        assert "the input fuel.tif cannot be read" in failed.reason
        assert gone.sha256 in failed.reason
        assert site.machine.starts[token_of(simulation)] == 0


# Where it belongs.


async def test_all_that_is_told_of_a_job_belongs_to_its_incident_and_its_chain() -> None:
    async with open_site(doubted=Fate(run=0.05, answer_lost=True)) as site:
        simulation = await site.create("doubted", outputs=("map",))
        site.machine.troubles["prepare"] = site.machine.troubles["fetch"] = FULL
        chain = await site.submit_created(simulation)
        await trouble(site, True)
        del site.machine.troubles["prepare"]
        await site.reach(simulation, JobState.COMPLETED)
        del site.machine.troubles["fetch"]
        await site.until(lambda: site.of(o.JobReleased, simulation))
        commits = await site.commits(Context.OPERATIONS)
        about = [c for c in commits if any(is_about(event, simulation) for event in c.events)]
        assert {type(event) for commit in about for event in commit.events} == {
            o.SubmissionIntended,
            o.TaskHindered,
            o.SubmissionBegun,
            o.SubmissionDoubted,
            o.SubmissionConfirmed,
            o.JobReported,
            o.CollectionIntended,
            o.OutputsCollected,
            o.JobReleased,
        }
        assert {(commit.incident, commit.correlation) for commit in about} == {(FIRE, chain)}
        reached = await site.commits(Context.SIMULATIONS)
        assert {c.correlation for c in reached if any(_ends(event) for event in c.events)} == {
            chain
        }
        assert {c.incident for c in commits if c not in about} == {None}


async def test_trouble_in_doubt_is_over_each_time_that_the_submission_goes_out() -> None:
    async with open_site(long=Fate(run=60)) as site:
        site.machine.troubles["submit"] = Unreachable("Connection refused")
        simulation = await site.submit(executable="long")
        for times in (1, 2):

            async def hindered(times: int = times) -> list[o.TaskHindered]:
                return (await site.of(o.TaskHindered, simulation))[times - 1 :]

            async def doubted(times: int = times) -> list[o.SubmissionDoubted]:
                return (await site.of(o.SubmissionDoubted, simulation))[times - 1 :]

            await site.until(hindered)
            site.machine.troubles["submit"] = InDoubt("what?", 60.0)
            await site.until(doubted)
            site.machine.troubles["submit"] = Unreachable("Connection refused")
        del site.machine.troubles["submit"]
        await site.reach(simulation, JobState.RUNNING)


# Logins.


async def test_a_refused_login_stops_everything_there_until_somebody_allows_another() -> None:
    async with open_site(long=Fate(run=60)) as site:
        simulation = await site.submit(executable="long")
        await site.reach(simulation, JobState.RUNNING)
        site.machine.troubles["ask"] = LoginNeeded("no key will do")
        one = await seen(site, False)
        assert (one.login_needed, one.reason) == (True, "no key will do")
        cancel = s.CancelSimulation(simulation=simulation, reason="enough")
        await site.issue(Context.SIMULATIONS, FIRE, cancel)
        await site.until(lambda: site.of(o.CancelIntended, simulation))
        asked = site.machine.asked.copy()
        for number in range(1, 3):
            await site.issue(Context.MACHINES, FLEET, m.AllowLogin(name="m"))

            async def refused(number: int = number) -> list[m.MachineSeen]:
                told = [one for one in await site.events(m.MachineSeen) if one.login_needed]
                return told[number:]

            await site.until(refused)
            assert site.machine.asked["ask"] == asked["ask"] + number
        assert [one.report.state for one in await site.of(o.JobReported, simulation)][-1] == (
            JobState.RUNNING
        )
        site.machine.troubles.clear()
        await site.issue(Context.MACHINES, FLEET, m.AllowLogin(name="m"))
        await site.reach(simulation, JobState.CANCELLED)
        assert await site.events(o.TaskHindered) == []


async def test_what_somebody_should_do_before_long_is_told_while_it_is_so() -> None:
    async with open_site() as site:
        await seen(site, True)
        for notice in ("the certificate expires soon", ""):
            site.machine.notice = notice

            async def told(notice: str = notice) -> list[m.MachineSeen]:
                last = (await site.events(m.MachineSeen))[-1:]
                return [one for one in last if one.notice == notice and one.reachable]

            await site.until(told)
            before = await operations(site)
            await site.looks()
            assert await operations(site) == before


def _ends(event: Event) -> bool:
    return isinstance(event, s.OutputsKept | s.SimulationStateChanged)


async def test_a_machine_is_checked_and_what_that_learned_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_site() as site:
        learned: list[Mapping[str, JsonValue]] = []
        monkeypatch.setattr(site.machine, "learn", learned.append)
        monkeypatch.setattr(site.machine, "site", accountless)
        await site.issue(Context.MACHINES, FLEET, m.CheckMachine(name="m", check=uuid4()))
        (found,) = await site.until(lambda: site.events(m.MachineChecked))
        assert found.checkup.learned["accounting"] is False

        async def told() -> list[o.CheckConcluded]:
            known = found.checkup.learned in learned
            return await site.events(o.CheckConcluded) if known else []

        assert len(await site.until(told)) == 1


async def accountless() -> BatchSite:
    return BatchSite(version="old", accounting=False, learns=frozenset({"accounting", "lag"}))
