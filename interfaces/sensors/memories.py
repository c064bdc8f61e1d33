"""What is remembered of a feed's keys, as it lies in the table and its changelog.

A record is an offset, a blank, and the state as JSON. A partition has one record besides those of
its keys, which says up to where all of it was taken.
"""

from collections.abc import Container, Iterator, Mapping, MutableMapping

from pydantic import TypeAdapter

from interfaces.sensors.feeds import Feed
from interfaces.sensors.rules import KeyState, known

NOTHING = b"-1"

_STATE = TypeAdapter(KeyState)


class Memories:
    """A view of a table's records in which states are decoded once, for today's rules."""

    def __init__(self, feed: Feed, records: MutableMapping[bytes, bytes]) -> None:
        self._feed, self._records = feed, records
        self._decoded: dict[bytes, tuple[bytes, KeyState]] = {}
        self._unsaved: dict[int, set[bytes]] = {}

    def taken(self, partition: int) -> int:
        """The offset below which everything in the partition was taken."""
        return offset_of(self._records.get(b"%d" % partition, b"0"))

    def get(self, partition: int, key: str) -> KeyState | None:
        """What is remembered of a key."""
        return self._state(_name(partition, key))

    def keys(self, partition: int) -> Iterator[tuple[str, KeyState]]:
        """All keys of a partition, with what is remembered of them."""
        begin = b"%d " % partition
        for name in [name for name in self._records if name.startswith(begin)]:
            if state := self._state(name):
                yield name.removeprefix(begin).decode(), state

    def keep(self, partition: int, states: Mapping[str, KeyState], taken: int) -> None:
        """Put states into the table, and that everything below an offset was taken.

        What goes less far than the table is left out: while it was made, the partition was taken
        away, went on elsewhere, and came back.
        """
        records = {}
        for key, state in states.items():
            name = _name(partition, key)
            if offset_of(self._records.get(name, NOTHING)) > state.offset:
                continue
            record = b"%d %s" % (state.offset, _STATE.dump_json(state))
            self._decoded[name] = record, state
            records[name] = record
        self._records.update(records)
        self._unsaved.setdefault(partition, set()).update(records)
        if taken > self.taken(partition):
            self._records[b"%d" % partition] = b"%d" % taken

    def unsaved(self) -> Iterator[tuple[int, Mapping[bytes, bytes], tuple[bytes, bytes]]]:
        """The records of each partition that changed since they were last asked for.

        Beside those of its keys the one that says how far all was taken: it is true once they are
        durable.
        """
        unsaved, self._unsaved = self._unsaved, {}
        for partition, names in unsaved.items():
            mark = b"%d" % partition
            records = {name: self._records[name] for name in names}
            yield partition, records, (mark, self._records.get(mark, b"0"))

    def forget_others(self, kept: Container[int]) -> None:
        """Forget all of partitions that were taken away: who has them goes on from what is durable.

        A part of it would be worse than nothing: the record that says how far all was taken would
        be true of states that are not there.
        """
        others = [name for name in self._records if _partition(name) not in kept]
        for name in others:
            del self._records[name]
            self._decoded.pop(name, None)
        for partition in [*self._unsaved]:
            if partition not in kept:
                del self._unsaved[partition]

    def _state(self, name: bytes) -> KeyState | None:
        """The table may have been read anew since the last time."""
        record = self._records.get(name)
        if record is None:
            return None
        decoded = self._decoded.get(name)
        if decoded is None or decoded[0] is not record:
            state = _STATE.validate_json(record.partition(b" ")[2])
            decoded = record, known(self._feed, state)
            self._decoded[name] = decoded
        return decoded[1]


def offset_of(record: bytes) -> int:
    """How far a record goes: of two of the same name, the one that goes farther is true."""
    return int(record.partition(b" ")[0])


def _name(partition: int, key: str) -> bytes:
    return b"%d %s" % (partition, key.encode())


def _partition(name: bytes) -> int:
    return int(name.partition(b" ")[0])
