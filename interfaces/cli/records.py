"""Records of a context's events as lines: one for each thing that one of them holds."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from bus import START, Log, LogError, Position, Stored, Timestamp
from bus.clock import moment
from bus.epochs import EPOCH, SEQUENCE, TAKEOVER
from events.envelope import decode, events_topic
from events.values import Context
from interfaces.cli.errors import Complaint
from interfaces.cli.output import compact

Line = Mapping[str, Any]

UNREADABLE = (ValueError, KeyError, TypeError)
"""What a record raises that is no commit; `pydantic.ValidationError` is a `ValueError`."""

_CHUNK = 1000


async def records(
    log: Log, context: Context, partition: int
) -> AsyncIterator[tuple[Stored, Position, bool]]:
    """All there are now, each with the position behind it and whether it is a commit that counts.

    From the beginning, because what counts at an offset is decided by what lies before it.
    """
    topic, position = events_topic(context), START
    _, end = await log.bounds(topic, partition)
    while position.offset < end:
        found = await log.read(topic, partition, position.offset, _CHUNK)
        if not found:
            raise LogError(f"{topic}/{partition} ends at {position.offset}, not at {end}")
        for stored in found:
            position, counts = position.after(stored)
            yield stored, position, counts


async def lines_of(
    log: Log, context: Context, partition: int | None, start: int
) -> AsyncIterator[Line]:
    """What the records from offset `start` on hold. Raises `Complaint`."""
    there = range(await log.partitions(events_topic(context)))
    if partition is not None and partition not in there:
        raise Complaint(f"{context} has the partitions 0 to {there[-1]}, there is no {partition}.")
    for each in there if partition is None else (partition,):
        async for stored, position, counts in records(log, context, each):
            if stored.offset >= start:
                place = {"context": context, "partition": each, "offset": stored.offset}
                for line in _lines(stored, position, counts):
                    yield place | line


def _lines(stored: Stored, position: Position, counts: bool) -> Iterator[dict[str, Any]]:
    headers = stored.record.headers
    if TAKEOVER in headers:
        yield {"kind": "takeover", "epoch": position.epoch, "nonce": headers[TAKEOVER]}
        return
    stamp = {"epoch": headers.get(EPOCH), "sequence": headers.get(SEQUENCE)}
    told: dict[str, Any] = {name: int(n) if n else None for name, n in stamp.items()} | {
        "counts": counts
    }
    try:
        commit = decode(stored.record)
    except UNREADABLE as error:
        yield told | {"kind": "unreadable", "key": stored.record.key, "error": str(error)}
        return
    told |= {
        "time": moment(Timestamp(commit.time)),
        "hlc": commit.time,
        "key": commit.key,
        "incident": commit.incident,
        "cause": commit.cause,
        "correlation": commit.correlation,
        "actor": commit.actor,
        "commit": commit.id,
    }
    inside: list[dict[str, Any]] = [
        *({"kind": "event", "index": i, "event": e} for i, e in enumerate(commit.events)),
        *({"kind": "message", "message": message} for message in commit.messages),
        *({"kind": "rejection", "rejection": r} for r in (commit.rejection,) if r),
    ]
    for content in inside or [{"kind": "nothing"}]:
        yield told | content


def plain(line: Line) -> str:
    """A line for people."""
    place = f"{line['context']}/{line['partition']}/{line['offset']}"
    if line["kind"] == "takeover":
        return f"{place}  TAKEOVER epoch {line['epoch']} by {line['nonce']}"
    mark = "" if line["counts"] else "DOES NOT COUNT  "
    place = f"{place}  epoch {line['epoch']}.{line['sequence']}"
    if line["kind"] == "unreadable":
        return f"{place}  {mark}UNREADABLE  key={line['key']}: {line['error']}"
    when = line["time"].strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
    return f"{place}  {when}  {mark}{_content(line)}  key={line['key']} cause={line['cause']}"


def _content(line: Line) -> str:
    match line["kind"]:
        case "event":
            return named(line["event"])
        case "message":
            message = line["message"]
            return f"-> {message.context}:{message.key} {named(message.command)}"
        case "rejection":
            return f"refused {line['rejection'].command}: {line['rejection'].reason}"
    return "(nothing to do)"


def named(value: Any) -> str:
    """An event or a command, by its type and what it says."""
    fields = value.model_dump(mode="json", exclude={"type", "version"})
    return f"{value.type} {compact(fields)}".rstrip()
