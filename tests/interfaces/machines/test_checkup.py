"""A check of a machine: on this computer, over real SSH, on a real Slurm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import JsonValue

from events.checkups import Checkup, Finding, Mark, Question
from events.jobs import JobRequest, Token, Witness, token_of
from events.machines import MachineSettings
from interfaces.machines.connection import CommandFailed, Unreachable
from interfaces.machines.dialect import InDoubt, Refused, Submitted
from interfaces.machines.registry import connect
from interfaces.machines.rehearsal import simulated_cluster
from interfaces.machines.simulated.batch_system import SimulatedBatchSystem
from interfaces.machines.simulated.fates import Fate, Planned
from interfaces.machines.site import Host, Site
from interfaces.machines.testing import TOKEN
from interfaces.machines.work.checkup import Patience, check_up, unreachable
from tests.account import Login
from tests.gridengine import GridEngine
from tests.interfaces.machines.rehearsed import BENCHES, cluster_of
from tests.slurm import Slurm, slurm_in_a_folder
from tests.sshd import Sshd

QUICK = Patience(start=20, history=20, pause=0.1)


async def checked(settings: MachineSettings) -> tuple[Checkup, Mapping[str, Finding]]:
    """Its lines by their questions, each there once."""
    async with connect(settings) as batch:
        found = await check_up(batch, settings.connection, uuid4(), {}, patience=QUICK)
    return found, by_question(found)


def by_question(found: Checkup) -> Mapping[str, Finding]:
    assert [one.about for one in found.findings] == [*Question]
    return {one.about: one for one in found.findings}


def ticked(lines: Mapping[str, Finding]) -> set[str]:
    return {question for question, line in lines.items() if line.mark is Mark.YES}


def crossed(lines: Mapping[str, Finding]) -> set[str]:
    for line in lines.values():
        assert line.advice or line.mark is not Mark.NO
    return {question for question, line in lines.items() if line.mark is Mark.NO}


def left_behind(base: Path) -> list[Path]:
    return [*base.glob("jobs/*"), *base.glob("spool/*")]


ALWAYS = {
    "connection",
    "login shell",
    "scheduler",
    "accounts",
    "history",
    "base directory",
    "compute node",
    "status file",
    "clock",
    "transfer rate",
}
"""Ticked on every machine of these tests that keeps accounts."""


async def test_this_computer(tmp_path: Path) -> None:
    base = tmp_path / "it's a $(base)"
    found, lines = await checked(MachineSettings(name="m", base_directory=str(base)))
    assert ticked(lines) >= ALWAYS
    assert not {"host key", "shell start-up", "comments"} & ticked(lines)
    assert found.learned == {}
    assert "MiB/s" in lines["transfer rate"].found
    assert left_behind(base) == []


async def test_over_ssh(sshd: Sshd, tmp_path: Path) -> None:
    settings = MachineSettings(
        name="m", connection="ssh", access=sshd.access(), base_directory=str(tmp_path)
    )
    _, lines = await checked(settings)
    assert ticked(lines) >= ALWAYS | {"host key", "shell start-up"}
    assert left_behind(tmp_path) == []


async def test_a_host_key_that_is_not_known(sshds: Callable[..., Sshd], tmp_path: Path) -> None:
    with sshds() as server:
        server.know(server.public("user"))
        settings = MachineSettings(
            name="m", connection="ssh", access=server.access(), base_directory=str(tmp_path)
        )
        _, lines = await checked(settings)
    assert crossed(lines) == {"connection", "host key"}
    assert ticked(lines) == set()
    assert lines["scheduler"].found == "not asked"


def at(login: Login, server: Sshd, dialect: str = "slurm", **batch: object) -> MachineSettings:
    return MachineSettings.model_validate(
        {
            "name": "m",
            "connection": "ssh",
            "dialect": dialect,
            "access": server.access(),
            "base_directory": str(login.folder / f"check {uuid4()}"),
            "batch": batch,
        }
    )


async def test_slurm_with_accounts(slurm: Slurm, sshds: Callable[..., Sshd]) -> None:
    shell = slurm.login.shell(slurm.login.folder.parent / "shell")
    with sshds(f"ForceCommand {shell}") as server:
        settings = at(slurm.login, server)
        found, lines = await checked(settings)
    assert ticked(lines) >= ALWAYS | {"host key", "shell start-up", "comments", "jobs of others"}
    assert "slurm" in lines["scheduler"].found
    assert "localhost" in lines["compute node"].found
    lag = found.learned["lag"]
    assert isinstance(lag, float)
    assert 10 <= lag < 100
    assert found.learned["accounting"] is True
    assert found.learned["instances"] == 1001
    assert left_behind(Path(settings.base_directory)) == []


@pytest.fixture
def plain_slurm() -> Iterator[Slurm]:
    """One without accounts."""
    with slurm_in_a_folder(accounting=False) as running:
        yield running


async def test_slurm_without_accounts_is_a_profile_of_its_own(
    plain_slurm: Slurm, sshds: Callable[..., Sshd]
) -> None:
    shell = plain_slurm.login.shell(plain_slurm.login.folder.parent / "shell")
    with sshds(f"ForceCommand {shell}") as server:
        settings = at(plain_slurm.login, server)
        found, lines = await checked(settings)
        assert found.learned["accounting"] is False
        async with connect(settings) as batch:
            with pytest.raises(CommandFailed):
                await batch.hear(Witness.ACCOUNTING, TOKEN)
            batch.learn(found.learned)
            assert await batch.hear(Witness.ACCOUNTING, TOKEN) is None
    assert crossed(lines) >= {"accounts"}
    assert ticked(lines) >= ALWAYS - {"accounts", "history"}
    assert lines["history"].mark is Mark.UNKNOWN


async def test_grid_engine(gridengine: GridEngine, sshds: Callable[..., Sshd]) -> None:
    shell = gridengine.login.shell(gridengine.login.folder.parent / "shell")
    with sshds(f"ForceCommand {shell}") as server:
        settings = at(gridengine.login, server, "sge")
        found, lines = await checked(settings)
    assert ticked(lines) >= ALWAYS | {"host key", "shell start-up"}
    assert "SGE" in lines["scheduler"].found
    assert found.learned.keys() == {"lag", "instances"}
    assert 30 <= float(str(found.learned["lag"])) < 100
    assert left_behind(Path(settings.base_directory)) == []


async def test_a_job_that_is_refused(slurm: Slurm, sshds: Callable[..., Sshd]) -> None:
    shell = slurm.login.shell(slurm.login.folder.parent / "shell")
    with sshds(f"ForceCommand {shell}") as server:
        settings = at(slurm.login, server, queue="nowhere")
        _, lines = await checked(settings)
    assert "compute node" in crossed(lines)
    assert "nvalid partition" in lines["compute node"].found
    assert lines["status file"].mark is lines["history"].mark is Mark.UNKNOWN
    assert left_behind(Path(settings.base_directory)) == []


async def test_a_base_directory_that_nobody_may_write_into() -> None:
    _, lines = await checked(MachineSettings(name="m", base_directory="/proc/nothing"))
    assert "connection" in crossed(lines)
    assert ticked(lines) == set()


class Odd(SimulatedBatchSystem):
    """A machine whose submission goes as a test says."""

    def __init__(self, answer: Refused | Exception | None, wait: float = 0) -> None:
        super().__init__(Planned({}, Fate(wait=wait, run=0.01)))
        self.answer = answer
        self.cancelled: list[Token] = []
        self.removed: list[Token] = []

    async def submit(self, request: JobRequest, submission: int) -> Submitted | Refused:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or await super().submit(request, submission)

    async def cancel(self, token: Token, job_id: object = None) -> None:
        self.cancelled.append(token)

    async def remove(self, token: Token) -> None:
        self.removed.append(token)


async def odd(batch: Odd) -> tuple[Mapping[str, Finding], Token]:
    check = uuid4()
    patience = Patience(start=0.1, history=0.1, pause=0.01)
    found = await check_up(batch, "ssh", check, {}, patience=patience)
    return by_question(found), token_of(check)


async def test_what_a_machine_does_not_tell_is_never_ticked() -> None:
    lines, _ = await odd(Odd(None))
    silent = {"shell start-up", "history", "comments", "jobs of others", "quota", "inodes"}
    assert {lines[one].mark for one in {*silent, "clock", "login shell"}} == {Mark.UNKNOWN}


@pytest.mark.parametrize(
    ("clock", "took", "mark"), [(2.0, 1, Mark.YES), (60.0, 1, Mark.NO), (2.0, 100, Mark.UNKNOWN)]
)
async def test_the_clock_of_a_login_node(
    monkeypatch: pytest.MonkeyPatch, clock: float, took: int, mark: Mark
) -> None:
    async def host() -> Host:
        return Host(clock=clock)

    batch = Odd(None)
    monkeypatch.setattr(batch, "host", host)
    patience = Patience(start=0.1, history=0.1, pause=0.01)
    found = await check_up(batch, "ssh", uuid4(), {}, count(0, took).__next__, patience)
    assert by_question(found)["clock"].mark is mark


@pytest.mark.parametrize(("least", "learned"), [(0.0, 5.0), (30.0, 30.0)])
async def test_one_short_measurement_does_not_make_the_lag_shorter(
    monkeypatch: pytest.MonkeyPatch, least: float, learned: float
) -> None:
    async def site() -> Site:
        return Site(accounting=False, learns=frozenset({"lag"}))

    batch = Odd(None)
    batch.least_lag = least
    monkeypatch.setattr(batch, "site", site)
    patience = Patience(start=5, history=5, pause=0.01)
    found = await check_up(batch, "ssh", uuid4(), {}, patience=patience)
    assert found.learned["lag"] == pytest.approx(learned, abs=0.5)


async def test_a_job_in_doubt_keeps_its_folder_and_does_not_start() -> None:
    batch = Odd(InDoubt("it was cut", 10))
    lines, token = await odd(batch)
    assert lines["compute node"].mark is Mark.UNKNOWN
    assert batch.cancelled == [token]
    assert token not in batch.removed


async def test_accounts_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = Odd(None)
    monkeypatch.setattr(batch, "hear", _raising(CommandFailed("slurmdbd is away")))
    lines, token = await odd(batch)
    assert lines["history"].mark is Mark.NO
    assert lines["history"].found == "slurmdbd is away"
    assert lines["compute node"].mark is Mark.YES
    assert token in batch.removed


async def test_accounts_that_are_kept_since_are_asked_by_the_check_that_finds_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learns = frozenset({"accounting", "lag"})

    async def site() -> Site:
        return Site(accounting=True, learns=learns)

    batch, told = Odd(None), list[Mapping[str, JsonValue]]()
    monkeypatch.setattr(batch, "site", site)
    monkeypatch.setattr(batch, "learn", lambda learned: told.append(learned))
    patience = Patience(start=0.1, history=0.1, pause=0.01)
    known = {"accounting": False, "lag": 40.0}
    await check_up(batch, "ssh", uuid4(), known, patience=patience)
    assert told == [{"accounting": True, "lag": 40.0}]


async def test_a_machine_that_goes_away_while_it_is_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = Odd(None)
    monkeypatch.setattr(batch, "observe", _raising(Unreachable("the line is dead")))
    lines, token = await odd(batch)
    assert lines["compute node"].mark is Mark.UNKNOWN
    assert lines["compute node"].found == "the line is dead"
    assert (batch.cancelled, token in batch.removed) == ([token], True)


async def test_a_job_that_does_not_start_is_cancelled() -> None:
    batch = Odd(None, wait=100)
    lines, token = await odd(batch)
    assert lines["compute node"].mark is Mark.UNKNOWN
    assert batch.cancelled == [token]
    assert token in batch.removed


async def test_a_check_that_is_repeated_after_a_crash_goes_on_with_its_job(tmp_path: Path) -> None:
    settings, check = MachineSettings(name="m", base_directory=str(tmp_path)), uuid4()

    class Crash(BaseException):
        pass

    async with connect(settings) as batch:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batch, "observe", _raising(Crash()))
            with pytest.raises(Crash):
                await check_up(batch, "local", check, {}, patience=QUICK)
        again = by_question(await check_up(batch, "local", check, {}, patience=QUICK))
        assert again["compute node"].mark is Mark.YES
    assert left_behind(tmp_path) == []


def _raising(error: BaseException) -> Callable[..., object]:
    def raises(*_: object, **__: object) -> object:
        raise error

    return raises


def test_a_machine_that_cannot_be_reached() -> None:
    lines = by_question(unreachable("no route to it"))
    assert crossed(lines) == {"connection"}
    assert ticked(lines) == set()


@pytest.mark.parametrize("dialect", [*BENCHES])
async def test_a_check_of_a_simulated_cluster_is_all_ticks(tmp_path: Path, dialect: str) -> None:
    async with simulated_cluster(tmp_path, dialect, cluster_of(2), Planned({}, Fate())) as one:
        settings = MachineSettings(
            name="m",
            connection="ssh",
            access={**one.access},
            dialect=dialect,
            base_directory=str(tmp_path),
        )
        _, lines = await checked(settings)
    assert ticked(lines) == {*Question}
    names = {"slurm": "slurm 22", "sge": "SGE 8", "pbs": "PBS 23", "lsf": "IBM Spectrum LSF 10"}
    assert lines[Question.SCHEDULER].found.startswith(names[dialect])
    assert (tmp_path / ".ssh" / "user").stat().st_mode & 0o777 == 0o600
