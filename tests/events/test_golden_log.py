"""Today's code reads what every version before it wrote."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from bus import Record
from events.envelope import Commit, decode, decode_issued
from events.machines import MachineEnabled
from events.upcasting import UPCASTERS, is_old, upcast
from tests.events.golden_log import (
    COMMANDS,
    EVENTS,
    command_types,
    event_types,
    kind,
    kinds_in,
    lines,
)


def record(line: str) -> Record:
    return Record("incident", line.encode(), {})


def test_every_type_of_event_has_a_line() -> None:
    missing = {kind(one) for one in event_types()} - {*kinds_in(EVENTS)}
    assert not missing, "run `python -m tests.events.golden_log`, and keep what it writes"


def test_every_type_of_command_has_a_line() -> None:
    missing = {kind(one) for one in command_types()} - {*kinds_in(COMMANDS)}
    assert not missing, "run `python -m tests.events.golden_log`, and keep what it writes"


@pytest.mark.parametrize("line", lines(EVENTS), ids=kinds_in(EVENTS))
def test_an_event_is_read_whole(line: str) -> None:
    commit, written = decode(record(line)), json.loads(line)
    assert len(commit.events) == len(written["events"]) == 1
    if not is_old(written["events"][0]["type"], written["events"][0]["version"]):
        assert covers(commit.model_dump(mode="json"), written)


@pytest.mark.parametrize("line", lines(COMMANDS), ids=kinds_in(COMMANDS))
def test_a_command_is_read_whole(line: str) -> None:
    assert covers(decode_issued(record(line)).model_dump(mode="json"), json.loads(line))


@pytest.mark.parametrize("line", lines(EVENTS), ids=kinds_in(EVENTS))
def test_upcasting_changes_nothing_that_is_new(line: str) -> None:
    upcasted = TypeAdapter(Commit).validate_python(upcast(line.encode()))
    assert upcasted == decode(record(line))


def of_old(event: dict[str, Any]) -> Record:
    """A record with an event as an older version wrote it."""
    commit = json.loads(next(line for line in lines(EVENTS) if "MachineEnabled" in line))
    return record(json.dumps({**commit, "events": [event]}))


def test_an_upcaster_brings_an_old_event_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    def renamed(event: dict[str, Any]) -> dict[str, Any]:
        return {"type": "MachineEnabled", "version": 0, "name": event["machine"]}

    def greeted(event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "version": 1, "name": f"the-{event['name']}"}

    monkeypatch.setitem(UPCASTERS, ("MachineEnabled", -1), renamed)
    monkeypatch.setitem(UPCASTERS, ("MachineEnabled", 0), greeted)
    oldest = of_old({"type": "MachineEnabled", "version": -1, "machine": "archer"})
    assert decode(oldest).events == (MachineEnabled(name="the-archer"),)
    looks_the_same = of_old({"type": "MachineEnabled", "version": 0, "name": "archer"})
    assert decode(looks_the_same).events == (MachineEnabled(name="the-archer"),)
    newest = of_old({"type": "MachineEnabled", "version": 1, "name": "archer"})
    assert decode(newest).events == (MachineEnabled(name="archer"),)


def covers(read: object, written: object) -> bool:
    """Whether everything written is in what was read; fields that came later are allowed."""
    if isinstance(written, dict) and isinstance(read, dict):
        return all(name in read and covers(read[name], written[name]) for name in written)
    if isinstance(written, list) and isinstance(read, list):
        pairs = zip(read, written, strict=True)
        return len(read) == len(written) and all(covers(*pair) for pair in pairs)
    return read == written
