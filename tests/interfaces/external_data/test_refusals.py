"""Refused pushes are told to the incident, but not without end."""

from interfaces.external_data.refusals import EACH, WINDOW, Refusals

HERE, THERE = "here", "there"
EMPTY = "it is empty"


def test_a_few_are_told_one_by_one_and_all_are_counted() -> None:
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    told = [refusals.sentence(HERE, "feed", EMPTY) for _ in range(EACH + 7)]
    assert told == ["a push to feed was refused: it is empty"] * EACH + [None] * 7
    assert refusals.sentence(THERE, "other", EMPTY)
    now[0] = WINDOW
    after = refusals.sentence(HERE, "feed", EMPTY)
    assert after == "a push to feed was refused: it is empty (7 more were refused before it)"
    assert refusals.sentence(HERE, "feed", EMPTY) == told[0]


def test_those_that_nothing_was_told_of_are_told_after_the_window_and_forgotten() -> None:
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    for _ in range(EACH + 7):
        refusals.sentence(HERE, "feed", EMPTY)
    refusals.sentence(THERE, "other", EMPTY)
    assert refusals.overdue() == []
    now[0] = WINDOW
    assert refusals.overdue() == [(HERE, "7 more pushes to feed were refused")]
    assert refusals.overdue() == []
    assert not refusals._of
    assert refusals.sentence(HERE, "feed", EMPTY) == "a push to feed was refused: it is empty"
