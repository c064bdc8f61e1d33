"""The Slurm that other tests are run on does what real ones were seen to do."""

import asyncio
import re
import string
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from interfaces.machines.dialects.slurm.load import Load
from interfaces.machines.dialects.slurm.submit import GRAMMAR
from tests.patience import PATIENCE
from tests.slurm import Slurm, slurm_in_a_folder


@pytest.fixture
def plain_slurm() -> Iterator[Slurm]:
    """A Slurm of the test's own, without accounting."""
    with slurm_in_a_folder(accounting=False) as running:
        yield running


@pytest.fixture
def forgetful_slurm() -> Iterator[Slurm]:
    """A Slurm of the test's own, whose accounts drop comments."""
    with slurm_in_a_folder(comments=False) as running:
        yield running


async def test_a_job_runs_as_the_user_and_goes_from_the_queue_to_the_accounts(slurm: Slurm) -> None:
    name = new_name()
    id = await submit(slurm, "id -un; pwd; hostname", f"--job-name={name}", "--comment=a fire")
    await until(lambda: says(slurm, "squeue --states=all --format=%i|%T|%k", f"{id}|COMPLETED|"))
    await until(lambda: says(slurm, f"{SACCT} --name={name}", f"{id}|COMPLETED|a fire"))
    assert (slurm.login.folder / f"slurm-{id}.out").read_text().splitlines() == [
        "vestec-test",
        str(slurm.login.folder),
        "localhost",
    ]
    await until(lambda: says_not(slurm, "squeue --states=all --format=%i|", f"{id}|"))
    assert await says(slurm, f"{SACCT} --name={name}", f"{id}|COMPLETED|a fire")


async def test_what_an_account_may_not_do_is_refused(slurm: Slurm) -> None:
    async def refused(*options: str) -> str:
        answer = await slurm.login.run("sbatch", *options, "--wrap=sleep 60")
        assert answer.exit_status == 1
        return answer.stderr

    assert "Invalid account" in await refused("--account=nobody")
    assert "Invalid qos" in await refused("--qos=nothing")
    assert "invalid partition" in await refused("--partition=nowhere")
    id = await submit(slurm, "sleep 60", "--qos=few")
    assert "QOSMaxSubmitJobPerUserLimit" in await refused("--qos=few")
    await slurm.login.run("scancel", id)


async def test_jobs_that_can_never_start_are_taken_and_wait(slurm: Slurm) -> None:
    down = await submit(slurm, "true", "--partition=down")
    long = await submit(slurm, "true", "--partition=short", "--time=5")
    await until(lambda: says(slurm, "squeue --format=%i|%r", f"{down}|PartitionDown"))
    await until(lambda: says(slurm, "squeue --format=%i|%r", f"{long}|PartitionTimeLimit"))
    await slurm.login.run("scancel", down, long)


async def test_a_job_that_waits_in_two_partitions_is_one_job_and_waits_in_both(
    plain_slurm: Slurm,
) -> None:
    await submit(plain_slurm, "true", "--partition=short,work", "--hold")
    load = Load().parse(await plain_slurm.login.run("sh", "-c", Load().script()))
    assert load.queued == 1
    assert {queue.name: queue.queued for queue in load.queues} == {"work": 1, "short": 1, "down": 0}


async def test_a_frozen_controller_answers_nobody_until_it_thaws(slurm: Slurm) -> None:
    id = await submit(slurm, "sleep 60")
    slurm.controller.freeze()
    assert (await slurm.login.run("timeout", "1", "squeue")).exit_status == 124
    slurm.controller.thaw()
    await until(lambda: says(slurm, "squeue --format=%i|", f"{id}|"))
    await slurm.login.run("scancel", id)


async def test_a_job_outlives_its_controller(plain_slurm: Slurm) -> None:
    name = new_name()
    end = plain_slurm.login.folder / "end"
    id = await submit(plain_slurm, f"until [ -e {end} ]; do sleep 0.1; done", f"--job-name={name}")
    await until(lambda: says(plain_slurm, "squeue --format=%i|%T", f"{id}|RUNNING"))
    await until(lambda: is_saved(plain_slurm, name))
    plain_slurm.controller.kill()
    assert (await plain_slurm.login.run("scontrol", "ping")).exit_status == 1
    plain_slurm.controller.start()
    await until(lambda: says(plain_slurm, "squeue --format=%i|%T", f"{id}|RUNNING"))
    end.touch()
    await until(lambda: says(plain_slurm, "squeue --states=all --format=%i|%T", f"{id}|COMPLETED"))


async def test_without_accounting_the_queue_alone_knows(plain_slurm: Slurm) -> None:
    id = await submit(plain_slurm, "true", "--comment=a fire")
    assert await says(plain_slurm, "squeue --states=all --format=%i|%k", f"{id}|a fire")
    answer = await plain_slurm.login.run("sacct")
    assert (answer.exit_status, answer.stdout) == (1, "")
    assert answer.stderr == "Slurm accounting storage is disabled\n"


async def test_accounts_may_drop_the_comments(forgetful_slurm: Slurm) -> None:
    name = new_name()
    id = await submit(forgetful_slurm, "true", f"--job-name={name}", "--comment=a fire")
    await until(lambda: says(forgetful_slurm, f"{SACCT} --name={name}", f"{id}|COMPLETED|\n"))


def test_it_listens_on_loopback_alone(slurm: Slurm) -> None:
    conf = Path(slurm.login.environment["SLURM_CONF"]).read_text()
    ports = {int(port) for port in re.findall(r"(?m)Port=(\d+)", conf)}
    assert len(ports) == 4
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = [row[1].split(":") for row in rows if row[3] == "0A"]
    assert {(host, int(port, 16)) for host, port in addresses if int(port, 16) in ports} == {
        ("0100007F", port) for port in ports
    }


SACCT = (
    "sacct --allocations --noheader --parsable2 --starttime=now-1hour --format=jobid,state,comment"
)


def new_name() -> str:
    return f"A{uuid4().hex[:12]}"


async def submit(slurm: Slurm, program: str, *options: str) -> str:
    """The id of a job."""
    answer = await slurm.login.run("sbatch", "--parsable", *options, f"--wrap={program}")
    return answer.checked().strip()


async def test_the_options_of_sbatch_are_those_that_we_know(slurm: Slurm) -> None:
    known: set[str] = set()
    for letter in string.ascii_lowercase:
        said = (await slurm.login.run("sbatch", f"--{letter}")).stderr
        known |= {*re.findall(r"'(--[a-z-]+)'", said.partition("possibilities:")[2])}
    assert len(known) > 90
    assert known - GRAMMAR.longs == set()


async def says(slurm: Slurm, question: str, answer: str) -> bool:
    return answer in (await slurm.login.run(*question.split())).checked()


async def says_not(slurm: Slurm, question: str, answer: str) -> bool:
    return not await says(slurm, question, answer)


async def is_saved(slurm: Slurm, name: str) -> bool:
    """Whether the controller would remember the job if it were killed now: it saves at leisure."""
    state = slurm.login.folder.parent / "controller" / "job_state"
    return state.exists() and name.encode() in state.read_bytes()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.05)
