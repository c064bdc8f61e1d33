"""Readings to findings."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.sensors import Finding
from interfaces.sensors.feeds import Feed, parse_feeds
from interfaces.sensors.memories import Memories
from interfaces.sensors.readings import Malformed, Reading
from interfaces.sensors.rules import KeyState, Source, moment, silences, take

MINUTE = 60_000
THRESHOLD = 'when = "threshold"\nvalue = "v"\nabove = 10\nwindow = { size = 60 }'
COUNT = 'when = "count"\nat_least = 3\nwindow = { size = 60 }'
CHANGE = 'when = "change"\nvalue = "v"\nby = 30\ncircle = 360\nwindow = { size = 60, every = 20 }'
SILENCE = 'when = "silence"\nafter = 60'


def source(*rules: str) -> Source:
    declared = "\n".join(
        f'[f.rules.r{number}]\nendpoint = "e"\n{rule}' for number, rule in enumerate(rules)
    )
    feed: Feed = parse_feeds(f'[f]\nkey = "k"\nlateness = 20\n{declared}')["f"]
    return Source("f", "vestec.sensors.f", feed)


def readings(*told: tuple[float, float | None]) -> list[Reading]:
    """Times in seconds, and values."""
    return [
        Reading("a", round(time * 1000), {"v": value}, 0, offset)
        for offset, (time, value) in enumerate(told)
    ]


def fold(
    of: Source, said: Iterable[Reading], state: KeyState | None = None
) -> tuple[KeyState | None, list[Finding]]:
    found: list[Finding] = []
    for reading in said:
        try:
            state, new = take(of, state, reading)
        except Malformed:
            continue
        found += new
    return state, found


def behind(finding: Finding) -> list[int]:
    return [reading.offset for reading in finding.readings]


def test_a_threshold_is_told_once_a_window() -> None:
    said = readings((0, 5), (1, 11), (2, 12), (61, 13), (62, 9))
    _, found = fold(source(THRESHOLD), said)
    assert [(one.end, one.values, behind(one)) for one in found] == [
        (moment(MINUTE), (11,), [1]),
        (moment(2 * MINUTE), (13,), [3]),
    ]


def test_a_threshold_between_bounds_and_outside_of_them() -> None:
    said = readings((0, 5), (1, 15), (61, 25))
    outside = 'when = "threshold"\nvalue = "v"\nabove = 20\nbelow = 10\nwindow = { size = 60 }'
    between = 'when = "threshold"\nvalue = "v"\nabove = 10\nbelow = 20\nwindow = { size = 60 }'
    assert [one.values for one in fold(source(outside), said)[1]] == [(5,), (25,)]
    assert [one.values for one in fold(source(between), said)[1]] == [(15,)]


def test_a_count_needs_its_readings_in_one_window() -> None:
    said = readings((0, None), (59, None), (60, None), (61, None), (119, None))
    _, found = fold(source(COUNT), said)
    assert [(one.start, behind(one)) for one in found] == [(moment(MINUTE), [2, 3, 4])]


def test_the_wind_turns_over_north_and_is_told_once_though_windows_overlap() -> None:
    said = readings((0, 350), (10, 355), (25, 21), (26, 25), (27, 40))
    _, found = fold(source(CHANGE), said)
    told = [(one.end, one.values, behind(one)) for one in found]
    assert told == [(moment(40_000), (350, 21), [0, 2])]
    assert found[0].field == "v"
    assert found[0].times == (moment(0), moment(25_000))


def test_a_value_that_was_not_measured_says_nothing() -> None:
    assert fold(source(THRESHOLD, CHANGE), readings((0, None), (1, 0), (2, None)))[1] == []


def test_a_sensor_whose_times_are_behind_ours_is_not_silent_while_it_is_heard() -> None:
    of, behind_us, state = source(SILENCE), 300_000, fold(source(SILENCE), [])[0]
    for second in range(0, 200, 2):
        now = second * 1000 + behind_us
        (said,) = readings((second, 1))
        heard, found = take(of, state, said._replace(offset=second, heard=now))
        state, by_clock = silences(of, "a", 0, heard, now + 2000)
        assert found == by_clock == []
    assert state is not None
    assert silences(of, "a", 0, state, now + 60_000)[1] == []
    (told,) = silences(of, "a", 0, state, now + 60_001)[1]
    assert (told.start, told.end) == (moment(198_000), moment(258_000))


def test_silence_is_found_alike_by_the_next_reading_and_by_the_clock() -> None:
    of, said = source(SILENCE), readings((0, 1), (30, 1), (200, 1))
    _, by_reading = fold(of, said)
    state, _ = fold(of, said[:2])
    assert state is not None
    early, none = silences(of, "a", 0, state, 90_000)
    after, by_clock = silences(of, "a", 0, early, 90_001)
    assert none == []
    assert by_clock == by_reading
    assert (by_clock[0].start, by_clock[0].end) == (moment(30_000), moment(90_000))
    assert behind(by_clock[0]) == [1]
    assert (by_clock[0].field, by_clock[0].times) == ("", (moment(30_000),))
    assert silences(of, "a", 0, after, 10**9)[1] == []
    assert fold(of, said[2:], after)[1] == []


def test_a_reading_that_comes_too_late_is_refused() -> None:
    state, _ = fold(source(THRESHOLD), readings((100, 1)))
    with pytest.raises(Malformed, match="late: 21 s older than the newest of a"):
        take(source(THRESHOLD), state, Reading("a", 79_000, {"v": 11}, 0, 9))
    assert take(source(THRESHOLD), state, Reading("a", 80_000, {"v": 11}, 0, 9))[1]


ALL = source(THRESHOLD, COUNT, CHANGE, SILENCE)
SAID = st.lists(st.tuples(st.integers(0, 400), st.none() | st.floats(0, 359)), max_size=40).map(
    lambda told: readings(*told)
)
IN_ORDER = st.lists(st.tuples(st.integers(0, 400), st.none() | st.floats(0, 359)), max_size=40).map(
    lambda told: readings(*sorted(told, key=lambda one: one[0]))
)


@given(SAID)
def test_the_ends_of_a_rules_findings_only_grow(said: Sequence[Reading]) -> None:
    _, found = fold(ALL, said)
    for rule in ALL.feed.rules:
        ends = [one.end for one in found if one.rule == rule]
        assert all(one < next for one, next in pairwise(ends))


@given(SAID, st.integers(0, 40), st.integers(0, 40))
def test_readings_that_come_again_change_nothing(
    said: Sequence[Reading], at: int, back: int
) -> None:
    """A worker dies after it kept its memories: the next one is told of the same once more."""
    state, found = fold(ALL, said[:at])
    again, more = fold(ALL, said[max(0, at - back) : at], state)
    assert (again, more) == (state, [])
    assert fold(ALL, said[at:], again)[1] == fold(ALL, said)[1][len(found) :]


@given(SAID, st.integers(0, 40))
def test_memories_are_read_as_they_were_kept(said: Sequence[Reading], at: int) -> None:
    state, found = fold(ALL, said[:at])
    if state is None:
        return
    table: dict[bytes, bytes] = {}
    Memories(ALL.feed, table).keep(0, {"a": state}, at)
    kept = Memories(ALL.feed, table).get(0, "a")
    assert kept == state
    assert found + fold(ALL, said[at:], kept)[1] == fold(ALL, said)[1]


@given(IN_ORDER)
def test_each_window_that_holds_a_threshold_is_told_of(said: Sequence[Reading]) -> None:
    """Against the plainest reading of the declaration."""
    _, found = fold(source(THRESHOLD), said)
    met: dict[int, int] = {}
    for reading in said:
        if (reading.values["v"] or 0) > 10:
            met.setdefault(reading.time // MINUTE, reading.offset)
    assert [behind(one)[0] for one in found] == list(met.values())


@given(IN_ORDER)
def test_silences_are_the_gaps(said: Sequence[Reading]) -> None:
    _, found = fold(source(SILENCE), said)
    gaps = [one.time for one, next in pairwise(said) if next.time - one.time > MINUTE]
    assert [one.start for one in found] == [moment(time) for time in gaps]


@given(SAID, st.integers(1, 40), st.integers(1, 40))
def test_what_was_in_hand_when_the_partition_went_elsewhere_is_not_kept(
    said: Sequence[Reading], one: int, other: int
) -> None:
    """The table has been read anew since, and goes farther."""
    near, _ = fold(ALL, said[: min(one, other)])
    far, _ = fold(ALL, said[: max(one, other)])
    if near is None or far is None:
        return
    table: dict[bytes, bytes] = {}
    memories = Memories(ALL.feed, table)
    memories.keep(0, {"a": far}, 40)
    memories.keep(0, {"a": near}, 1)
    assert (memories.get(0, "a"), memories.taken(0)) == (far, 40)


def test_all_that_a_key_may_hold_is_a_record_that_kafka_takes() -> None:
    """With the longest numbers; one reading more in any window would have been found."""
    rule = 'when = "count"\nvalue = "v"\nat_least = 1000\nwindow = { size = 20 }\nendpoint = "e"'
    feed = parse_feeds(f'[f]\nkey = "k"\nlateness = 140\n[f.rules.{"r" * 100}]\n{rule}')["f"]
    of, begin, longest = Source("f", "t", feed), 1_800_000_000_000, -1.7976931348623157e308
    said = [
        Reading("a", begin + 20_000 * window + 10_000, {"v": longest}, 0, 2**62 + 999 * window + n)
        for window in range(8)
        for n in range(999)
    ]
    state, found = fold(of, said)
    assert state is not None
    assert not found
    (memory,) = state.memories.values()
    assert sum(len(held) for held in memory.windows.values()) == 7992
    records: dict[bytes, bytes] = {}
    Memories(feed, records).keep(0, {"a": state}, 0)
    assert len(records[b"0 a"]) < 1_000_000 - 10_000


def edited(state: KeyState | None, now: Source) -> KeyState:
    """What is kept of a key, as a worker reads it whose rules are other ones."""
    assert state is not None
    table: dict[bytes, bytes] = {}
    Memories(now.feed, table).keep(0, {"a": state}, 0)
    kept = Memories(now.feed, table).get(0, "a")
    assert kept is not None
    return kept


TWO = [Reading("a", 0, {"v": 5, "w": 350}, 0, 0), Reading("a", 1000, {"v": 100, "w": 351}, 0, 1)]


def test_a_change_of_another_field_is_not_compared_with_the_values_of_the_old_one() -> None:
    first, second = TWO
    state, _ = fold(source(CHANGE), [first])
    other = source(CHANGE.replace('"v"', '"w"'))
    state, found = fold(other, [second], edited(state, other))
    assert not found
    _, found = fold(other, [Reading("a", 2000, {"w": 21}, 0, 2)], edited(state, other))
    assert [one.values for one in found] == [(351, 21)]


def test_a_threshold_whose_window_was_shortened_is_told_in_the_shorter_one() -> None:
    before, after = source(THRESHOLD.replace("60", "86400")), source(THRESHOLD)
    state, found = fold(before, readings((0, 11)))
    state, more = fold(after, [Reading("a", 70_000, {"v": 11}, 0, 1)], edited(state, after))
    assert [(one.rule, one.end) for one in more] == [("r0", moment(2 * MINUTE))]
    assert more[0].series != found[0].series
    _, back = fold(before, [Reading("a", 80_000, {"v": 11}, 0, 2)], edited(state, before))
    assert [one.id for one in back] == [one.id for one in found]


def test_whose_and_when_a_reading_is_belongs_to_what_a_rule_is_and_how_late_it_comes_does_not() -> (
    None
):
    def definition(more: str, rule: str = SILENCE) -> str:
        feed = parse_feeds(f'[f]\n{more}\n[f.rules.r]\nendpoint = "e"\n{rule}')["f"]
        return feed.definitions["r"]

    plain = definition('key = "k"')
    assert definition('key = "k"\nlateness = 1\nretention = 5') == plain
    assert definition('key = "k"', 'after = 60.0\nwhen = "silence"') == plain
    others = definition('key = "l"'), definition('key = "k"\ntime = "t"')
    assert len({plain, *others, definition('key = "k"', SILENCE + "1")}) == 4


def test_the_memory_of_an_older_version_goes_on_and_that_of_a_rule_that_is_gone_does_not() -> None:
    of = source(THRESHOLD)
    old = (
        b'5 {"offset":5,"newest":{"time":1000,"offset":5,"value":null},"memories":'
        b'{"r0":{"done":60000,"windows":{}},"gone":{"done":60000,"windows":{}}}}'
    )
    state = Memories(of.feed, {b"0 a": old}).get(0, "a")
    assert state is not None
    assert [*state.memories] == ["r0"]
    assert not fold(of, [Reading("a", 2000, {"v": 11}, 0, 6)], state)[1]
    assert fold(of, [Reading("a", 61_000, {"v": 11}, 0, 6)], state)[1]
