"""Public events as records: CloudEvents 1.0 in the binary mode of its Kafka protocol binding.

Attributes are headers, `ce_` before their names; the value is the event's own JSON.
"""

import re

from bus import Record
from bus.clock import moment
from events.envelope import EventOffset, Recorded
from interfaces.public.events import PublicEvent

TOPIC = "vestec.public.events"
LARGEST = 1_000_000
"""Bytes of a batch: a topic that a consumer's first question made takes no more."""
TOGETHER = LARGEST * 9 // 10
"""Bytes of the events that are published at once, since a batch has more than them."""
MEDIA_TYPE = "application/json"
ID = "ce_id"
SOURCE = "ce_source"


def schema_id(event: type[PublicEvent]) -> str:
    """The name of its JSON Schema, and the attribute `dataschema`."""
    return f"urn:vestec:schema:{event.name}:{event.version}"


def retention_ms(days: float) -> int:
    """How long Kafka keeps the topic's records, as it puts that."""
    return round(days * 86_400_000)


def record_of(it: Recorded, event: PublicEvent, source: str, exercise: bool) -> Record:
    """The record of what is told of an event of the log.

    Its id is the event's place in the log, the same whoever publishes it, and however often.
    """
    commit = it.commit
    headers = {
        "content-type": MEDIA_TYPE,
        "ce_specversion": "1.0",
        ID: it.id,
        SOURCE: source,
        "ce_type": event.type(),
        "ce_time": moment(it.time).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce_subject": event.incident,
        "ce_dataschema": schema_id(type(event)),
        "ce_correlationid": str(commit.correlation),
        "ce_causationid": commit.cause,
        "ce_exercise": str(exercise).lower(),
    }
    return Record(event.incident, event.model_dump_json().encode(), headers)


_PLACE = re.compile(r"([a-z]+/[0-9]{1,9})/([0-9]{1,18})/([0-9]{1,9})")


def place_in(record: Record, source: str) -> tuple[str, EventOffset] | None:
    """Whose event it is, `context/partition`, and where it lies; None: of no event of this source.

    Anybody may have written into the topic.
    """
    found = _PLACE.fullmatch(record.headers.get(ID, ""))
    if found is None or record.headers.get(SOURCE) != source:
        return None
    return found[1], (int(found[2]), int(found[3]))
