"""A machine's budget of commands, on a clock that jumps."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from events.jobs import JobRequest
from events.machines import MachineSettings
from interfaces.machines.budget import MINUTE, Budget, Kind, pay_for
from interfaces.machines.dialects.processes import processes
from interfaces.machines.scripts.layout import layout_of
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.testing import TOKEN, FakeMachine
from tests.interfaces.machines.fake_connection import FakeConnection
from workflows.testing.clock import run_jumping

Wanted = Sequence[tuple[float, Kind]]


def served(budget: Budget, wanted: Wanted) -> list[tuple[float, Kind]]:
    """When commands went that were wanted at some times, in that order."""
    went = []

    async def one(at: float, kind: Kind) -> None:
        await asyncio.sleep(at)
        await budget.spend(kind)
        went.append((asyncio.get_running_loop().time(), kind))

    async def all_() -> None:
        await asyncio.gather(*(one(at, kind) for at, kind in wanted))

    run_jumping(all_())
    return went


def most_in_a_minute(times: Sequence[float]) -> int:
    ordered = sorted(times)
    return max(bisect_left(ordered, at + MINUTE - 1e-3) - n for n, at in enumerate(ordered))


wishes = st.lists(
    st.tuples(st.integers(0, 200).map(float), st.sampled_from(Kind)), min_size=1, max_size=60
)


@given(st.integers(1, 50), wishes)
def test_in_no_minute_there_are_more_commands_than_it_has(commands: int, wanted: Wanted) -> None:
    budget = Budget(commands)
    times = [at for at, _ in served(budget, wanted)]
    assert len(times) == len(wanted) == budget.spent.commands.total()
    assert most_in_a_minute(times) <= commands


@given(st.integers(1, 20), wishes)
def test_submissions_have_a_rate_of_their_own_and_others_do_not_wait_for_it(
    submissions: int, wanted: Wanted
) -> None:
    went = served(Budget(submissions=submissions), wanted)
    times = [at for at, kind in went if kind is Kind.SUBMIT]
    assert not times or most_in_a_minute(times) <= submissions
    others = sorted(at for at, kind in wanted if kind is not Kind.SUBMIT)
    assert [round(at, 3) for at, kind in went if kind is not Kind.SUBMIT] == others


def test_beyond_the_budget_submissions_go_first() -> None:
    kinds = [Kind.FILE, Kind.LOOK, Kind.POLL, Kind.PREPARE, Kind.SUBMIT]
    went = served(Budget(1), [(0, Kind.LOOK), *((1, kind) for kind in kinds)])
    assert [kind for _, kind in went] == [Kind.LOOK, *sorted(kinds)]
    assert [round(at) for at, _ in went] == [0, 60, 120, 180, 240, 300]


def test_a_budget_is_not_spent_by_who_gave_up() -> None:
    budget = Budget(1)

    async def work() -> float:
        await budget.spend(Kind.LOOK)
        gone = asyncio.create_task(budget.spend(Kind.SUBMIT))
        await asyncio.sleep(1)
        gone.cancel()
        await budget.spend(Kind.LOOK)
        return asyncio.get_running_loop().time()

    assert round(run_jumping(work()), 3) == 60
    assert budget.spent.commands == {Kind.LOOK: 2}
    assert round(budget.spent.waited, 3) == 60


@given(st.integers(1, 50), st.integers(0, 100), wishes)
def test_no_more_go_in_a_minute_though_a_process_takes_the_place_of_another(
    commands: int, dies: int, wanted: Wanted
) -> None:
    """Who goes on knows nothing of what the one before it has spent."""
    first, second = Budget(commands), Budget(commands)
    before = [(at, kind) for at, kind in wanted if at <= dies]
    went = [at for at, _ in served(first, before) if at <= dies]

    async def spend(at: float, kind: Kind) -> None:
        await asyncio.sleep(max(0.0, at - dies))
        await second.spend(kind)
        went.append(dies + asyncio.get_running_loop().time())

    async def go_on() -> None:
        second.use_up(asyncio.get_running_loop().time())
        await asyncio.gather(*(spend(at, kind) for at, kind in wanted))

    run_jumping(go_on())
    assert most_in_a_minute(went) <= commands


def test_other_limits_forget_nothing_of_what_was_spent() -> None:
    budget = Budget()

    async def work() -> list[float]:
        budget.limit(6, 6, 0)
        went = []
        for _ in range(3):
            await budget.spend(Kind.SUBMIT)
            went.append(asyncio.get_running_loop().time())
            budget.limit(1, 6, 0)
        return went

    assert [round(at) for at in run_jumping(work())] == [0, 60, 120]
    assert budget.spent.commands == {Kind.SUBMIT: 3}


def test_a_wait_for_the_budget_ends_when_it_is_larger() -> None:
    async def work() -> float:
        budget = Budget(1)
        await budget.spend(Kind.LOOK)
        second = asyncio.create_task(budget.spend(Kind.LOOK))
        await asyncio.sleep(1)
        budget.limit(600, 600, 0)
        await second
        return asyncio.get_running_loop().time()

    assert round(run_jumping(work())) == 1


def test_the_scheduler_is_never_asked_sooner_than_the_centre_allows() -> None:
    wanted = [(0.0, Kind.POLL), (1.0, Kind.POLL), (2.0, Kind.LOOK), (3.0, Kind.ASK)]
    went = served(Budget(poll_least=30), wanted)
    assert went == [(0, Kind.POLL), (2, Kind.LOOK), (3, Kind.ASK), (30, Kind.POLL)]


async def test_every_command_of_a_machine_is_counted_by_what_it_is_for(tmp_path: Path) -> None:
    machine, budget = FakeMachine(tmp_path, {}), Budget()
    settings = MachineSettings(name="m", base_directory=str(machine.layout.base))
    connection = FakeConnection(machine)
    system = ShellBatchSystem(
        connection, processes(settings), layout_of(settings), toll=budget.spend
    )
    request = JobRequest(token=TOKEN, executable="true", walltime=60)
    await system.prepare(TOKEN, {})
    await system.submit(request, 1)
    await system.observe([TOKEN])
    await system.find([TOKEN])
    await system.estimate(request)
    await system.cancel(TOKEN)
    spent = budget.spent.commands
    assert (spent[Kind.PREPARE], spent[Kind.SUBMIT], spent[Kind.CANCEL]) == (1, 1, 2)
    assert (spent[Kind.POLL], spent[Kind.LOOK]) == (1, 2)
    assert spent[Kind.ASK] in (1, 2)  # the accounts are asked if the job has gone by then


async def test_a_file_is_one_command_for_each_piece_that_one_carries() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for size in (3, 5, 8, 17, 0, 1):
            yield bytes(size)

    async def spent(piece: int | None) -> int:
        budget = Budget()
        carried = [len(one) async for one in pay_for(chunks(), budget.spend, lambda: piece)]
        assert carried == [3, 5, 8, 17, 0, 1]
        return budget.spent.commands[Kind.FILE]

    assert [await spent(piece) for piece in (None, 8, 34, 33)] == [1, 5, 1, 2]
