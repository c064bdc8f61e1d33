"""Faust's consumer, for which the readings of a fetch are one message.

What Faust does for each message (an event, queues, locks, a race with the suspension of its flow,
turns of the loop) costs more than all that rules do for a reading. So it does it once for many.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from faust.transport.drivers import aiokafka
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from bus.kafka.connections import end_client


class Consumer(aiokafka.Consumer):
    """The value of a message is the list of its records, but for those of a changelog."""

    def _new_consumer_thread(self) -> "_Thread":
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, *partitions: Any, **how: Any) -> Mapping[TP, list[Any]]:
        fetched = await super()._getmany(*partitions, **how)
        return {
            tp: records if self._is_changelog_tp(tp) else [records]
            for tp, records in fetched.items()
            if records
        }

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if not isinstance(record, list):
            return super()._to_message(tp, record)
        message = super()._to_message(tp, record[-1])
        message.value = record  # type: ignore[assignment]  # whose codec leaves it as it is
        return message

    def on_buffer_full(self, tp: TP) -> None:
        """Whoever hands a message on waits for room; after a pause Faust looks once a second."""


class _Thread(aiokafka.AIOKafkaConsumerThread):
    async def stop(self) -> None:
        """Faust would leave one that is about to start running, and the loop of another open."""
        while self._thread and self._thread.is_alive() and not self._started.is_set():
            await asyncio.sleep(0.01)
        if not self._thread:
            self.thread_loop.close()
        await super().stop()

    async def on_thread_stop(self) -> None:
        """Of a consumer whose end is cut short, aiokafka would leave the connections open."""
        try:
            await super().on_thread_stop()
        finally:
            if self._consumer is not None:
                await end_client(self._consumer._client)
