"""The model can fail: each way to weaken the protocol is noticed within a few hundred seeds."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from unittest.mock import patch

import pytest

from bus import Doubt, Position, Record, Stored, Writer
from bus.epochs import EPOCH, SEQUENCE, TAKEOVER
from events.envelope import Commit, Cursor
from managers.runtime.folding import PartitionState
from managers.runtime.inbox import Item
from managers.runtime.owner import Owner
from tests.simulation.checks import Violation
from tests.simulation.world import simulate

SEEDS = 400

Variant = AbstractContextManager[object]


def _sequence_ignored() -> Variant:
    """Whatever carries the newest epoch counts."""
    after = Position.after

    def any_sequence(self: Position, stored: Stored) -> tuple[Position, bool]:
        headers = stored.record.headers
        if TAKEOVER not in headers and headers[EPOCH] == str(self.epoch):
            return replace(self, offset=stored.offset + 1, sequence=self.sequence + 1), True
        return after(self, stored)

    return patch.object(Position, "after", any_sequence)


def _epoch_ignored() -> Variant:
    """Every commit counts, whoever wrote it."""

    def everything(self: Position, stored: Stored) -> tuple[Position, bool]:
        headers = stored.record.headers
        if TAKEOVER in headers:
            return Position(stored.offset + 1, stored.offset, 0, headers[TAKEOVER]), False
        return replace(self, offset=stored.offset + 1, sequence=self.sequence + 1), True

    return patch.object(Position, "after", everything)


def _offsets_as_positions() -> Variant:
    """A reader that starts somewhere believes the first commit that it meets there."""
    after = Position.after

    def credulous(self: Position, stored: Stored) -> tuple[Position, bool]:
        headers = stored.record.headers
        if self.epoch == -2 and TAKEOVER not in headers:
            self = replace(self, epoch=int(headers[EPOCH]), sequence=int(headers[SEQUENCE]))
        return after(self, stored)

    def only_offset(self: Cursor) -> Position:
        return Position(self.offset, -2, 0, "")

    return _both(
        patch.object(Position, "after", credulous),
        patch.object(Cursor, "position", property(only_offset)),
    )
