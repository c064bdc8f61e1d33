"""What the clock alone has to say of keys, told without looking at all of them."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from events.sensors import Finding
from interfaces.sensors.feeds import parse_feeds
from interfaces.sensors.memories import Memories
from interfaces.sensors.readings import Reading
from interfaces.sensors.rules import KeyState, Source, moments, silences, take

FEED = parse_feeds("""
[f]
key = "k"
lateness = 0.020
forget = 0.100
[f.rules.short]
when = "silence"
after = 0.010
endpoint = "e"
[f.rules.long]
when = "silence"
after = 0.035
endpoint = "e"
""")["f"]
OF = Source("f", "t", FEED)
FORGOTTEN = moments(FEED)[-1]
KEYS = "ab"
STEPS = [*KEYS, *KEYS, "look", "look", "read anew"]


def look(states: dict[str, KeyState], now: int, memories: Memories, most: int) -> list[Finding]:
    """What a look at the clock finds; the states after it are kept."""
    told = list[Finding]()
    while memories.next(0) <= now:
        for key, was in memories.due(0, now, most).items():
            assert was == states[key]
            after, found = silences(OF, key, 0, was, now)
            told += found
            if found:
                states[key] = after
                memories.keep(0, {key: after}, 0)
            else:
                del states[key]
                memories.forget(0, [key])
    return told


@given(
    st.lists(
        st.tuples(st.integers(0, 12) | st.just(120), st.sampled_from(STEPS), st.integers(0, 5)),
        min_size=20,
        max_size=40,
    ),
    st.integers(1, 3),
)
def test_all_that_is_due_is_done_as_if_all_keys_had_been_looked_at(
    steps: Sequence[tuple[int, str, int]], most: int
) -> None:
    table, now = dict[bytes, bytes](), 1000
    memories, states = Memories(FEED, table), dict[str, KeyState]()
    for offset, (passed, what, older) in enumerate(steps):
        now += passed
        if what == "read anew":
            memories = Memories(FEED, table)
            memories.settle({0})
        elif what in KEYS:
            reading = Reading(what, now - older, {}, 0, offset, now)
            states[what], _ = take(OF, states.get(what), reading)
            memories.keep(0, {what: states[what]}, offset + 1)
        else:
            after = {key: silences(OF, key, 0, was, now) for key, was in states.items()}
            told = [one.id for _, found in after.values() for one in found]
            left = {key for key, (state, _) in after.items() if (FORGOTTEN(state) or 0) > now}
            assert sorted(one.id for one in look(states, now, memories, most)) == sorted(told)
            assert states.keys() == left == {key for key in KEYS if memories.get(0, key)}


def test_a_look_at_which_nothing_is_due_looks_at_no_key() -> None:
    memories = Memories(FEED, {})
    memories.keep(0, {"a": take(OF, None, Reading("a", 1000, {}, 0, 0, 1000))[0]}, 1)
    assert memories.next(0) == 1011
    assert memories.next(1) > 10**15
    assert [*memories.due(0, 1011, 10)] == ["a"]


def test_partitions_that_were_taken_away_are_not_looked_at() -> None:
    memories = Memories(FEED, {})
    state, _ = take(OF, None, Reading("a", 1000, {}, 0, 0, 1000))
    for partition in (0, 1):
        memories.keep(partition, {"a": state}, 1)
    memories.settle({1})
    assert memories.get(0, "a") is None
    assert not memories.due(0, 2000, 10)
    assert [*memories.due(1, 2000, 10)] == ["a"]
