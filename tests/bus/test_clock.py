"""The hybrid logical clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import ClockWrong, HybridClock
from bus.clock import moment, seconds, timestamp

NOW = 1_507_524_300.0
"""2017-10-09T04:45:00Z."""


class Wall:
    """A wall clock that stands where it is put."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_it_shows_the_time_of_the_wall() -> None:
    now = HybridClock(Wall()).now()
    assert now == timestamp(NOW)
    assert seconds(now) == NOW
    assert moment(now).isoformat() == "2017-10-09T04:45:00+00:00"


@given(st.lists(st.floats(NOW - 30, NOW + 30)))
def test_it_grows_wherever_the_wall_clock_jumps(walls: list[float]) -> None:
    wall = Wall()
    clock = HybridClock(wall)
    given = [clock.now()]
    for wall.now in walls:
        given.append(clock.now())
    assert given == sorted(set(given))


@given(st.floats(NOW - 100, NOW + 50))
def test_what_follows_is_later_than_what_was_seen(elsewhere: float) -> None:
    clock = HybridClock(Wall())
    cause = HybridClock(Wall(elsewhere)).now()
    before = clock.now()
    clock.follow(cause)
    assert clock.now() > max(cause, before)


@pytest.mark.parametrize("ahead", [61, 119, 7200])
def test_it_goes_back_with_a_wall_clock_that_was_far_ahead(ahead: float) -> None:
    wall = Wall(NOW + ahead)
    clock = HybridClock(wall, max_ahead=60)
    assert clock.now() == timestamp(NOW + ahead)
    clock.follow(timestamp(NOW))
    wall.now = NOW
    assert timestamp(NOW) <= clock.now() < clock.now() < timestamp(NOW + 1)


def test_more_events_in_a_millisecond_than_the_counter_holds() -> None:
    """Then it runs into the next millisecond, still growing."""
    clock = HybridClock(Wall())
    first = clock.now()
    clock.follow(type(first)(first + 2**16 - 1))
    assert seconds(clock.now()) == pytest.approx(NOW + 0.001)


def test_others_are_followed_up_to_the_bound() -> None:
    clock = HybridClock(Wall(), max_ahead=60)
    clock.follow(timestamp(NOW + 30))
    assert clock.now() > timestamp(NOW + 30)
    clock.follow(timestamp(NOW + 3600))
    assert timestamp(NOW + 60) < clock.now() < timestamp(NOW + 61)


@pytest.mark.parametrize(("apart", "word"), [(120, "ahead of"), (-120, "behind")])
def test_a_clock_far_from_the_databases_is_refused(apart: float, word: str) -> None:
    clock = HybridClock(Wall(NOW + apart), max_ahead=60)
    clock.compare(NOW + apart / 2)
    with pytest.raises(ClockWrong, match=f"120 s {word} the database's"):
        clock.compare(NOW)
