"""Faust's consumer, without the four tasks that it makes for every message.

It hands a message on and waits for whichever comes first: that it was taken, or that the flow is
suspended because partitions are shared out anew. Mostly the message is taken at once, so that there
is nothing to wait for; but the race alone costs half of a reading's time.
"""

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any

from faust.transport.drivers import aiokafka
from mode.services import WaitResults

_TAKEN = WaitResults([], [], False)


class Consumer(aiokafka.Consumer):
    """Waits only where there is something to wait for."""

    async def wait_first(self, *waits: Any, **options: Any) -> Any:
        """For a message: its handing on, and the suspension of the flow, both coroutines."""
        if len(waits) != 2:
            return await super().wait_first(*waits, **options)
        handing, suspended = waits
        try:
            awaited = handing.send(None)
        except StopIteration:
            suspended.close()
            return _TAKEN
        return await super().wait_first(_as_task(handing, awaited), suspended, **options)


async def _as_task(begun: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _going_on(begun, awaited)


@coroutine
def _going_on(begun: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """A coroutine that has begun already, and waits for `awaited`."""
    try:
        while True:
            try:
                sent = yield awaited
            except BaseException as error:
                awaited = begun.throw(error)
            else:
                awaited = begun.send(sent)
    except StopIteration:
        return
