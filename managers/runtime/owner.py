"""One partition while it is ours: take over, fold, then decide, append and act, until doubt.

The one rule that keeps it safe: state may run ahead of the log only between `decide` and the
acknowledgement of that append, and nothing is acted on in between. Any exception means doubt, and
doubt means that this object is thrown away and a new one takes over: unless that would meet the
same again (`PartitionBroken`, `LogReplaced`), where the partition is given up, loudly.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Generic, NoReturn, TypeVar

import structlog
from pydantic import ValidationError

from bus import Record, RecordTooLarge, Writer, check_commit
from events.envelope import (
    Commit,
    Cursor,
    Message,
    Rejection,
    commands_topic,
    encode,
    events_topic,
)
from events.incidents import AnswerCall
from events.prose import describe
from events.values import SYSTEM, Context, Event, IncidentId, ReplyTo
from managers.runtime.about import about
from managers.runtime.crashpoints import crash_point
from managers.runtime.ends import Ends
from managers.runtime.folding import PartitionState, fold_until, keep_snapshot
from managers.runtime.inbox import Inbox, Item, Reply
from managers.runtime.manager import Decided, Given, Input, Manager, Rejected, Send
from managers.runtime.sources import (
    COMMANDS,
    NothingForUs,
    pull_commands,
    pull_messages,
    source_name,
)
from managers.runtime.surroundings import Surroundings
from managers.runtime.timers import Timers
from managers.runtime.workforce import Workforce

S = TypeVar("S")
W = TypeVar("W")

_log = structlog.get_logger()

_PORTION_BYTES = 1_000_000
"""Decisions of this size are appended before more are made."""

Decision = tuple[Rejection | None, Record | None]
"""Why an input is refused, if it is; and the record of the commit, if there is one."""


class Owner(Generic[S, W]):
    """The writer of one partition of one manager's events."""

    def __init__(self, manager: Manager[S, W], partition: int, around: Surroundings) -> None:
        self._manager, self._partition, self._around = manager, partition, around
        self._inbox = Inbox()
        self._deciding: Sequence[Item] = ()
        self._state: PartitionState[S] = PartitionState({}, {})
        self._workforce = Workforce(manager, self._tell)
        self._timers = Timers(around.wall, self._look_at_clock)
        self._since_snapshot = 0
        self._trimmed = 0
        self.since: float | None = None
        """When it was ready, in seconds since the epoch; None while it is taking over."""

    async def run(self) -> NoReturn:
        """Own the partition until doubt, which is raised as whatever caused it."""
        try:
            writer = await self._take_over()
            async with asyncio.TaskGroup() as group:
                await self._go_on(writer, self._resumed())
                self._act(list(self._state.keys))
                group.create_task(self._timers.run())
                await self._pull(group)
                self.since = self._around.wall()
                while True:
                    await self._tidy()
                    items = await self._inbox.take(self._around.batch)
                    await self._go_on(writer, items)
                    self._act(dict.fromkeys(item.key for item in items))
                    crash_point("after effect")
        finally:
            self._workforce.disband()
            self._inbox.close()
            for item in self._deciding:
                item.abandon()

    async def _take_over(self) -> Writer:
        topic = events_topic(self._manager.context)
        nonce = f"{self._around.chance.getrandbits(64):016x}"
        async with asyncio.timeout(self._around.append_deadline):
            writer = await Writer.take_over(self._around.log, topic, self._partition, nonce)
        crash_point("after takeover")
        self._state, self._since_snapshot = await fold_until(
            self._manager, self._partition, self._around, writer
        )
        _log.info(
            "partition taken over",
            context=str(self._manager.context),
            partition=self._partition,
            epoch=writer.position.epoch,
            keys=len(self._state.keys),
        )
        return writer

    def _resumed(self) -> list[Item]:
        return [
            self._own(key, input)
            for key, state in self._state.keys.items()
            for input in self._manager.resume(state)
        ]

    async def _pull(self, group: asyncio.TaskGroup) -> None:
        around, target = self._around, (self._manager.context, self._partition)
        group.create_task(around.log.stands(events_topic(target[0]), target[1]))
        group.create_task(pull_commands(around, *target, self._cursor(COMMANDS), self._inbox))
        async for source in self._sources():
            start = self._cursor(source_name(*source))
            group.create_task(pull_messages(around, source, target, start, self._inbox))

    async def behind(self, ends: Ends) -> int:
        """How many records of its sources it has not decided about; raises `LogError`."""
        commands = (commands_topic(self._manager.context), self._partition)
        places = {COMMANDS: commands}
        async for context, partition in self._sources():
            places[source_name(context, partition)] = (events_topic(context), partition)
        read = self._inbox.read
        unread = await asyncio.gather(
            *(
                ends.behind(*place, read.get(source, self._cursor(source).offset))
                for source, place in places.items()
            )
        )
        return len(self._inbox) + len(self._deciding) + sum(unread)

    async def _sources(self) -> AsyncIterator[tuple[Context, int]]:
        for context in self._manager.sources:
            for partition in range(await self._around.log.partitions(events_topic(context))):
                yield context, partition

    def _cursor(self, source: str) -> Cursor:
        return self._state.cursors.get(source, Cursor(source=source, offset=0))

    async def _go_on(self, writer: Writer, items: Sequence[Item]) -> None:
        """Decide, append, and once it is known to count, say so; large decisions in portions."""
        self._deciding = items
        while self._deciding:
            decided = self._decide_portion(self._deciding)
            await self._append(writer, [record for _, record in decided if record])
            for item, (rejection, _) in zip(self._deciding, decided, strict=False):
                item.settle(rejection)
            self._deciding = self._deciding[len(decided) :]

    async def _append(self, writer: Writer, records: Sequence[Record]) -> None:
        if not records:
            return
        crash_point("before append")
        async with asyncio.timeout(self._around.append_deadline):
            self._state.position = await writer.append(records)
        crash_point("after append")
        self._since_snapshot += len(records)

    def _decide_portion(self, items: Sequence[Item]) -> list[Decision]:
        """The decisions about the first items, as many as go into one append."""
        decided, size = [], 0
        for item in items:
            decision = self._decide(item)
            decided.append(decision)
            size += decision[1].size if decision[1] else 0
            if size >= _PORTION_BYTES:
                break
        return decided

    def _decide(self, item: Item) -> Decision:
        """The decision about one item, already folded into the tentative state.

        Without a record when own hands told nothing new: only what was taken from a log has to be
        known as taken.
        """
        before = self._state.keys.get(item.key)
        try:
            commit, after = self._apply(item, before)
            record = encode(commit)
            check_commit(record)
        except Exception as error:
            commit, after = self._refuse(item, error), before
            record = encode(commit)
        self._state.put(item.key, after)
        if item.cursor:
            self._state.cursors[item.cursor.source] = item.cursor
        new = commit.events or commit.messages or commit.rejection or commit.cursor
        return commit.rejection, record if new else None

    def _apply(self, item: Item, state: S | None) -> tuple[Commit, S | None]:
        if isinstance(item.input, Exception):
            raise item.input
        if isinstance(item.input, NothingForUs):
            return self._commit(item), state
        around = self._around
        given = Given(
            item.id, around.wall(), item.actor, item.cause, item.correlation, around.process
        )
        events: list[Event] = []
        messages: list[Message] = []
        decided = self._manager.decide(state, item.input, given)
        folded = isinstance(decided, Decided)
        for effect in decided.effects if isinstance(decided, Decided) else decided:
            if isinstance(effect, Send):
                messages.append(
                    Message(context=effect.context, key=effect.key, command=effect.command)
                )
            else:
                events.append(effect)
                state = state if folded else self._manager.evolve(state, effect)
        after = decided.state if isinstance(decided, Decided) else state
        return self._commit(item, events, messages), after

    def _refuse(self, item: Item, error: Exception) -> Commit:
        name = type(item.input).__name__
        if isinstance(error, Rejected | RecordTooLarge):
            reason = str(error)
        else:
            ids = about(self._incident(item), item.cause, item.correlation)
            context = str(self._manager.context)
            _log.exception("decision failed", context=context, key=item.key, input=name, **ids)
            said = describe(error) if isinstance(error, ValidationError) else error
            reason = f"{type(error).__name__}: {said}"
        messages = [*_refusal(item.input, reason)]
        return self._commit(item, (), messages, Rejection(command=name, reason=reason))

    def _commit(
        self,
        item: Item,
        events: Sequence[Event] = (),
        messages: Sequence[Message] = (),
        rejection: Rejection | None = None,
    ) -> Commit:
        return Commit.model_construct(
            id=item.id,
            time=self._around.clock.now(),
            key=item.key,
            incident=self._incident(item),
            cause=item.cause,
            correlation=item.correlation,
            actor=item.actor,
            cursor=item.cursor,
            events=tuple(events),  # type: ignore[arg-type]  # each one of a known kind
            messages=tuple(messages),
            rejection=rejection,
        )

    def _incident(self, item: Item) -> IncidentId | None:
        return IncidentId(item.key) if self._manager.context.keyed_by_incident else item.incident

    def _act(self, keys: Iterable[str]) -> None:
        """Bring work and timers into line with the counted state of these keys."""
        for key in keys:
            state = self._state.keys.get(key)
            self._workforce.employ(key, state)
            self._timers.set(key, None if state is None else self._manager.due(state))

    def _own(self, key: str, input: Input, reply: Reply | None = None) -> Item:
        id = self._around.new_id()
        cause = f"{self._manager.context}.work"
        chain = self._manager.chain(self._state.keys.get(key), input)
        incident, correlation = (chain.incident, chain.correlation) if chain else (None, None)
        return Item(key, input, id, cause, correlation or id, SYSTEM, incident, reply=reply)

    def _look_at_clock(self, key: str) -> None:
        self._inbox.put(self._own(key, self._manager.clock))

    def _tell(self, key: str, input: Input) -> Reply:
        reply: Reply = asyncio.get_running_loop().create_future()
        self._inbox.put(self._own(key, input, reply))
        return reply

    async def _tidy(self) -> None:
        """Trim and snapshot now and then."""
        commands = self._cursor(COMMANDS).offset
        if commands - self._trimmed >= self._around.trim_every:
            self._trimmed = commands
            topic = commands_topic(self._manager.context)
            await self._around.log.trim(topic, self._partition, commands)
        if self._since_snapshot >= self._around.snapshot_every:
            self._since_snapshot = 0
            await keep_snapshot(self._manager, self._partition, self._around, self._state)


def _refusal(input: Input, reason: str) -> Iterator[Message]:
    """Whoever waits for an answer to a refused command gets the reason as one."""
    reply_to = getattr(input, "reply_to", None)
    if isinstance(reply_to, ReplyTo):
        answer = AnswerCall(run=reply_to.run, call=reply_to.call, error=reason)
        yield Message(context=Context.INCIDENTS, key=reply_to.incident, command=answer)
