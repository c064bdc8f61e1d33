"""Refused pushes are told to the incident, but not without end."""

from interfaces.external_data.refusals import EACH, WINDOW, Refusals

HERE, THERE = "here", "there"


def test_a_few_are_told_one_by_one_and_all_are_counted() -> None:
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    told = [refusals.sentence(HERE, "feed", "it is empty") for _ in range(EACH + 7)]
    assert told == ["a push to feed was refused: it is empty"] * EACH + [None] * 7
    assert refusals.sentence(THERE, "other", "it is empty")
    now[0] = WINDOW
    after = refusals.sentence(HERE, "feed", "it is empty")
    assert after == "a push to feed was refused: it is empty (7 more were refused before it)"
    assert refusals.sentence(HERE, "feed", "it is empty") == told[0]
