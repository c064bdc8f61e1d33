"""What a stage asks for and is told, recorded: the part that makes stages durable.

A run that starts again is handed the recorded answers. An answer is matched by what was asked, the
digest of its arguments and its occurrence, never by order: stages that ask for several things at
once would get each other's answers.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue
from pydantic_core import to_json

from managers.blobs import BlobStore, open_document
from managers.incidents import Call, RecordStep, Run
from managers.runtime.manager import Input
from workflows.errors import CallFailed
from workflows.stopwatch import Stopwatch

R = TypeVar("R")

Post = Callable[[Input], None]
"""Hands an input to the manager, from the workflow's thread."""

Worker = Callable[..., Awaitable[Any]]
"""Runs a plain function with its arguments where it may block."""


class Conversation:
    """The calls of one run, in the thread that runs its stage."""

    def __init__(
        self, run: Run, blobs: BlobStore, post: Post, stopwatch: Stopwatch, work: Worker
    ) -> None:
        self.run, self.blobs, self.post, self.stopwatch = run, blobs, post, stopwatch
        self.work = work
        self.patient = False
        """Whether a step waits until it is recorded, so that tests can kill the stage there."""
        self.ended = False
        """Whether the stage was told to end. What it is told by `Task.cancelling` is no proof:
        before Python 3.13 a task group in which something failed leaves that set."""
        self._calls = dict(run.calls)
        self._asked: Counter[str] = Counter()
        self._futures: dict[str, asyncio.Future[Call]] = {}

    @property
    def asked(self) -> set[str]:
        """The keys of all calls made so far."""
        return {f"{call} {n}" for call, count in self._asked.items() for n in range(count)}

    def key(self, name: str, *arguments: Any) -> str:
        """The key of the next call of this name with these arguments."""
        text = to_json(_ordered(arguments), bytes_mode="base64")
        digest = hashlib.sha256(text).hexdigest()[:16]
        call = f"{name} {digest}"
        occurrence = self._asked[call]
        self._asked[call] += 1
        return f"{call} {occurrence}"

    def recorded(self, key: str) -> Call | None:
        """The call as the log has it."""
        return self._calls.get(key)

    async def ask(self, key: str, request: Callable[[], Input]) -> JsonValue:
        """The answer to a call that somebody else gives; asks only what was never asked."""
        call = self._calls.get(key)
        if call is None:
            self.post(request())
        if call is None or not call.answered:
            call = await self._answer(key)
        return await self.value(call)

    async def record(self, step: RecordStep) -> None:
        """Have a step's result recorded; a crash before that runs the step again."""
        self.post(step)
        if self.patient:
            await self._answer(step.call)

    async def value(self, call: Call) -> JsonValue:
        """The value of an answered call; raises `CallFailed`."""
        if call.error is not None:
            raise CallFailed(call.error)
        return await self.working(open_document(self.blobs, call.value))

    async def working(self, doing: Awaitable[R]) -> R:
        """The result of what the stage does itself: meanwhile it does not rest."""
        with self.stopwatch.working():
            return await doing

    def told(self, key: str, call: Call) -> None:
        """An answer was recorded."""
        self._calls[key] = call
        future = self._futures.pop(key, None)
        if future and not future.done():
            future.set_result(call)

    async def _answer(self, key: str) -> Call:
        future: asyncio.Future[Call] = asyncio.get_running_loop().create_future()
        self._futures[key] = future
        with self.stopwatch.waiting():
            return await future


def _ordered(value: Any) -> Any:
    """The same with its sets sorted: their order differs from process to process."""
    match value:
        case BaseModel():
            return _ordered(dict(value))
        case dict():
            return {key: _ordered(one) for key, one in value.items()}
        case list() | tuple():
            return [_ordered(one) for one in value]
        case set() | frozenset():
            return sorted(to_json(_ordered(one), bytes_mode="base64") for one in value)
        case _:
            return value
