"""Machines that name the processes which may work on them."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import uuid4

from bus import LogUnavailable, Record
from events import machines as m
from events import operations as o
from events.checkups import Mark
from events.envelope import events_topic
from events.jobs import JobState
from events.machines import FLEET, MachineSettings
from events.operations import TurnTaken
from events.simulations import Resources, SimulationStateChanged
from events.values import Context
from interfaces.machines.budget import Toll
from interfaces.machines.simulated.fates import Fate
from interfaces.machines.work.agents import Agent
from interfaces.machines.work.hands import MachineHands
from managers.operations import operations_manager
from managers.runtime import Surroundings
from tests.interfaces.machines.hands_site import FETCHING, QUICK, AnySite, TroubledSystem, working
from tests.interfaces.machines.test_failing import failed, goes_well
from tests.patience import PATIENCE

NAMING = MachineSettings(
    name="m", base_directory="/m", nodes=100, cores_per_node=100, agents=("near", "next")
)


@dataclass(kw_only=True)
class Site(AnySite):
    """Processes that decide, and others that a machine names."""

    machine: TroubledSystem
    alive: list[str] = field(default_factory=list)
    readable: bool = True
    """Whether the read model can be asked which machines there are."""
    reached_by: list[str] = field(default_factory=list)
    """Who opened a connection to the machine, one after the other."""

    async def agents(self) -> Collection[str]:
        return self.alive

    async def machines(self) -> Collection[MachineSettings]:
        if not self.readable:
            raise OSError("no database")
        changed = await self.events(m.MachineChanged)
        added = await self.events(m.MachineAdded)
        return [(changed or added)[-1].settings]

    def connect_as(self, name: str) -> "Connect":
        return Connect(self, name)

    @asynccontextmanager
    async def agent(self, name: str) -> AsyncIterator[Agent]:
        """A process of that name, while the context lasts; it ends as one that is killed."""
        chance = random.Random(name + str(len(self.reached_by)))
        around = Surroundings(self.log, self.clock, time.time, chance)
        hands = MachineHands(self.blobs, self.connect_as(name), lambda _: QUICK, FETCHING)
        agent = Agent(name, operations_manager(hands.begin), around, self.machines, look=0.01)
        task = asyncio.create_task(agent.run())
        self.alive.append(name)
        try:
            yield agent
        finally:
            self.alive.remove(name)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def seen(self, reachable: bool) -> m.MachineSeen:
        async def found() -> list[m.MachineSeen]:
            last = (await self.events(m.MachineSeen))[-1:]
            return [one for one in last if one.reachable is reachable]

        return (await self.until(found))[-1]

    async def turns(self, count: int) -> list[TurnTaken]:
        async def found() -> list[TurnTaken]:
            taken = await self.events(TurnTaken)
            return taken if len(taken) >= count else []

        return await self.until(found)


@dataclass(frozen=True)
class Connect:
    """Reaches the machine as one of the processes."""

    site: Site
    name: str

    def __call__(self, settings: MachineSettings, toll: Toll) -> TroubledSystem:
        self.site.reached_by.append(self.name)
        return self.site.machine


@asynccontextmanager
async def open_site(settings: MachineSettings = NAMING, /, **fates: Fate) -> AsyncIterator[Site]:
    site = Site(settings=settings, machine=TroubledSystem(fates))
    async with working(site, site.connect_as("decider"), QUICK, site.agents):
        yield site


async def test_only_those_whom_a_machine_names_reach_it() -> None:
    async with open_site() as site:
        none = await site.seen(False)
        assert "no agent of it is alive (near, next)" in none.reason
        async with site.agent("far"), site.agent("near") as near:
            await site.seen(True)
            assert near.owned == ["m"]
            simulation = await site.submit(outputs=("map",))
            done = await site.reach(simulation, JobState.COMPLETED)
            assert done.job_id
            await site.until(lambda: site.of(o.OutputsCollected, simulation))
        assert {*site.reached_by} == {"near"}
        await site.seen(False)


async def test_who_asks_about_a_machine_without_an_agent_is_told_so() -> None:
    async with open_site() as site:
        check, asked = uuid4(), Resources(walltime=60)
        await site.issue(Context.MACHINES, FLEET, m.CheckMachine(name=NAMING.name, check=check))
        estimate = m.EstimateStart(name=NAMING.name, estimate=uuid4(), resources=asked)
        await site.issue(Context.MACHINES, FLEET, estimate)
        (checked,) = await site.until(lambda: site.events(m.MachineChecked))
        (line,) = (one for one in checked.checkup.findings if one.mark is Mark.NO)
        assert "no agent of it is alive (near, next)" in line.found
        (told,) = await site.until(lambda: site.events(m.StartEstimated))
        assert "no agent of it is alive (near, next)" in told.estimate.failed


async def test_what_an_agent_tells_belongs_to_the_incident() -> None:
    async with open_site() as site, site.agent("near"):
        await site.seen(True)
        simulation = await site.create()
        chain = await site.submit_created(simulation)
        await site.reach(simulation, JobState.COMPLETED)
        told = [
            commit
            for commit in await site.commits(Context.OPERATIONS)
            if any(isinstance(event, o.JobReported) for event in commit.events)
        ]
        assert told
        assert {(one.incident, one.correlation) for one in told} == {("fire", chain)}


async def test_another_agent_goes_on_where_one_ended() -> None:
    async with open_site(long=Fate(run=2)) as site:
        async with site.agent("near"):
            await site.seen(True)
            simulation = await site.submit("long")
            await site.reach(simulation, JobState.RUNNING)
        async with site.agent("next"):
            await site.reach(simulation, JobState.COMPLETED)
        taken = await site.turns(2)
        assert [one.agent for one in taken] == ["near", "next"]
        assert [*site.machine.starts.values()] == [1]


async def test_of_several_agents_one_works_at_a_time() -> None:
    async with open_site() as site, site.agent("near") as near, site.agent("next") as other:
        await site.seen(True)
        for _ in range(5):
            await site.reach(await site.submit(), JobState.COMPLETED)
        assert len(await site.events(TurnTaken)) == 1
        assert sorted([near.owned, other.owned]) == [[], ["m"]]
        assert len({*site.reached_by}) == 1


async def test_an_agent_that_was_deposed_takes_its_turn_again_only_while_it_is_its_own() -> None:
    async with open_site() as site, site.agent("near"):
        await site.seen(True)
        usurper = o.TakeTurn(agent="next", turn=uuid4())
        await site.issue(Context.OPERATIONS, "m", usurper)
        taken = await site.turns(3)
        assert [one.agent for one in taken] == ["near", "next", "near"]
        assert len({one.turn for one in taken}) == 3
        await site.reach(await site.submit(), JobState.COMPLETED)


async def test_a_machine_is_anybodys_again_once_it_names_nobody() -> None:
    async with open_site() as site, site.agent("near"):
        await site.seen(True)
        free = m.EditMachine(name=NAMING.name, changes=m.MachineChanges(agents=[]))
        await site.issue(Context.MACHINES, FLEET, free)
        simulation = await site.submit()
        await site.reach(simulation, JobState.COMPLETED)
        assert site.reached_by[-1] == "decider"
        named = m.EditMachine(name=NAMING.name, changes=m.MachineChanges(agents=["near"]))
        await site.issue(Context.MACHINES, FLEET, named)
        await site.turns(2)
        await site.reach(await site.submit(), JobState.COMPLETED)
        assert site.reached_by[-1] == "near"


async def test_an_agent_begins_anew_when_what_it_tells_cannot_be_kept() -> None:
    async with open_site() as site, site.agent("near"):
        await site.seen(True)
        append, failed = site.log.append, list[str]()

        async def fails_once(topic: str, partition: int, records: object) -> int:
            if topic == "vestec.operations.commands" and not failed:
                failed.append(topic)
                raise LogUnavailable("the log is away")
            return await append(topic, partition, records)  # type: ignore[arg-type]

        site.log.append = fails_once  # type: ignore[method-assign]
        simulation = await site.submit()
        done: SimulationStateChanged = await site.reach(simulation, JobState.COMPLETED)
        assert done.job_id
        assert failed
        assert len(await site.turns(2)) == 2
        assert [*site.machine.starts.values()] == [1]


async def test_an_agent_gives_up_on_a_machine_whose_log_it_cannot_read() -> None:
    async with open_site() as site, site.agent("near") as near:
        await site.seen(True)
        append, topic = site.log.append, events_topic(Context.OPERATIONS)

        async def garbles(to: str, partition: int, records: Sequence[Record]) -> int:
            written = [replace(one, value=b"{") for one in records] if to == topic else records
            return await append(to, partition, written)

        site.log.append = garbles  # type: ignore[assignment,method-assign]
        await site.issue(Context.OPERATIONS, "m", o.CheckUp(check=uuid4()))
        async with asyncio.timeout(PATIENCE):
            while not near.broken:
                await asyncio.sleep(0.005)
        assert "operations: cannot read the commit at" in near.broken["m"]
        assert near.owned == []
        assert "m" not in near.failing


async def test_an_agent_says_what_fails_since_when_and_how_often() -> None:
    began = time.time()
    async with open_site() as site, site.agent("near") as near:
        await site.seen(True)
        assert not near.failing
        append = site.log.append

        async def fails(topic: str, partition: int, records: object) -> int:
            if topic == "vestec.operations.commands":
                raise LogUnavailable("the log is away")
            return await append(topic, partition, records)  # type: ignore[arg-type]

        site.log.append = fails  # type: ignore[method-assign]
        await site.submit()
        found = await failed(lambda: near.failing, "m", 3)
        assert found.reason == "LogUnavailable: the log is away"
        assert began <= found.since <= time.time()
        site.log.append = append  # type: ignore[method-assign]
        await site.turns(2)


async def test_an_agent_that_cannot_learn_which_machines_there_are_says_so() -> None:
    async with open_site() as site, site.agent("near") as near:
        await site.seen(True)
        site.readable = False
        found = await failed(lambda: near.failing, "which machines there are", 3)
        assert "no database" in found.reason
        assert near.owned == ["m"]
        site.readable = True
        await goes_well(lambda: near.failing)
