"""What a read model is: a table or two, and the fold of commits into them."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from bus import Timestamp
from events.envelope import Commit, Recorded
from events.values import Context
from projections.database import Connection

SCHEMA = "vestec_read"


@dataclass(frozen=True, slots=True)
class Fact:
    """A commit that counts, where it lies."""

    context: Context
    partition: int
    offset: int
    epoch: int
    commit: Commit

    @property
    def time(self) -> Timestamp:
        return Timestamp(self.commit.time)

    def events(self) -> Iterator[Recorded]:
        """Its events, each with its place."""
        for index, event in enumerate(self.commit.events):
            yield Recorded(
                self.context, self.partition, self.offset, index, self.epoch, self.commit, event
            )


Apply = Callable[[Connection, Sequence[Fact]], Awaitable[None]]


@dataclass(frozen=True)
class Projection:
    """A read model: dropped and folded anew from the log whenever its version grows."""

    name: str
    version: int
    contexts: tuple[Context, ...]
    tables: tuple[str, ...]
    """Its own, without the schema: all that a rebuild drops."""
    ddl: str
    """Creates the tables and their indices, in the schema `vestec_read`."""
    apply: Apply
    """Takes a batch in, in the order of each partition, within the runner's transaction."""
    durable: bool = False
    """Whether a crash of PostgreSQL must not undo the newest batches (they are folded again)."""
