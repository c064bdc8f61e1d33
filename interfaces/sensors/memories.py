"""What is remembered of a feed's keys, as it lies in the table and its changelog.

A record is an offset, a blank, and the state as JSON. A partition has one record besides those of
its keys, which says up to where all of it was taken. While the table is read, a key's record that
is an offset alone says that it was forgotten.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from functools import partial
from math import inf

from pydantic import TypeAdapter

from interfaces.sensors.deadlines import Deadlines
from interfaces.sensors.feeds import Feed
from interfaces.sensors.rules import KeyState, known, moments

NOTHING = b"-1"

_STATE = TypeAdapter(KeyState)


class Memories:
    """A view of a table's records in which states are decoded once, for today's rules."""

    def __init__(self, feed: Feed, records: MutableMapping[bytes, bytes]) -> None:
        self._feed, self._records = feed, records
        self._decoded: dict[bytes, tuple[bytes, KeyState]] = {}
        self._unsaved: dict[int, set[bytes]] = {}
        self._deadlines: dict[int, Sequence[Deadlines]] = {}

    def taken(self, partition: int) -> int:
        """The offset below which everything in the partition was taken."""
        return offset_of(self._records.get(b"%d" % partition, b"0"))

    def get(self, partition: int, key: str) -> KeyState | None:
        """What is remembered of a key."""
        return self._state(name_of(partition, key))

    def next(self, partition: int) -> float:
        """When (ms) something may be due in a partition, at the earliest."""
        return min((one.next for one in self._deadlines.get(partition, ())), default=inf)

    def due(self, partition: int, now: int, most: int) -> dict[str, KeyState]:
        """Keys whose moment has come, of about so many that are looked at.

        They are silent, which is to be kept when it was told, or may be forgotten.
        """
        begin, state = b"%d " % partition, partial(self._heard, now)
        return {
            name.removeprefix(begin).decode(): found
            for deadlines in self._deadlines.get(partition, ())
            for name, found in deadlines.due(now, most, state)
        }

    def keep(self, partition: int, states: Mapping[str, KeyState], taken: int) -> None:
        """Put states into the table, and that everything below an offset was taken.

        What goes less far than the table is left out: while it was made, the partition was taken
        away, went on elsewhere, and came back.
        """
        records = {}
        for key, state in states.items():
            name = name_of(partition, key)
            if offset_of(self._records.get(name, NOTHING)) > state.offset:
                continue
            record = b"%d %s" % (state.offset, _STATE.dump_json(state))
            self._decoded[name] = record, state
            records[name] = record
        self._records.update(records)
        self._unsaved.setdefault(partition, set()).update(records)
        for deadlines in self._watched(partition):
            for name in records:
                deadlines.watch(name, self._decoded[name][1])
        if taken > self.taken(partition):
            self._records[b"%d" % partition] = b"%d" % taken

    def forget(self, partition: int, keys: Iterable[str]) -> None:
        """Keys of which nothing is unsaved."""
        for key in keys:
            name = name_of(partition, key)
            del self._records[name], self._decoded[name]

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

    def settle(self, kept: Container[int]) -> None:
        """The table was read anew, for these partitions.

        All of others is forgotten: who has them goes on from what is durable. A part of it would
        be worse than nothing: the record that says how far all was taken would be true of states
        that are not there.
        """
        names: dict[int, list[bytes]] = {}
        for name, record in [*self._records.items()]:
            partition, is_key = _partition(name), b" " in name
            if partition not in kept or (is_key and b" " not in record):
                del self._records[name]
                self._decoded.pop(name, None)
                self._unsaved.get(partition, set()).discard(name)
            elif is_key:
                names.setdefault(partition, []).append(name)
        self._unsaved = {one: unsaved for one, unsaved in self._unsaved.items() if one in kept}
        self._deadlines.clear()
        for partition, keys in names.items():
            self._watched(partition, keys)

    def _watched(self, partition: int, names: Iterable[bytes] = ()) -> Sequence[Deadlines]:
        if partition not in self._deadlines:
            self._deadlines[partition] = [Deadlines(one, names) for one in moments(self._feed)]
        return self._deadlines[partition]

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

    def _heard(self, now: int, name: bytes) -> KeyState | None:
        """A state, as of one that was heard just now where its record does not say when."""
        state = self._state(name)
        if state is not None and not state.heard:
            state = replace(state, heard=now)
            self._decoded[name] = self._records[name], state
        return state


def offset_of(record: bytes) -> int:
    """How far a record goes: of two of the same name, the one that goes farther is true."""
    return int(record.partition(b" ")[0])


def name_of(partition: int, key: str) -> bytes:
    """Of a key's record."""
    return b"%d %s" % (partition, key.encode())


def _partition(name: bytes) -> int:
    return int(name.partition(b" ")[0])
