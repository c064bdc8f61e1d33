"""The model can fail: each way to weaken the protocol is noticed within a few hundred seeds."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from unittest.mock import patch

import pytest

from bus import Doubt, HybridClock, LogError, Position, Record, Stored, Writer
from bus.epochs import EPOCH, SEQUENCE, TAKEOVER
from events.envelope import Commit, Cursor, commands_topic
from managers.runtime import Owner
from managers.runtime.inbox import Item
from managers.runtime.owner import Decision
from tests.simulation.checks import Violation
from tests.simulation.toys import Desk, Labour
from tests.simulation.world import simulate

SEEDS = 400

Model = Owner[Desk, Labour]
Variant = Callable[[], Iterator[None]]


def ignore_sequence() -> Iterator[None]:
    """Whatever carries the newest epoch counts."""
    after = Position.after

    def any_sequence(self: Position, stored: Stored) -> tuple[Position, bool]:
        headers = stored.record.headers
        if headers.get(EPOCH) == str(self.epoch):
            return replace(self, offset=stored.offset + 1, sequence=self.sequence + 1), True
        return after(self, stored)

    with patch.object(Position, "after", any_sequence):
        yield


def ignore_epoch() -> Iterator[None]:
    """Every commit counts, whoever wrote it."""
    after = Position.after

    def everything(self: Position, stored: Stored) -> tuple[Position, bool]:
        if TAKEOVER in stored.record.headers:
            return after(self, stored)
        return replace(self, offset=stored.offset + 1, sequence=self.sequence + 1), True

    with patch.object(Position, "after", everything):
        yield


def use_offsets_as_positions() -> Iterator[None]:
    """A reader that starts somewhere believes the first commit that it meets there."""
    after, unknown = Position.after, -2

    def credulous(self: Position, stored: Stored) -> tuple[Position, bool]:
        headers = stored.record.headers
        if self.epoch == unknown and EPOCH in headers:
            self = replace(self, epoch=int(headers[EPOCH]), sequence=int(headers[SEQUENCE]))
        return after(self, stored)

    def only_offset(self: Cursor) -> Position:
        return Position(self.offset, unknown, 0, "")

    with (
        patch.object(Position, "after", credulous),
        patch.object(Cursor, "position", property(only_offset)),
    ):
        yield


def ignore_where_it_landed() -> Iterator[None]:
    """A writer goes on wherever the log put its commits."""
    append = Writer.append

    async def careless(self: Writer, commits: Sequence[Record]) -> Position:
        here = self.position
        try:
            return await append(self, commits)
        except Doubt as doubt:
            if "expected offset" not in str(doubt):
                raise
            end = int(str(doubt).rpartition(" ")[2]) + len(commits)
            self.position = replace(here, offset=end, sequence=here.sequence + len(commits))
            return self.position

    with patch.object(Writer, "append", careless):
        yield


def go_on_after_refusal() -> Iterator[None]:
    """An append that the log refused is forgotten, the state that ran ahead is kept."""
    go_on = Owner._go_on

    async def unmoved(self: Model, writer: Writer, items: Sequence[Item]) -> None:
        with suppress(LogError):
            await go_on(self, writer, items)

    with patch.object(Owner, "_go_on", unmoved):
        yield


def confirm_before_append() -> Iterator[None]:
    """Whoever waits for a decision is told as soon as it was made."""
    decide = Owner._decide

    def hasty(self: Model, item: Item) -> Decision:
        rejection, record = decide(self, item)
        item.settle(rejection)
        return rejection, record

    with patch.object(Owner, "_decide", hasty):
        yield


def work_before_append() -> Iterator[None]:
    """Work begins as soon as it was decided."""
    decide = Owner._decide

    def hasty(self: Model, item: Item) -> Decision:
        decided = decide(self, item)
        self._act([item.key])
        return decided

    with patch.object(Owner, "_decide", hasty):
        yield


def leave_cursor_out() -> Iterator[None]:
    """How far the inputs were read is not in the commit."""
    commit = Owner._commit

    def forgetful(self: Model, item: Item, *more: object) -> Commit:
        return commit(self, replace(item, cursor=None), *more)  # type: ignore[arg-type]

    with patch.object(Owner, "_commit", forgetful):
        yield


def take_records_whole() -> Iterator[None]:
    """A reader that starts within a record takes all its messages again."""
    cursor = Owner._cursor

    def coarse(self: Model, source: str) -> Cursor:
        return cursor(self, source).model_copy(update={"taken": 0})

    with patch.object(Owner, "_cursor", coarse):
        yield


def trim_by_age() -> Iterator[None]:
    """Commands are forgotten after a while, decided or not."""
    tidy = Owner._tidy

    async def impatient(self: Model) -> None:
        topic = commands_topic(self._manager.context)
        _, end = await self._around.log.bounds(topic, self._partition)
        await self._around.log.trim(topic, self._partition, end)
        await tidy(self)

    with patch.object(Owner, "_tidy", impatient):
        yield


def forget_work() -> Iterator[None]:
    """Work that was under way before a takeover is not taken up again."""
    act = Owner._act

    def lazy(self: Model, keys: Iterable[str]) -> None:
        if not isinstance(keys, list):
            act(self, keys)

    with patch.object(Owner, "_act", lazy):
        yield


def keep_own_time() -> Iterator[None]:
    """A clock takes no note of others."""
    with patch.object(HybridClock, "follow"):
        yield


VARIANTS: list[Variant] = [
    ignore_sequence,
    ignore_epoch,
    use_offsets_as_positions,
    ignore_where_it_landed,
    go_on_after_refusal,
    confirm_before_append,
    work_before_append,
    leave_cursor_out,
    take_records_whole,
    trim_by_age,
    forget_work,
    keep_own_time,
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_weaker_protocol_is_noticed(variant: Variant) -> None:
    with contextmanager(variant)():
        assert any(_violates(seed) for seed in range(SEEDS)), f"not within {SEEDS} seeds"


def _violates(seed: int) -> bool:
    try:
        simulate(seed)
    except Violation:
        return True
    return False
