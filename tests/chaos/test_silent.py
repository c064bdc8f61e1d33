"""A process is not heard of for longer than its session, and comes back when others own all.

Each part is a process of its own, and reaches Kafka and PostgreSQL by a network of the test's.
"""

import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from deploy.kafka import Cluster
from deploy.parts import ALL, Part
from tests.chaos.network import Network, network
from tests.chaos.parts import LONG, PartProcess, on_kafka, played
from tests.chaos.player import Told
from tests.chaos.rig import Rig, eventually, jobs_started, rigged
from tests.proxy import HOST, Address
from tests.room import short_folder
from tests.servers import reached_at, socket_of

PARTS = sorted(ALL - {Part.GATEWAY})

WRITERS = (Part.WORKFLOW_MANAGER, Part.SIMULATION_MANAGER, Part.MACHINE_INTERFACE)
"""Who has much to append while jobs run."""

Change = Callable[[Network, PartProcess], None]


def black_hole(network: Network, one: PartProcess) -> None:
    network.black_hole(one.process.pid)


def reset(network: Network, one: PartProcess) -> None:
    network.reset(one.process.pid)


def heal(network: Network, one: PartProcess) -> None:
    network.heal(one.process.pid)


def stop(_network: Network, one: PartProcess) -> None:
    one.process.send(signal.SIGSTOP)


def go_on(_network: Network, one: PartProcess) -> None:
    one.process.send(signal.SIGCONT)


@asynccontextmanager
async def far_away(
    kafka: Cluster, database: str, partitions: int = 4
) -> AsyncIterator[tuple[Rig, Network]]:
    """A rig, and the network through which its processes reach their servers."""
    ports = kafka.nodes[0].ports
    with short_folder() as here:
        socket, namespace = here / ".s.PGSQL.5432", f"test_{uuid4().hex}"
        ways: dict[Address, Address] = {
            ports.advertised: ports.clients,
            socket: socket_of(database),
        }
        far = reached_at(database, socket)
        near = await on_kafka(f"kafka://{HOST}:{ports.brokers}/{namespace}", far, partitions)
        environment = {**near, "VESTEC_LOG": f"{kafka.url}/{namespace}"}
        with rigged(environment) as rig, network(ways, rig.pids) as laid:
            yield rig, laid


@pytest.mark.parametrize(("begin", "end"), [(black_hole, heal), (reset, heal), (stop, go_on)])
async def test_processes_are_silent_for_longer_than_their_session(
    begin: Change, end: Change, distant_kafka: Cluster, database_url: str, undisturbed: Told
) -> None:
    """Four, chosen by lot, while jobs run; the incident goes on, and they return in its midst."""
    lot = random.Random(begin.__name__).sample(PARTS, 4)
    # Who takes the pushes comes back first, or there is no second burst.
    parts = sorted(lot, key=lambda part: part is not Part.EXTERNAL_DATA)
    async with far_away(distant_kafka, database_url) as (rig, network):
        rig.hold.touch()
        with played(rig, undisturbed) as (site, playing):
            eventually("the first burst is computed", jobs_started(rig, 2))
            victims = [Victim(site[part]) for part in parts]
            for victim in victims:
                begin(network, victim.process)
            until = time.monotonic() + LONG
            others = [site.reinforce(part) for part in parts]
            for victim, other in zip(victims, others, strict=True):
                victim.is_replaced(other)
            assert not playing.ends(until - time.monotonic())
            first, *rest = victims
            end(network, first.process)
            rig.hold.unlink()
            eventually("the second burst is computed", jobs_started(rig, 5))
            for victim in rest:
                end(network, victim.process)
            playing.told()
            for victim in victims:
                victim.is_back_at_work()


async def test_a_takeover_is_held_until_another_took_over(
    distant_kafka: Cluster, database_url: str, undisturbed: Told
) -> None:
    """A ghost deposes the rightful owner in the midst of its work, who takes over once more."""
    async with far_away(distant_kafka, database_url, partitions=1) as (rig, network):
        rig.hold.touch()
        with played(rig, undisturbed) as (site, playing):
            eventually("the first burst is computed", jobs_started(rig, 2))
            ghosts = []
            for part in WRITERS:
                site.kill(part)
                ghosts.append(site.reinforce(part).process.pid)
                network.hold_takeover(ghosts[-1])
            eventually("takeovers are held", lambda: all(map(network.holds, ghosts)))
            rightful = [site.reinforce(part) for part in WRITERS]
            for owner in rightful:
                owner.is_at_work()
            rig.hold.unlink()
            eventually("the second burst is computed", jobs_started(rig, 5))
            for pid in ghosts:
                network.heal(pid)
            playing.told()
            for owner in rightful:
                assert "taking over again" in (said := owner.process.said())
                assert "expected offset" in said


class Victim:
    """A process to be silenced, and what it owned."""

    def __init__(self, process: PartProcess) -> None:
        self.process = process
        if process.part is not Part.PROJECTIONS:
            process.is_at_work()
        self._owned = process.owns()

    def is_replaced(self, other: PartProcess) -> None:
        what = f"another {other.part} took over"
        eventually(what, lambda: other.owns() == self._owned)

    def is_back_at_work(self) -> None:
        """With a share of what it owned, where that can be shared."""
        if len(self._owned) > 1:
            self.process.is_at_work()
