"""What the clock alone has to say of keys, told without looking at all of them."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from events.sensors import Finding
from interfaces.sensors.feeds import parse_feeds
from interfaces.sensors.memories import Memories
from interfaces.sensors.readings import Reading
from interfaces.sensors.rules import KeyState, Source, silences, take

FEED = parse_feeds("""
[f]
key = "k"
lateness = 20
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
KEYS = "ab"
STEPS = [*KEYS, *KEYS, "look", "look", "read anew"]


def told(states: dict[str, KeyState], now: int, memories: Memories, most: int) -> list[Finding]:
    """What a look at the clock finds; the states after it are kept."""
    found = list[Finding]()
    while memories.next(0) <= now:
        after = dict[str, KeyState]()
        for key, was in memories.due(0, now, most).items():
            assert was == states[key]
            after[key], more = silences(OF, key, 0, was, now)
            assert more
            found += more
        memories.keep(0, after, 0)
        states |= after
    return found


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(STEPS), st.integers(0, 5)),
        min_size=20,
        max_size=40,
    ),
    st.integers(1, 3),
)
def test_all_that_is_due_is_told_as_if_all_keys_had_been_looked_at(
    steps: Sequence[tuple[int, str, int]], most: int
) -> None:
    table, now = dict[bytes, bytes](), 0
    memories, states = Memories(FEED, table), dict[str, KeyState]()
    for offset, (passed, what, older) in enumerate(steps):
        now += passed
        if what == "read anew":
            memories = Memories(FEED, table)
            memories.settle({0})
        elif what in KEYS:
            reading = Reading(what, max(0, now - older), {}, 0, offset)
            states[what], _ = take(OF, states.get(what), reading)
            memories.keep(0, {what: states[what]}, offset + 1)
        else:
            plainly = [
                one.id for key, was in states.items() for one in silences(OF, key, 0, was, now)[1]
            ]
            assert sorted(one.id for one in told(states, now, memories, most)) == sorted(plainly)


def test_a_look_at_which_nothing_is_due_looks_at_no_key() -> None:
    memories = Memories(FEED, {})
    memories.keep(0, {"a": take(OF, None, Reading("a", 1000, {}, 0, 0))[0]}, 1)
    assert memories.next(0) == 1011
    assert memories.next(1) > 10**15
    assert [*memories.due(0, 1011, 10)] == ["a"]


def test_partitions_that_were_taken_away_are_not_looked_at() -> None:
    memories = Memories(FEED, {})
    state, _ = take(OF, None, Reading("a", 1000, {}, 0, 0))
    for partition in (0, 1):
        memories.keep(partition, {"a": state}, 1)
    memories.settle({1})
    assert memories.get(0, "a") is None
    assert not memories.due(0, 2000, 10)
    assert [*memories.due(1, 2000, 10)] == ["a"]
