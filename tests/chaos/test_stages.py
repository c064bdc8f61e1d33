"""Stages that kill their process, keep a core busy, or are changed while they wait."""

import signal
from functools import partial
from http.client import HTTPException
from typing import Any
from uuid import UUID

import pytest

from managers.incidents.runs import place_of
from tests.chaos.misbehaving import BURNS_UNTIL
from tests.chaos.rig import Rig
from tests.chaos.site import Site

WORKFLOWS = {
    "VESTEC_WORKFLOWS": "tests.chaos.misbehaving:misbehaving",
    "VESTEC_FROZEN_AFTER": "4",
}
CHANGED = {**WORKFLOWS, "MISBEHAVING_CODE_CHANGED": "yes"}


@pytest.fixture
def site(rig: Rig) -> Site:
    return begin(rig, **WORKFLOWS)


def begin(rig: Rig, **settings: str) -> Site:
    """A system that runs the misbehaving workflow."""
    site = Site(rig, **settings)
    site.add_administrator()
    site.log_in()
    return site


def change_the_code(site: Site) -> Site:
    """Kill the system, and start one whose workflow is another."""
    site.process.send(signal.SIGKILL)
    assert site.process.ended_by(signal.SIGKILL)
    changed = Site(site.rig, **CHANGED)
    changed.log_in()
    return changed


def test_a_stage_that_ends_its_process_fails_after_a_few_runs(site: Site) -> None:
    id = site.incident("misbehaving")
    site.push(id, "do", b"leave")
    assert serve_until_blamed(site, id) == 5
    line = site.line(id, *BLAME)
    assert line["next"] == "Look at the error, then retry the stage or cancel the incident."
    site.until("it failed", partial(_has_failed, site, id))
    site = change_the_code(site)
    assert site.ask("POST", f"/api/v1/incidents/{id}/retry", {})["status"] == "ACTIVE"
    site.until("the mended stage ran", lambda: "good-1" in site.data_sets(id))


def test_a_stage_that_holds_up_all_else_fails_after_a_few_runs(site: Site) -> None:
    id = site.incident("misbehaving")
    site.push(id, "do", b"freeze")
    assert serve_until_blamed(site, id) == 5
    assert "match_for_ever" in (site.rig.home / "data.log").read_text()
    site.push(id, "do", b"be_good")
    site.until("others go on", lambda: "good-1" in site.data_sets(id))


def test_people_are_asked_and_answer(site: Site) -> None:
    id = site.incident("misbehaving")
    site.push(id, "do", b"wait")
    wait_until_it_asks(site, id)
    (question,) = site.show(id, "questions")["items"]
    assert (question["text"], question["choices"]) == ("All clear?", ["yes"])
    assert "answer" in site.line(id, "asks: All clear? (yes)")["next"]
    path, choice = f"/api/v1/incidents/{id}/answer", {"question": question["id"], "choice": "no"}
    refused = site.ask("POST", path, choice, status=409)
    assert refused["detail"] == "the choices are: yes"
    site.ask("POST", path, choice | {"choice": "yes"})
    site.line(id, "the stage do is answered: yes")
    site.until("nobody asks any more", lambda: not site.show(id, "questions")["items"])
    site.ask("POST", path, choice | {"choice": "yes"}, status=409)


def test_a_stage_that_ends_its_process_beside_a_call_that_waits_fails_alone(site: Site) -> None:
    id, other = site.incident("misbehaving"), site.incident("misbehaving")
    site.push(other, "do", b"wait")
    wait_until_it_asks(site, other)
    site.push(id, "do", b"leave_while_waiting")
    assert serve_until_blamed(site, id) == 10
    site.until("it failed", partial(_has_failed, site, id))
    assert site.show(other)["status"] == "ACTIVE"


def test_who_is_busy_beside_a_stage_that_ends_its_process_is_not_blamed(site: Site) -> None:
    """Their first pauses differ by chance: the test looks for one whose differs enough."""
    id = site.incident("misbehaving")
    site.push(id, "do", b"leave_later")
    wait_until_it_sleeps(site, id)
    culprit, other = place_of(run_of(site, id)), busy(site)
    while abs(culprit - place_of(run_of(site, other))) < 0.2:
        other = busy(site)
    assert serve_until_blamed(site, id) == 5
    site.until("it failed", partial(_has_failed, site, id))
    site.until("the other one is done", lambda: "good-1" in site.data_sets(other))
    assert site.show(other)["status"] == "ACTIVE"


def busy(site: Site) -> str:
    """An incident with a stage that computes."""
    id = site.incident("misbehaving")
    site.push(id, "do", b"compute")
    site.until("it is at work", lambda: len(started(site, id)) == 2)  # after the one that opens
    return id


def run_of(site: Site, id: str) -> UUID:
    """The run of the stage that was started last in an incident."""
    return UUID(max(started(site, id), key=lambda event: event["time"])["event"]["run"])


def started(site: Site, id: str) -> list[Any]:
    """The events of stages that were started."""
    events = site.show(id, "timeline")["items"]
    return [event for event in events if event["type"] == "StageStarted"]


BLAME = ("its process ended", "may have caused that")


def serve_until_blamed(site: Site, id: str) -> int:
    """Start the system again as often as it ends, until it serves and blames a stage; how often."""
    ends = 0
    while not _blamed(site, id):
        if site.process.ends(0.1):
            ends += 1
            assert ends < 15, site.process.said()
            site.process = site.rig.serve(**WORKFLOWS)
    return ends


def _blamed(site: Site, id: str) -> bool:
    try:
        lines = site.lines(id) if site.serves() else []
    except (OSError, HTTPException):
        return False
    return any(all(words in line["text"] for words in BLAME) for line in lines)


def test_a_stage_that_keeps_a_core_busy_holds_up_nothing(rig: Rig) -> None:
    goes_on = rig.home / "goes on"
    site = begin(rig, VESTEC_LEASE="6", **WORKFLOWS, **{BURNS_UNTIL: str(goes_on)})
    busy, other = site.incident("misbehaving"), site.incident("simple")
    site.push(busy, "do", b"burn")
    site.until("it is told", lambda: "keeps its loop busy" in site.process.said())
    for count in range(1, 11):
        site.push(other, "data", b"x")
        site.until("its stage ran", partial(_has_data_sets, site, other, count))
    assert site.data_sets(busy) == {}
    goes_on.touch()
    site.until("it is done", lambda: "good-1" in site.data_sets(busy))
    said = site.process.said()
    assert "taking over again" not in said
    assert "lease not renewed" not in said


def test_a_recorded_reply_that_fits_no_longer_fails_the_stage_loudly(site: Site) -> None:
    id = site.incident("misbehaving")
    site.push(id, "do", b"change")
    wait_until_it_sleeps(site, id)
    site = change_the_code(site)
    site.line(id, "CodeChanged", "the recorded result of step measure fits no longer")
    site.until("it failed", partial(_has_failed, site, id))
    site.push(id, "do", b"be_good")
    site.until("others go on", lambda: "good-1" in site.data_sets(id))


def test_what_changed_code_calls_besides_is_asked_for_anew(site: Site) -> None:
    id = site.incident("misbehaving")
    site.push(id, "do", b"grow")
    wait_until_it_sleeps(site, id)
    first = site.process.process.pid
    site = change_the_code(site)
    site.until("it ends", lambda: "said" in site.data_sets(id))
    (found,) = site.show(id, "data-sets")["items"]
    said = site.text("GET", f"/api/v1/data-sets/{found['id']}/content")
    assert said == f"one by {first} two by {site.process.process.pid}"


def _has_failed(site: Site, id: str) -> bool:
    return bool(site.show(id)["status"] == "ERROR")


def _has_data_sets(site: Site, id: str, least: int) -> bool:
    return len(site.data_sets(id)) >= least


def wait_until_it_sleeps(site: Site, id: str) -> None:
    """Wait until a stage sleeps: until then its steps may not be recorded."""
    wait_until_it_calls(site, id, "sleep")


def wait_until_it_asks(site: Site, id: str) -> None:
    """Wait until a stage waits for a person."""
    wait_until_it_calls(site, id, "All clear?")


def wait_until_it_calls(site: Site, id: str, word: str) -> None:
    def found() -> bool:
        events = site.show(id, "timeline")["items"]
        return any(word in str(event) for event in events)

    site.until(f"its events tell of {word}", found)
