"""The Kafka log when its brokers are slow, silent, gone or killed."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from bus import Doubt, Log, LogError, LogUnavailable, Writer
from bus.kafka import KafkaLog
from bus.kafka.connections import CLOSE_WITHIN
from deploy.kafka import Cluster
from tests.contract.log_contract import numbered, read_all, until
from tests.contract.racing import PARTITIONS, Racing
from tests.patience import PATIENCE
from tests.proxy import Proxy

DEADLINE = 2.0
LEASE = 1.0
LATE = 5.0
"""Seconds by which a busy machine may be late; without a bound of ours it would be a minute."""


@asynccontextmanager
async def opened(url: str, deadline: float = DEADLINE) -> AsyncIterator[Log]:
    log = await KafkaLog.connect(url, deadline=deadline, lease=LEASE)
    try:
        yield log
    finally:
        await log.close()


async def declare(url: str, partitions: int) -> None:
    """Make the topic `t`, in all the time that it may take."""
    async with opened(url, deadline=30) as log:
        await log.declare("t", partitions)


@pytest.fixture
async def log(distant_url: str) -> AsyncIterator[Log]:
    """With a topic `t` of two partitions, behind the proxy."""
    await declare(distant_url, 2)
    async with opened(distant_url) as log:
        yield log


async def timed(call: Coroutine[Any, Any, object]) -> tuple[float, object]:
    """Seconds that a call takes, and how it ends."""
    started = asyncio.get_running_loop().time()
    (outcome,) = await asyncio.gather(call, return_exceptions=True)
    return asyncio.get_running_loop().time() - started, outcome


async def test_no_call_outlasts_its_deadline_when_the_network_swallows_all(
    log: Log, proxy: Proxy
) -> None:
    await log.append("t", 0, numbered(1))
    proxy.gates.close()
    doubtful = (log.append("t", 0, numbered(2)), log.append("t", 1, numbered(2)))
    unanswered = (
        log.read("t", 0, 0),
        log.bounds("t", 0),
        log.trim("t", 0, 1),
        log.declare("u", 1),
        log.partitions("v"),
    )
    outcomes = await asyncio.gather(*map(timed, (*doubtful, *unanswered)))
    assert [type(outcome) for _, outcome in outcomes] == [Doubt] * 2 + [LogUnavailable] * 5
    assert max(seconds for seconds, _ in outcomes) < DEADLINE + CLOSE_WITHIN + LATE
    for call in (log.append("t", 0, numbered(3)), log.read("t", 0, 0)):
        seconds, outcome = await timed(call)
        assert isinstance(outcome, LogUnavailable)
        assert seconds < DEADLINE + CLOSE_WITHIN + LATE
    seconds, _ = await timed(log.close())
    assert seconds < 3 * CLOSE_WITHIN + LATE


async def test_all_goes_on_when_the_network_is_back(log: Log, proxy: Proxy) -> None:
    waiting = asyncio.create_task(log.wait("t", 0, 3))
    await log.append("t", 0, numbered(1))
    proxy.gates.close()
    with pytest.raises(Doubt, match="t/0"):
        await log.append("t", 0, numbered(2))
    with pytest.raises(LogUnavailable, match=f"within {DEADLINE:g} s"):
        await log.read("t", 0, 0)
    proxy.gates.open()
    for number in range(3, 6):
        await log.append("t", 0, numbered(number))
    kept = [stored.record for stored in await read_all(log, "t", 0)]
    assert kept in (numbered(1, 3, 4, 5), numbered(1, 2, 3, 4, 5))
    async with asyncio.timeout(PATIENCE):
        await waiting


async def test_readers_hear_of_others_again_when_the_network_is_back(
    log: Log, proxy: Proxy, distant_url: str
) -> None:
    """Though nobody waits for a partition that was not waited for before."""
    async with asyncio.timeout(PATIENCE), opened(distant_url) as another:
        for number in range(2):
            waiting = asyncio.create_task(log.wait("t", 0, number))
            await another.append("t", 0, numbered(number))
            await waiting
        waiting = asyncio.create_task(log.wait("t", 0, 2))
        with capture_logs() as said:
            proxy.gates.close()
            await until(partial(is_out_of_order, said))
        proxy.gates.open()
        while not waiting.done():
            with suppress(LogUnavailable, Doubt):
                await another.append("t", 0, numbered(2))
            await asyncio.wait([waiting], timeout=0.5)
        await waiting


async def is_out_of_order(said: Sequence[Mapping[str, object]]) -> bool:
    """Whether the bell has given its brokers up."""
    return any(line["event"] == "bell of the log out of order" for line in said)


async def test_an_append_without_an_answer_is_in_doubt_and_the_next_lies_behind_it(
    log: Log, proxy: Proxy
) -> None:
    await log.append("t", 0, numbered(1))
    proxy.gates.answers.clear()
    with pytest.raises(Doubt, match="t/0"):
        await log.append("t", 0, numbered(2, 3))
    proxy.gates.open()
    assert await log.append("t", 0, numbered(4)) == 3
    assert [s.record for s in await read_all(log, "t", 0)] == numbered(1, 2, 3, 4)


async def test_a_late_takeover_deposes_who_came_after_it(
    log: Log, proxy: Proxy, distant_url: str
) -> None:
    """The network kept it back until long after its sender had given it up."""
    await log.append("t", 0, numbered(0))
    proxy.gates.requests.clear()
    with pytest.raises(Doubt):
        await Writer.take_over(log, "t", 0, "ghost")
    behind = proxy.leave_behind()
    async with opened(distant_url) as another, asyncio.timeout(PATIENCE):
        rightful = await Writer.take_over(another, "t", 0, "rightful")
        await rightful.append(numbered(1))
        behind.open()
        await another.wait("t", 0, 3)
        with pytest.raises(Doubt, match="expected offset 3, got 4"):
            await rightful.append(numbered(2))
        again = await Writer.take_over(another, "t", 0, "again")
        await again.append(numbered(3))


async def under_way(proxy: Proxy, *numbers: int) -> bool:
    """Whether these records have left the process."""
    return all(record.key.encode() in proxy.asked for record in numbered(*numbers))


async def test_a_doubt_about_one_partition_leaves_the_others_alone(log: Log, proxy: Proxy) -> None:
    """Appends that are under way when the producer is discarded are let finish."""
    await log.append("t", 1, numbered(0))
    proxy.gates.answers.clear()
    impatient = asyncio.create_task(log.append("t", 0, numbered(11)))
    patient = asyncio.create_task(log.append("t", 1, numbered(12)))
    await until(partial(under_way, proxy, 11, 12))
    impatient.cancel()
    await asyncio.wait([impatient])
    proxy.gates.open()
    assert await patient == 1


async def test_a_member_that_hears_nothing_owns_nothing_until_it_does(
    log: Log, proxy: Proxy
) -> None:
    async with asyncio.timeout(PATIENCE), log.membership("g", "t") as member:
        owned = await member.changed(frozenset())
        proxy.gates.close()
        await asyncio.sleep(LEASE)
        assert member.owned == frozenset()
        assert await member.changed(owned) == frozenset()
        proxy.gates.open()
        assert await member.changed(frozenset()) == owned


async def test_leaving_a_group_does_not_wait_for_ever(log: Log, proxy: Proxy) -> None:
    async with log.membership("g", "t") as member:
        await member.changed(frozenset())
        proxy.gates.close()
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < LEASE / 2 + CLOSE_WITHIN + LATE
    assert member.owned == frozenset()


async def test_an_append_under_way_when_the_log_is_closed_is_in_doubt(
    distant_url: str, proxy: Proxy
) -> None:
    await declare(distant_url, 2)
    log = await KafkaLog.connect(distant_url, deadline=60)
    await log.append("t", 0, numbered(1))
    proxy.gates.requests.clear()
    append = asyncio.create_task(log.append("t", 0, numbered(12)))
    await until(partial(under_way, proxy, 12))
    async with asyncio.timeout(30):
        await log.close()
        with pytest.raises(Doubt):
            await append
    for call in (log.read("t", 0, 0), log.append("t", 0, numbered(3))):
        with pytest.raises(LogError, match="closed"):
            await call


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("kafka://127.0.0.1:1", "Connect call failed"),
        ("kafka://", "begins with kafka"),
    ],
)
async def test_a_log_that_is_not_there(url: str, reason: str) -> None:
    with pytest.raises(LogError, match=reason):
        await KafkaLog.connect(url, deadline=0.5)


async def answers(log: Log, partition: int) -> bool:
    """Whether the partition is served again: a broker that starts has much to do."""
    try:
        await log.append("t", partition, [])
    except LogUnavailable:
        return False
    return True


async def takes(log: Log, partition: int) -> bool:
    """Whether it appends within its deadline."""
    with suppress(LogUnavailable, Doubt):
        await log.append("t", partition, numbered(*range(10)))
        return True
    return False


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "restarted"])
async def test_the_broker_goes_down_while_writers_append(mortal_kafka: Cluster, kill: bool) -> None:
    """Acknowledged appends survive, doubtful ones are whole or absent, and all goes on quietly."""
    (node,) = mortal_kafka.nodes
    unhandled: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: unhandled.append(context))
    await declare(mortal_kafka.url, 4)
    async with (
        asyncio.timeout(PATIENCE),
        opened(mortal_kafka.url) as mine,
        mine.membership("g", "t") as member,
    ):
        racing, everything = Racing(mine), await member.changed(frozenset())
        async with asyncio.TaskGroup() as tasks:
            racing.start(tasks)
            await racing.under_way()
            if kill:
                node.kill()
            else:
                await node.stop()
        with pytest.raises(LogUnavailable):
            await mine.append("t", 0, numbered(1))
        with pytest.raises(LogUnavailable):
            await mine.read("t", 0, 0)
        waiting = racing.waiting()
        node.start()
        await mortal_kafka.ready()
        async with opened(mortal_kafka.url, PATIENCE) as patient:
            for partition in PARTITIONS:
                await until(partial(answers, mine, partition))
                found = [stored.record for stored in await read_all(patient, "t", partition)]
                assert found in racing.may_be(partition)
                await until(partial(takes, mine, partition))
        await asyncio.gather(*waiting)

        async def all_again() -> bool:
            return bool(member.owned == everything)

        await until(all_again)
    assert unhandled == []
