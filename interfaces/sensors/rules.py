"""Readings of a key, in order, to findings: plain functions, without clock or Kafka.

A reading that made a rule fire is behind no second finding of that rule: windows that hold it are
done. So the ends of a key's findings only grow, and one reading is one arrival, however many
windows overlap. A reading that comes late counts in windows that are not done.

Silence is noticed twice: by the next reading of the key, and by the clock where none comes. Both
find the same: its window ends `after` the last reading. A sensor's time goes on with ours, however
far it is behind: one whose clock is slow, or whose readings are long on their way, is not silent.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial

from events.sensors import Finding, ReadingId
from interfaces.sensors.feeds import Change, Feed, Silence, Window, Windowed
from interfaces.sensors.readings import Malformed, Reading

_NEVER = -(2**62)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of a reading."""

    time: int
    offset: int
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What a rule remembers of a key; times are in milliseconds."""

    done: int = _NEVER
    """Windows that end by then do not fire (any more)."""
    windows: Mapping[int, tuple[Seen, ...]] = field(default_factory=dict)
    """By their ends: the readings that count so far."""
    definition: str = ""
    """Of the rule whose memory it is; that of an older version does not say."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """All that is remembered of a key in a partition."""

    offset: int
    """Of the last reading that was taken: what lies below is known."""
    newest: Seen
    memories: Mapping[str, Memory] = field(default_factory=dict)
    """By rule."""
    heard: int = 0
    """When (ms) the last reading was taken, by our clock; that of an older version does not say."""


@dataclass(frozen=True, slots=True)
class Source:
    """A feed, and where its readings lie."""

    name: str
    topic: str
    feed: Feed


def known(feed: Feed, state: KeyState) -> KeyState:
    """What the rules may go on from, as they are declared now, of what was kept of a key.

    A rule that was edited is another one and begins anew, and one that is gone is forgotten. What
    does not say of which definition it is, is taken as of today's: nothing fires anew because this
    code is newer.
    """
    memories = {}
    for name, memory in state.memories.items():
        definition = feed.definitions.get(name)
        if definition is not None and memory.definition in ("", definition):
            memories[name] = replace(memory, definition=definition)
    return replace(state, memories=memories)


def take(source: Source, was: KeyState | None, reading: Reading) -> tuple[KeyState, list[Finding]]:
    """The state of a key after a reading, and what was found with it.

    A reading that was taken before changes nothing. Raises `Malformed` for one that is too late.
    """
    feed, seen = source.feed, Seen(reading.time, reading.offset)
    if was is None:
        was = KeyState(-1, seen)
    elif reading.offset <= was.offset:
        return was, []
    elif reading.time + feed.lateness_ms < was.newest.time:
        late = (was.newest.time - reading.time) / 1000
        raise Malformed(f"late: {late:.0f} s older than the newest of {reading.key}")
    before = was.newest
    newest = seen if seen.time >= before.time else before
    memories, findings = was.memories, []
    for name, rule in feed.rules.items():
        memory = memories.get(name) or _empty(feed.definitions[name])
        about = _About(source, name, reading.key, reading.partition)
        if isinstance(rule, Silence):
            after, finding = _silence(rule, memory, before, reading.time, about)
        else:
            expired = newest.time - feed.lateness_ms
            after, finding = _windowed(rule, memory, reading, expired, about)
        if after is not memory:
            memories = {**memories, name: after}
        if finding is not None:
            findings.append(finding)
    return KeyState(reading.offset, newest, memories, reading.heard), findings


def silences(
    source: Source, key: str, partition: int, was: KeyState, now: int
) -> tuple[KeyState, list[Finding]]:
    """The same for time that passes without readings, up to `now` (ms)."""
    state, findings, now = was, [], now - _behind(was)
    for name, rule in _silences(source.feed):
        memory = was.memories.get(name) or _empty(source.feed.definitions[name])
        about = _About(source, name, key, partition)
        after, finding = _silence(rule, memory, was.newest, now, about)
        if finding is not None:
            state = replace(state, memories={**state.memories, name: after})
            findings.append(finding)
    return state, findings


def moments(feed: Feed) -> list[Callable[[KeyState], int | None]]:
    """When (ms) the clock alone changes something about a key that is not heard any more.

    For each rule that tells of its silence; and the last one is when it may be forgotten.
    """
    silences = [partial(_silent_from, name, rule) for name, rule in _silences(feed)]
    return [*silences, partial(_forgotten_from, feed)]


def _silences(feed: Feed) -> Iterator[tuple[str, Silence]]:
    for name, rule in feed.rules.items():
        if isinstance(rule, Silence):
            yield name, rule


def _silent_from(rule: str, silence: Silence, state: KeyState) -> int | None:
    """The first moment at which silence is told; None: it was."""
    end, memory = state.newest.time + silence.after_ms, state.memories.get(rule)
    return None if memory is not None and end <= memory.done else end + 1 + _behind(state)


def _forgotten_from(feed: Feed, state: KeyState) -> int:
    """The first moment at which what is remembered has no more effect."""
    ends = (end for memory in state.memories.values() for end in (memory.done, *memory.windows))
    over = max(ends, default=_NEVER) + feed.lateness_ms - state.newest.time
    untold = (_silent_from(name, rule, state) or 0 for name, rule in _silences(feed))
    return max(state.heard + max(feed.forget_ms, over), *untold, 0)


def _behind(state: KeyState) -> int:
    """Milliseconds by which the time of a key's newest reading was behind ours when it came."""
    return max(0, state.heard - state.newest.time)


@dataclass(frozen=True, slots=True)
class _About:
    source: Source
    rule: str
    key: str
    partition: int

    def finding(
        self, start: int, end: int, behind: tuple[Seen, ...], *, values: bool = True
    ) -> Finding:
        rule = self.source.feed.rules[self.rule]
        return Finding(
            feed=self.source.name,
            rule=self.rule,
            definition=self.source.feed.definitions[self.rule],
            key=self.key,
            start=moment(start),
            end=moment(end),
            field=getattr(rule, "value", None) or "",
            values=tuple(seen.value for seen in behind) if values else (),
            readings=tuple(
                ReadingId(topic=self.source.topic, partition=self.partition, offset=seen.offset)
                for seen in behind
            ),
            times=tuple(moment(seen.time) for seen in behind),
        )


@cache
def _empty(definition: str) -> Memory:
    return Memory(definition=definition)


def _silence(
    rule: Silence, memory: Memory, last: Seen, now: int, about: _About
) -> tuple[Memory, Finding | None]:
    end = last.time + rule.after_ms
    if now <= end or end <= memory.done:
        return memory, None
    return Memory(end, definition=memory.definition), about.finding(
        last.time, end, (last,), values=False
    )


def _windowed(
    rule: Windowed, memory: Memory, reading: Reading, expired: int, about: _About
) -> tuple[Memory, Finding | None]:
    value = None if rule.value is None else reading.values[rule.value]
    if not _counts(rule, value):
        return memory, None
    size = rule.window.size_ms
    seen, ends = Seen(reading.time, reading.offset, value), _ends(rule.window, reading.time)
    changed: dict[int, tuple[Seen, ...]] = {}
    for end in ends:
        if end <= memory.done:
            continue
        before = memory.windows.get(end, ())
        kept, behind = _gathered(rule, before, seen)
        if behind:
            left = {at: held for at, held in memory.windows.items() if at > ends[-1]}
            return Memory(ends[-1], left, memory.definition), about.finding(end - size, end, behind)
        if kept is not before:
            changed[end] = kept
    if not changed:
        return memory, None
    open_still = {at: held for at, held in memory.windows.items() if at > expired}
    return Memory(memory.done, {**open_still, **changed}, memory.definition), None


def _counts(rule: Windowed, value: float | None) -> bool:
    if value is None:
        return rule.value is None
    return isinstance(rule, Change) or rule.hold(value)


def _gathered(
    rule: Windowed, before: tuple[Seen, ...], seen: Seen
) -> tuple[tuple[Seen, ...], tuple[Seen, ...]]:
    """What a window keeps with one more reading; and what met the condition, if it is met."""
    if not isinstance(rule, Change):
        kept = (*before, seen)
        return kept, kept if len(kept) >= rule.at_least else ()
    if not before or before[0].value is None or seen.value is None:
        return (seen,), ()
    far = rule.difference(before[0].value, seen.value) >= rule.by
    return before, (before[0], seen) if far else ()


def _ends(window: Window, time: int) -> range:
    """The ends of the windows that a moment lies in; a window ends just before its end."""
    step, size = window.every_ms, window.size_ms
    first = (time - size) // step * step + step
    return range(first + size, time + size + 1, step)


def moment(milliseconds: int) -> datetime:
    """A time of ours as others read it."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
