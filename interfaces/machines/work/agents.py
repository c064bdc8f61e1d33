"""Work on machines that name the processes which may do it, since their centres admit no others.

Who decides about such a machine is whoever owns its partition, as for all others; the work is done
in a process that it names. Of those, one for each machine is chosen by a group of the log. It
follows the machine's events, and tells by commands what hands elsewhere tell directly. Whose turn
it is stands in the log: nothing is done there before one's own turn is read, and what is told by
whoever had an earlier turn is not heard. What that one still does in the world, jobs' folders
decide, as after every takeover.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import NoReturn
from uuid import UUID

import structlog

from bus import Doubt, Record, RecordTooLarge, check_sizes, partition_of
from events.envelope import (
    Issued,
    Rejection,
    commands_topic,
    encode_issued,
    events_topic,
)
from events.machines import MachineSettings
from events.operations import HandsTold, TakeTurn
from events.values import SYSTEM, Command, Context
from managers.operations import MachineJobs, Task, on_machine, written
from managers.runtime import (
    Chain,
    Ends,
    Failure,
    Failures,
    Manager,
    PartitionState,
    Reply,
    Share,
    Surroundings,
    Workforce,
    fold_records,
    kept_state,
)
from managers.runtime.manager import Input

LOOK = 5.0
"""Seconds between two looks at which machines there are."""
_LIST = "which machines there are"
"""What fails where that cannot be read."""
Machines = Callable[[], Awaitable[Collection[MachineSettings]]]

_log = structlog.get_logger()


class Agent:
    """A process under the name that machines give it."""

    def __init__(
        self,
        name: str,
        manager: Manager[MachineJobs, Task],
        around: Surroundings,
        machines: Machines,
        look: float = LOOK,
    ) -> None:
        self._name, self._around, self._machines, self._look = name, around, machines, look
        self._manager = replace(manager, under_way=on_machine)
        self._shares: dict[str, Share[Deputy]] = {}
        self._failures = Failures[str]()

    @property
    def owned(self) -> list[str]:
        """The machines that this process works on."""
        return [name for name, share in self._shares.items() if share.owned]

    @property
    def since(self) -> float | None:
        """When it began with the newest of them, in seconds since 1970; None: not with all yet."""
        began = [share.since for share in self._shares.values() if share.owned]
        return max((at for at in began if at), default=None) if all(began) else None

    async def behind(self, ends: Ends) -> int:
        """How many records of their operations it has not read; raises `LogError`."""
        return sum(await asyncio.gather(*(one.behind(ends) for one in self._shares.values())))

    @property
    def broken(self) -> dict[str, str]:
        """Machines that were given up here, and why."""
        reasons = ((name, share.broken.values()) for name, share in self._shares.items())
        return {name: "; ".join(why) for name, why in reasons if why}

    @property
    def failing(self) -> dict[str, Failure]:
        """Machines whose work began again and again; and what tells which machines there are."""
        shares = self._shares.items()
        begun = {name: one for name, share in shares for one in share.failing.values()}
        return {**begun, **self._failures.known}

    async def run(self) -> NoReturn:
        """Work on machines until cancelled."""
        working: dict[str, asyncio.Task[NoReturn]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                named = await self._named(working.keys())
                for name in working.keys() - named:
                    del self._shares[name]
                    working.pop(name).cancel()
                for name in named - working.keys():
                    self._shares[name] = share = self._share(name)
                    working[name] = group.create_task(share.run(), name=f"agent of {name}")
                await asyncio.sleep(self._look)

    async def _named(self, known: Collection[str]) -> set[str]:
        try:
            named = {one.name for one in await self._machines() if self._name in one.agents}
        except Exception as error:  # whatever it is, the next look may tell
            _log.warning("machines not read", agent=self._name, reason=repr(error))
            self._failures.add(_LIST, repr(error), self._around.wall())
            return {*known}
        self._failures.forget(_LIST)
        return named

    def _share(self, machine: str) -> "Share[Deputy]":
        """One member of a group works on the machine: it is given that topic's one partition."""
        return Share(
            self._around,
            group=f"vestec.agents.{machine}",
            topic=events_topic(Context.MACHINES),
            name=f"agents of {machine}",
            owner=lambda _: Deputy(machine, self._name, self._manager, self._around),
        )


class Deputy:
    """Does what is under way on one machine, until doubt."""

    def __init__(
        self, machine: str, agent: str, manager: Manager[MachineJobs, Task], around: Surroundings
    ) -> None:
        self._machine, self._agent = machine, agent
        self._manager, self._around = manager, around
        self._turn = around.new_id()
        self._taking: Reply = asyncio.get_running_loop().create_future()
        self._state: PartitionState[MachineJobs] = PartitionState({}, {})
        self._workforce = Workforce(manager, self._tell)
        self._replies: dict[UUID, Reply] = {}
        self._outbox: asyncio.Queue[Record] = asyncio.Queue()
        self.since: float | None = None

    async def run(self) -> NoReturn:
        """Take the turn, then follow, act and tell; any doubt is raised as whatever caused it."""
        log, topic = self._around.log, events_topic(Context.OPERATIONS)
        partition = partition_of(self._machine, await log.partitions(topic))
        kept = await kept_state(self._manager, partition, self._around)
        self._state = kept or self._state
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(partition))
                taking = self._issue(TakeTurn(agent=self._agent, turn=self._turn))
                self._replies[taking] = self._taking
                while True:
                    offset = self._state.position.offset
                    if not await self._follow(topic, partition, offset):
                        await log.wait(topic, partition, offset)
        finally:
            self._workforce.disband()
            for reply in self._replies.values():
                reply.cancel()

    async def behind(self, ends: Ends) -> int:
        """How many records of the machine's partition it has not read; raises `LogError`."""
        topic = events_topic(Context.OPERATIONS)
        partition = partition_of(self._machine, await self._around.log.partitions(topic))
        return await ends.behind(topic, partition, self._state.position.offset)

    async def _follow(self, topic: str, partition: int, offset: int) -> bool:
        """Take in what comes next, and bring the work into line; whether there was anything."""
        around, records = self._around, await self._around.log.read(topic, partition, offset)
        folding = fold_records(self._manager, self._state, records, around, key=self._machine)
        async for commit in folding:
            reply = self._replies.pop(commit.id, None)
            if reply and not reply.done():
                reply.set_result(commit.rejection)
        if self._taking.done():  # what lies before it is history
            self._act(self._state.keys.get(self._machine))
        return bool(records)

    def _act(self, machine: MachineJobs | None) -> None:
        if machine is None or machine.turn != self._turn:
            raise Doubt(f"{self._machine}: it is not, or no longer, the turn of this process")
        self.since = self.since or self._around.wall()
        self._workforce.employ(self._machine, machine)

    def _tell(self, key: str, input: Input) -> Reply:
        kind, told = written(input)
        chain = self._manager.chain(self._state.keys.get(key), input)
        reply: Reply = asyncio.get_running_loop().create_future()
        try:
            id = self._issue(HandsTold(turn=self._turn, kind=kind, told=told), chain)
        except RecordTooLarge as error:
            reply.set_result(Rejection(command=kind, reason=str(error)))
        else:
            self._replies[id] = reply
        return reply

    def _issue(self, command: Command, chain: Chain | None = None) -> UUID:
        """Raises `RecordTooLarge`."""
        id = self._around.new_id()
        issued = Issued.model_construct(
            id=id,
            time=self._around.clock.now(),
            actor=SYSTEM,
            correlation=(chain.correlation if chain else None) or id,
            incident=chain.incident if chain else None,
            command=command,  # type: ignore[arg-type]  # one of a known kind
        )
        record = encode_issued(self._machine, issued)
        check_sizes([record])
        self._outbox.put_nowait(record)
        return id

    async def _send(self, partition: int) -> NoReturn:
        topic, log = commands_topic(Context.OPERATIONS), self._around.log
        while True:
            record = await self._outbox.get()
            async with asyncio.timeout(self._around.append_deadline):
                await log.append(topic, partition, [record])
