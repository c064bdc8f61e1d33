"""What befalls jobs reaches whoever made them, and operators in words: alike in each dialect."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from events import simulations as s
from events.jobs import Dependency, JobOptions, JobState, Token, Waiting, token_of
from events.simulations import Resources
from events.values import Context
from interfaces.machines.connections.ssh import SshAccess, SshConnection
from interfaces.machines.scripts.layout import layout_of
from interfaces.machines.simulated.fates import Fate
from projections.sentences import Line, Subjects, line_of
from tests.interfaces.machines.hands_site import AnySite
from tests.interfaces.machines.rehearsed import BENCHES
from tests.interfaces.machines.test_rehearsal import RehearsedSite, site_on

SAYS_WHY = "echo this is why >&2; "
LONG = SAYS_WHY + "sleep 60"


@pytest.fixture(params=[*BENCHES])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RehearsedSite]:
    async with site_on(tmp_path, request.param, Fate(run=60)) as site:
        yield site


async def somebody(site: AnySite, wishes: str, token: Token) -> None:
    """Does something to a job on its machine, without us."""
    dialect = BENCHES[site.settings.dialect]._dialect(None, layout_of(site.settings))  # type: ignore[arg-type]
    wish = getattr(dialect, wishes)
    command = wish(token, None) if wishes == "cancel" else wish(token)
    async with SshConnection(SshAccess.model_validate(site.settings.access)) as connection:
        command.parse(await connection.run(command.script(), deadline=30))


async def told(site: AnySite, change: s.SimulationStateChanged) -> Line:
    """What an operator reads of a change."""
    for commit in await site.commits(Context.SIMULATIONS):
        if change in commit.events:
            line = line_of(commit, change, Subjects())
            assert line is not None
            return line
    raise AssertionError("nothing was told")


async def test_a_program_that_fails(site: RehearsedSite) -> None:
    simulation = await site.submit(SAYS_WHY + "exit 3")
    line = await told(site, await site.reach(simulation, JobState.FAILED))
    assert line.level == "error"
    assert "exit code 3" in line.text
    assert "this is why" in line.text


async def test_a_program_is_warned_before_the_end_of_its_walltime(site: RehearsedSite) -> None:
    """As many seconds before as it asked for; what it writes then is kept."""
    warned = "trap 'echo warned >told; exit 0' TERM; sleep 600 & wait"
    hour = {"resources": Resources(walltime=3600), "options": JobOptions(warning=3598)}
    simulation = await site.submit(warned, outputs=("told",), **hour)
    await site.reach(simulation, JobState.COMPLETED)
    (kept,) = await site.until(lambda: site.of(s.OutputsKept, simulation))
    assert await site.blobs.get(kept.outputs["told"]) == b"warned\n"


async def test_a_program_that_the_warning_ends_is_out_of_time(site: RehearsedSite) -> None:
    hour = {"resources": Resources(walltime=3600), "options": JobOptions(warning=3598)}
    simulation = await site.submit(SAYS_WHY + "exec sleep 600", **hour)
    line = await told(site, await site.reach(simulation, JobState.TIMEOUT))
    assert "this is why" in line.text


async def has_said_why(site: RehearsedSite) -> UUID:
    """A simulation that runs, and whose program wrote what it has to say."""
    simulation = await site.submit(LONG)
    await site.reach(simulation, JobState.RUNNING)
    stderr = site.cluster.folder / "jobs" / token_of(simulation) / "stderr"

    async def written() -> list[str]:
        return stderr.read_text().splitlines() if stderr.exists() else []

    await site.until(written)
    return simulation


async def test_somebody_else_cancels_a_job(site: RehearsedSite) -> None:
    simulation = await has_said_why(site)
    await somebody(site, "cancel", token_of(simulation))
    change = await site.reach(simulation, JobState.CANCELLED)
    line = await told(site, change)
    assert change.unwished
    assert line.level == "error"
    assert "by nobody here" in line.text
    assert "this is why" in line.text


async def test_what_we_cancel_is_no_surprise(site: RehearsedSite) -> None:
    simulation = await has_said_why(site)
    cancel = s.CancelSimulation(simulation=simulation, reason="enough")
    await site.issue(Context.SIMULATIONS, "fire", cancel)
    change = await site.reach(simulation, JobState.CANCELLED)
    assert not change.unwished
    assert "this is why" not in change.reason


async def test_an_administrator_holds_a_job(site: RehearsedSite) -> None:
    for _ in range(2):
        await site.reach(await site.submit(LONG), JobState.RUNNING)
    simulation = await site.submit("true")
    await site.reach(simulation, JobState.QUEUED)
    await somebody(site, "hold", token_of(simulation))
    change = await site.reach(simulation, JobState.HELD)
    assert change.stuck is Waiting.NEEDS_A_HUMAN
    text = (await told(site, change)).text
    assert "will not start by itself: " in text
    assert not text.endswith(": ")


async def test_a_job_that_can_never_start(site: RehearsedSite) -> None:
    never = {"resources": Resources(walltime=3600), "options": JobOptions(queue="short")}
    simulation = await site.submit("true", **never)

    async def stuck() -> list[s.SimulationStateChanged]:
        changes = await site.of(s.SimulationStateChanged, simulation)
        return [change for change in changes if change.stuck]

    (change, *_) = await site.until(stuck)
    assert (change.state, change.stuck) == (JobState.QUEUED, Waiting.IMPOSSIBLE)
    line = await told(site, change)
    assert "will not start by itself" in line.text
    assert change.reason in line.text
    assert change.reason


@pytest.mark.parametrize("dialect", ["slurm", "pbs", "lsf"])
async def test_a_job_that_waits_for_an_end_that_does_not_come(dialect: str, tmp_path: Path) -> None:
    async with site_on(tmp_path, dialect, Fate(run=60)) as site:
        first = await site.submit("sleep 3; exit 3")
        after = JobOptions(after=(Dependency(token=token_of(first)),))
        second = await site.submit("true", options=after)

        async def over() -> list[s.SimulationStateChanged]:
            changes = await site.of(s.SimulationStateChanged, second)
            return [one for one in changes if one.state.ended or one.stuck]

        (change, *_) = await site.until(over)
    if dialect == "lsf":
        assert (change.state, change.stuck) == (JobState.QUEUED, Waiting.IMPOSSIBLE)
    else:
        assert (change.state, change.unwished) == (JobState.CANCELLED, True)


@pytest.mark.parametrize("dialect", [*BENCHES])
async def test_a_job_that_is_preempted(dialect: str, tmp_path: Path) -> None:
    async with site_on(tmp_path, dialect, Fate(preempted=3)) as site:
        simulation = await site.submit(SAYS_WHY + "mkdir again && sleep 60; sleep 2")
        await site.reach(simulation, JobState.COMPLETED)
        changes = await site.of(s.SimulationStateChanged, simulation)
        (again,) = [change for change in changes if change.again]
        line = await told(site, again)
    assert line.level == "warning"
    assert "begins anew" in line.text
