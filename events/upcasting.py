"""Old events are never rewritten: they are brought up to date when read.

An upcaster is named after the event and the version it starts from and turns that version's JSON
object into the next one's. Golden logs in the tests prove every one of them.
"""

import json
from collections.abc import Callable
from typing import Any

JsonObject = dict[str, Any]


def submission_repeated_1(event: JsonObject) -> JsonObject:
    """Only requeues are counted as attempts any more."""
    return {**event, "version": 2, "submission": event["attempt"]}


UPCASTERS: dict[tuple[str, int], Callable[[JsonObject], JsonObject]] = {
    ("SubmissionRepeated", 1): submission_repeated_1,
}
"""By (type, version)."""


def is_old(type: str, version: int) -> bool:
    """Whether a newer version of the event took its place, though it may still look the same."""
    return (type, version) in UPCASTERS


def upcast(value: bytes) -> JsonObject:
    """A commit's JSON with all of its events at their newest version."""
    commit: JsonObject = json.loads(value)
    commit["events"] = [_newest(event) for event in commit.get("events", [])]
    return commit


def _newest(event: JsonObject) -> JsonObject:
    while upcaster := UPCASTERS.get((event["type"], event.get("version", 1))):
        event = upcaster(event)
    return event
