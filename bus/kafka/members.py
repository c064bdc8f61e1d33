"""A member of a group: it owns partitions for as long as the group's broker heard of it lately.

By aiokafka's group coordinator without its consumer, which would fetch records and commit offsets.
Rebalances are "eager": all members give everything back, and mostly get the same again. A member
goes on with what it owned meanwhile, since nobody else gets that before the others have rejoined;
what somebody else is then given is decided by `bus.epochs`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from math import inf
from time import monotonic
from typing import Any, NoReturn

import structlog
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.client import ConnectionGroup
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalGenerationError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    KafkaConnectionError,
    RebalanceInProgressError,
    SaslAuthenticationFailed,
    UnknownMemberIdError,
)
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from aiokafka.structs import TopicPartition

from bus.contract import LogError, PartitionsChanged
from bus.kafka.address import Address
from bus.kafka.connections import FAILURES, Client, end_client, reach
from bus.kafka.sharing import Sharing

_HOPELESS = (
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    SaslAuthenticationFailed,
)
_ALIVE = {0, RebalanceInProgressError.errno}
_EXPELLED = {UnknownMemberIdError.errno, IllegalGenerationError.errno}

_log = structlog.get_logger()


class Member:
    """What a member was given, as a `Membership`; `seconds` is how long it may be silent."""

    def __init__(
        self, address: Address, group: str, topic: str, partitions: int, seconds: float
    ) -> None:
        self._address, self._group, self._topic = address, group, topic
        self._partitions, self._seconds = partitions, seconds
        self._owned: frozenset[int] = frozenset()
        self._until = self._synced = self._heard_at = 0.0
        self._news = asyncio.Event()
        self._broken: LogError | None = None

    @property
    def owned(self) -> frozenset[int]:
        """Nothing once the group's broker was silent for the time of a lease.

        Asks the system for the time: that of an event loop stands still within a callback.
        """
        return self._owned if monotonic() < self._until else frozenset()

    async def changed(self, known: frozenset[int]) -> frozenset[int]:
        """As promised; raises `LogError` where the group can never be joined."""
        while (owned := self.owned) == known:
            if self._broken:
                raise self._broken
            self._news.clear()
            try:
                async with asyncio.timeout(self._until - monotonic() if owned else None):
                    await self._news.wait()
            except TimeoutError:
                if not self.owned:
                    _log.warning("lease ran out, its broker is silent", group=self._group)
        return owned

    async def keep(self) -> None:
        """Join and stay until cancelled, then leave; returns where that is hopeless."""
        while self._broken is None:
            try:
                async with self._joined() as coordinator:
                    await self._stay(coordinator)
            except PartitionsChanged as error:
                self._broken = error
            except _HOPELESS as error:
                self._broken = LogError(
                    f"group {self._group} cannot be joined: {error}{_hint(error)}"
                )
            except Exception as error:
                _log.warning("group left for a moment", group=self._group, reason=repr(error))
                await asyncio.sleep(self._seconds / 4)
        self._news.set()

    @asynccontextmanager
    async def _joined(self) -> AsyncIterator[GroupCoordinator]:
        """Take part as long as the context lasts; on leaving others get our partitions at once."""
        milliseconds = round(self._seconds * 1000)
        client = _Client(
            self._heard,
            **self._address.client,
            request_timeout_ms=milliseconds,
            # So that partitions which were added are noticed soon.
            metadata_max_age_ms=5 * milliseconds,
        )
        self._heard_at = monotonic()
        try:
            await reach(self._address, client.bootstrap)
            subscription = SubscriptionState()
            subscription.register_fetch_waiters(set())
            listener = _Listener(self._assigned)
            subscription.subscribe({self._topic}, listener=listener)
            coordinator = GroupCoordinator(
                client,
                subscription,
                group_id=self._group,
                session_timeout_ms=milliseconds,
                # A rebalance is noticed with a heartbeat, and over before leases end.
                heartbeat_interval_ms=milliseconds // 20,
                rebalance_timeout_ms=milliseconds * 3 // 4,
                retry_backoff_ms=min(100, milliseconds // 20),
                max_poll_interval_ms=inf,
                enable_auto_commit=False,
                assignors=(Sharing(self._partitions, lambda: self._owned),),
            )
            try:
                yield coordinator
            finally:
                listener.stop()
                self._give(frozenset())
                await _leave(coordinator, self._seconds / 2)
        finally:
            await end_client(client)

    async def _stay(self, coordinator: GroupCoordinator) -> NoReturn:
        """Raises what aiokafka cannot deal with by itself."""
        while True:
            coordinator.check_errors()
            known = coordinator._cluster.partitions_for_topic(self._topic)
            if known is not None and len(known) != self._partitions:
                raise PartitionsChanged(
                    f"topic {self._topic} has {len(known)} partitions by now,"
                    f" it had {self._partitions}"
                )
            if monotonic() > self._heard_at + 3 * self._seconds:
                # It would ask only the brokers that it knows, which may be gone for good.
                raise KafkaConnectionError("the group's broker does not answer")
            await asyncio.sleep(self._seconds / 10)

    def _heard(self, request: object, response: Any, asked: float) -> None:
        """An answer of the group's broker, which restarted our time when it got the request."""
        self._heard_at = monotonic()
        if isinstance(request, HeartbeatRequest):
            if response.error_code in _ALIVE:
                self._until = asked + self._seconds
                self._news.set()
            elif response.error_code in _EXPELLED:
                self._give(frozenset())
        elif isinstance(request, SyncGroupRequest):
            self._synced = asked

    def _assigned(self, partitions: frozenset[int]) -> None:
        self._until = self._synced + self._seconds
        self._give(partitions)

    def _give(self, owned: frozenset[int]) -> None:
        self._owned = owned
        self._news.set()


class _Client(Client):
    """Tells what it was answered, and never asks for a topic by its name: that would make it."""

    def __init__(self, heard: Callable[[object, Any, float], None], **options: Any) -> None:
        super().__init__(**options)
        self._heard = heard

    async def send(
        self, node_id: Any, request: object, *, group: ConnectionGroup = ConnectionGroup.DEFAULT
    ) -> Any:
        asked = monotonic()
        response = await super().send(node_id, request, group=group)
        self._heard(request, response, asked)
        return response

    def set_topics(self, topics: Collection[str]) -> Any:
        return self.force_metadata_update()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """What the end of a rebalance gives us; what its beginning takes we keep until then."""

    def __init__(self, assigned: Callable[[frozenset[int]], None]) -> None:
        self._assigned = assigned

    def stop(self) -> None:
        """Take nothing more: a rebalance may end while we leave."""
        self._assigned = lambda _: None

    def on_partitions_revoked(self, revoked: object) -> None:
        """Wait for what we are given instead."""

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._assigned(frozenset(place.partition for place in assigned))


async def _leave(coordinator: GroupCoordinator, within: float) -> None:
    """If it takes too long, others wait until the lease ends."""
    try:
        async with asyncio.timeout(within):
            await coordinator.close()
    except FAILURES as error:
        _log.warning("group not left in order", group=coordinator.group_id, reason=repr(error))
    # The first starts the others, and may swallow being cancelled while it stops one of them.
    for name in ("_coordination_task", "_heartbeat_task", "_commit_refresh_task"):
        while (task := getattr(coordinator, name)) is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=within)


def _hint(error: Exception) -> str:
    if isinstance(error, InvalidSessionTimeoutError):
        return "; a lease must be as long as the brokers' group.min.session.timeout.ms"
    return ""
