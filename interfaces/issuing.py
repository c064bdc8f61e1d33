"""Commands from outside: sent to their manager, and waited for until readers see what came of them.

For every edge where a command enters: the gateway, the external data interface, the command line.
How long to wait is the caller's: put `asyncio.timeout` around these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from bus import HybridClock, Log, partition_of
from events.envelope import Issued, commands_topic, encode_issued
from events.values import Command, Context
from projections import Reader
from projections.commands import Outcome, find_outcome

CommandOffset = tuple[int, int]
"""A partition of a context's commands, and an offset in it."""


@dataclass(frozen=True, slots=True)
class Write:
    """A command, under an id to send it again by; see `Issued` for what that promises."""

    id: UUID
    context: Context
    key: str
    command: Command
    shown_by: tuple[str, ...] = ()
    """The projections that the sender will read next."""


async def issue(log: Log, clock: HybridClock, wanted: Write, actor: str) -> CommandOffset:
    """Send a command; where it lies. Raises `bus.Doubt`: it may lie there or not, send it again."""
    topic = commands_topic(wanted.context)
    partition = partition_of(wanted.key, await log.partitions(topic))
    issued = Issued.model_construct(
        id=wanted.id,
        time=clock.now(),
        actor=actor,
        correlation=wanted.id,
        command=wanted.command,  # type: ignore[arg-type]  # one of a known kind
    )
    return partition, await log.append(topic, partition, [encode_issued(wanted.key, issued)])


async def outcome(reader: Reader, wanted: Write, actor: str, place: CommandOffset) -> Outcome:
    """The word on this very command: a refusal of an earlier one of the same id is not it."""
    partition, offset = place
    seen = -1
    while True:
        moved = reader.move("commands")
        if (now := reader.offset("commands", wanted.context, partition)) != seen:
            seen = now
            found = await find_outcome(reader.pool, wanted.id, actor)
            if found and (found.accepted or (found.taken or 0) >= offset):
                return found
        await moved.wait()


async def shown(reader: Reader, found: Outcome, projections: Sequence[str]) -> None:
    """Return when all these projections have taken in what a command led to."""
    for projection in projections:
        while True:
            moved = reader.move(projection)
            if reader.offset(projection, found.context, found.partition) > found.offset:
                break
            await moved.wait()
