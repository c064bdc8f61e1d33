"""Until when folders of jobs last, as it is shown, is what their machine's manager does."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import pytest

from events import operations as o
from events.jobs import JobId, JobReport, JobRequest, JobState, Token, Witness, token_of
from events.machines import MachineFolders, MachineSettings
from events.values import DAY, Context, Event, IncidentId
from managers.operations import CancelTaken, FolderGone, JobSeen, MachineJobs, SubmissionAnswered
from managers.operations.inputs import LookAtClock
from managers.runtime.manager import Input
from projections import Pool
from projections.folders import Dates, dates_of, find_folder, next_dates
from tests.managers.operations.test_operations import MANAGER
from tests.managers.scenario import Scenario, scenario
from tests.projections.story import Story
from tests.projections.tables import all_caught_up, running

SETTINGS = MachineSettings(
    name="m", base_directory="/m", folders=MachineFolders(keep=2.0, purge=20.0)
)


def settings(**other: object) -> o.ConfigureMachine:
    return o.ConfigureMachine(settings=SETTINGS.model_copy(update=other))


def report(
    token: Token, state: JobState = JobState.COMPLETED, ended: float | None = None
) -> JobReport:
    return JobReport(token=token, state=state, witness=Witness.STATUS_FILE, ended=ended)


@dataclass
class Machine:
    """A machine whose manager's events are told to the read models."""

    of: Scenario[MachineJobs] = field(default_factory=lambda: scenario(MANAGER))
    story: Story = field(default_factory=lambda: Story(partitions=1))
    submitted: list[Token] = field(default_factory=list)

    async def when(self, *inputs: Input) -> "Machine":
        for input in inputs:
            self.of.when(input)
            events = [effect for effect in self.of.effects if isinstance(effect, Event)]
            if events:
                await self.story.commit(Context.OPERATIONS, "m", *events)
        return self

    async def submit(self, instances: int = 1) -> Token:
        simulation = UUID(int=len(self.submitted) + 1)
        token = token_of(simulation)
        request = JobRequest(token=token, executable="fire", walltime=60, instances=instances)
        incident = IncidentId("i-1")
        await self.when(
            o.SubmitJob(incident=incident, simulation=simulation, request=request, inputs={}),
            SubmissionAnswered(token, 1, JobId("17")),
        )
        self.submitted.append(token)
        return token

    async def over(self, state: JobState = JobState.COMPLETED) -> Token:
        """A job that nobody asks about any more."""
        token = await self.submit()
        await self.when(JobSeen(report(token, state, self.of.now)), o.ReleaseJob(token=token))
        return token

    async def caught_up(self, pool: Pool) -> None:
        async with running(self.story, pool) as reader:
            await all_caught_up(reader, self.story)

    async def shown(self, pool: Pool, token: Token) -> Dates:
        folder = await find_folder(pool, token)
        assert folder is not None
        return await dates_of(pool, folder)


@pytest.fixture
async def machine() -> Machine:
    machine = Machine()
    await machine.story.begin()
    machine.of.now = float(int(time.time()))
    return await machine.when(settings())


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def test_the_next_folder_that_goes_is_shown(machine: Machine, pool: Pool) -> None:
    start = machine.of.now
    token = await machine.over()
    machine.of.later(DAY)
    later = await machine.over()
    await machine.caught_up(pool)
    shown = Dates(kept_until=moment(start + 2 * DAY), purged_from=moment(start + 20 * DAY))
    assert await next_dates(pool, "m") == await machine.shown(pool, token) == shown
    machine.of.later(DAY)
    await machine.when(LookAtClock(), FolderGone(token))
    await machine.caught_up(pool)
    shown = Dates(kept_until=moment(start + 3 * DAY), purged_from=moment(start + 21 * DAY))
    assert await machine.shown(pool, token) == Dates()
    assert await next_dates(pool, "m") == await machine.shown(pool, later) == shown


async def test_no_removal_is_shown_of_a_folder_that_stays(machine: Machine, pool: Pool) -> None:
    await machine.when(settings(folders=MachineFolders()))
    early = await machine.over()
    await machine.when(settings(folders=MachineFolders(keep=3.0)))
    await machine.caught_up(pool)
    assert await next_dates(pool, "m") == Dates()
    lost, token = await machine.over(JobState.LOST), await machine.over()
    await machine.when(settings(folders=MachineFolders(keep=4.0)))
    await machine.caught_up(pool)
    assert (await machine.shown(pool, token)).kept_until == moment(machine.of.now + 4 * DAY)
    for stays in (lost, early):
        assert (await machine.shown(pool, stays)).kept_until is None
    await machine.when(settings(base_directory="/elsewhere"))
    await machine.caught_up(pool)
    assert await next_dates(pool, "m") == await machine.shown(pool, token) == Dates()


async def test_what_the_centre_has_removed_is_not_shown_as_next(
    machine: Machine, pool: Pool
) -> None:
    await machine.when(settings(folders=MachineFolders(purge=20.0)))
    today = machine.of.now
    machine.of.now = today - 30 * DAY
    await machine.over()
    machine.of.now = today
    await machine.over()
    await machine.caught_up(pool)
    assert (await next_dates(pool, "m")).purged_from == moment(today + 20 * DAY)


async def test_an_array_is_over_when_all_of_it_is(machine: Machine, pool: Pool) -> None:
    start, token = machine.of.now, await machine.submit(instances=2)
    reports = [
        report(token, ended=start + ended).model_copy(update={"instance": instance})
        for instance, ended in enumerate((DAY, 2 * DAY))
    ]
    for said, written in zip(reports, (0, 2 * DAY), strict=True):
        await machine.when(JobSeen(said))
        await machine.caught_up(pool)
        assert (await machine.shown(pool, token)).purged_from == moment(start + written + 20 * DAY)


class Walk:
    """Anything that may be told of a machine, in any order."""

    def __init__(self, machine: Machine, seed: int) -> None:
        self.machine, self.chance = machine, Random(seed)

    async def step(self) -> None:
        machine, chance = self.machine, self.chance
        machine.of.later(chance.choice((0.0, 3600.0, DAY)))
        match chance.randrange(16):
            case 0 | 1 | 2:
                await machine.submit(chance.choice((1, 2)))
            case 3:
                await machine.when(*self._settings())
            case 4 | 5:
                removing = self._state.removing
                await machine.when(LookAtClock(), *map(FolderGone, [*removing][:1]))
            case _ if jobs := [*self._state.jobs.values()]:
                await machine.when(*self._of_one(chance.choice(jobs).token))

    @property
    def _state(self) -> MachineJobs:
        return self.machine.of.state or MachineJobs()

    def _settings(self) -> Sequence[Input]:
        """Another place, or none, only when none of our jobs is there."""
        lasts = {"folders": MachineFolders(keep=self.chance.choice((None, 1.0, 2.0, 9.0)))}
        if self._state.jobs or self.chance.random() < 0.7:
            same = self._state.settings or SETTINGS
            return [settings(**lasts, base_directory=same.base_directory)]
        place = self.chance.choice(("/m", "/elsewhere"))
        away = [o.ForgetMachine()] if self.chance.random() < 0.5 else []
        return [*away, settings(**lasts, base_directory=place)]

    def _of_one(self, token: Token) -> Sequence[Input]:
        size, chance = self._state.jobs[token].request.instances, self.chance
        instance = chance.randrange(size) if size > 1 else None
        state = chance.choice((JobState.RUNNING, JobState.COMPLETED, JobState.LOST))
        said = report(token, state).model_copy(update={"instance": instance})
        release = o.ReleaseJob(token=token)
        return chance.choice(
            (
                [JobSeen(said)],
                [JobSeen(said), release],
                [JobSeen(said), release, CancelTaken(token, settled=True)],
                [o.CancelJob(token=token)],
            )
        )

    def removals(self) -> dict[Token, datetime]:
        """What the manager is going to remove, and when."""
        state = self._state
        keep = state.settings.folders.keep if state.settings else None
        left = {**state.folders, **state.removing}
        return {token: moment(it.since + (keep or 0) * DAY) for token, it in left.items()}


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_shown_is_what_is_removed(machine: Machine, pool: Pool, seed: int) -> None:
    walk, removed = Walk(machine, seed), 0
    for _ in range(6):
        for _ in range(30):
            await walk.step()
        await machine.caught_up(pool)
        dates = {token: await machine.shown(pool, token) for token in machine.submitted}
        shown = {token: one.kept_until for token, one in dates.items() if one.kept_until}
        assert shown == walk.removals()
        assert (await next_dates(pool, "m")).kept_until == min(shown.values(), default=None)
        removed += len(shown)
    assert removed
