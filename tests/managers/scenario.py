"""Scenarios: given events, when a command, then events and messages; for every manager alike.

Each decision is made twice and must be the same, its fold must be the state that it gives, and each
state must survive being kept as a snapshot.
"""

import time
from collections.abc import Iterable
from functools import cache
from itertools import zip_longest
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from pydantic import TypeAdapter

from bus import check_commit
from bus.clock import timestamp
from events.envelope import Commit, Message, encode
from events.values import Event
from managers.runtime import Decided, Effect, Given, Manager, Rejected, Send
from managers.runtime.manager import Input

S = TypeVar("S")

NOW = 1_700_000_000.0
"""When scenarios begin, in seconds since the epoch."""


class Scenario(Generic[S]):
    """The state of one key, and what its manager makes of the next command."""

    def __init__(self, manager: Manager[S, Any]) -> None:
        self.manager = manager
        self.state: S | None = None
        self.now = NOW
        self.process = "a process"
        self.effects: list[Effect] = []
        self.id = UUID(int=0)
        self._rejection: str | None = None
        self._adapter = _adapter(manager)

    def given(self, *events: Event) -> Self:
        """What happened before."""
        self._become(self._folded(events))
        return self

    def later(self, seconds: float) -> Self:
        """Time passes."""
        self.now += seconds
        return self

    def elsewhere(self) -> Self:
        """Another process takes over."""
        self.process += "'"
        return self

    def when(self, input: Input, *, id: UUID | None = None) -> Self:
        """Decide a command, or what hands tell; `id` is the command's."""
        self.id = id or UUID(int=self.id.int + 1)
        self.effects, self._rejection = [], None
        try:
            self.effects, state = self._decided(input)
        except Rejected as rejection:
            self._rejection = str(rejection)
            return self
        assert self._decided(input) == (self.effects, state), "decide is not pure"
        self._become(state)
        return self

    def then(self, *expected: Effect | type[object]) -> Self:
        """Exactly these effects, in this order; a class stands for any event or command of it."""
        assert self._rejection is None, f"it was rejected: {self._rejection}"
        pairs = zip_longest(self.effects[: len(expected)], expected)
        told = [_kind(effect) if isinstance(wanted, type) else effect for effect, wanted in pairs]
        assert [*told, *self.effects[len(expected) :]] == [*expected]
        return self

    def rejected(self, *words: str) -> Self:
        """The command was refused with a sentence that has these words in it."""
        assert self._rejection is not None, f"it was accepted: {self.effects}"
        for word in words:
            assert word in self._rejection
        return self

    def size(self) -> int:
        """Bytes of the last decision in the log; it is one that the log takes."""
        events = [effect for effect in self.effects if not isinstance(effect, Send)]
        sent = [effect for effect in self.effects if isinstance(effect, Send)]
        messages = [Message(context=one.context, key=one.key, command=one.command) for one in sent]
        record = encode(
            Commit(
                id=self.id, time=timestamp(time.time()), key="a key", cause="a test",
                correlation=self.id, actor="x", events=tuple(events), messages=tuple(messages),
            )
        )  # fmt: skip
        check_commit(record)
        return record.size

    def portions(self) -> list[list[Effect]]:
        """The last decision, and what the clock has decided after it until nothing is due.

        Each is one that the log takes, and none waits for the next second.
        """
        decided, moments = [self.effects], list[float]()
        self.size()
        while self.state is not None and (due := self.manager.due(self.state)) is not None:
            assert due <= self.now, "it has to wait"
            assert due not in moments, "it is looked at again after a pause only"
            moments.append(due)
            self.when(self.manager.clock).size()
            assert self._rejection is None, f"the clock was rejected: {self._rejection}"
            decided.append(self.effects)
        return decided

    def _decided(self, input: Input) -> tuple[list[Effect], S | None]:
        given = Given(self.id, self.now, "somebody", "a test", self.id, self.process)
        decided = self.manager.decide(self.state, input, given)
        if not isinstance(decided, Decided):
            effects = list(decided)
            return effects, self._folded(effects)
        assert decided.state == self._folded(decided.effects), "the draft is not the fold"
        return list(decided.effects), decided.state

    def _folded(self, effects: Iterable[Effect]) -> S | None:
        state = self.state
        for effect in effects:
            if not isinstance(effect, Send):
                state = self.manager.evolve(state, effect)
        return state

    def _become(self, state: S | None) -> None:
        self.state = state
        if state is not None:
            kept = self._adapter.validate_json(self._adapter.dump_json(state))
            assert kept == state, "the state is not what its snapshot gives back"


def scenario(manager: Manager[S, Any]) -> Scenario[S]:
    """An empty one."""
    return Scenario(manager)


@cache
def _adapter(manager: Manager[Any, Any]) -> TypeAdapter[Any]:
    return TypeAdapter(manager.state)


def _kind(effect: Effect | None) -> type[object]:
    return type(effect.command) if isinstance(effect, Send) else type(effect)
