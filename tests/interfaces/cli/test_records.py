"""The log as it is shown: also takeovers, and commits that do not count."""

import random
import re
from uuid import UUID, uuid4

import pytest

from bus import HybridClock, MemoryLog, Position, Record, Writer
from events.envelope import Commit, Cursor, Message, Rejection, encode, events_topic
from events.incidents import IncidentActivated, TakeNote
from events.values import Context, IncidentId, Note
from interfaces.cli.errors import Complaint
from interfaces.cli.records import Line, lines_of, plain
from interfaces.cli.soundness import Soundness, examine
from managers.everyone import declare_topics
from projections.positions import Mark

TOPIC = events_topic(Context.INCIDENTS)
INCIDENT = str(UUID(int=random.Random(1).getrandbits(128)))


def _commit(**holds: object) -> Record:
    commit = Commit(
        id=uuid4(),
        time=HybridClock(lambda: 1_500_000_000.0).now(),
        key=INCIDENT,
        incident=IncidentId(INCIDENT),
        cause="commands/0/7",
        correlation=uuid4(),
        actor="test",
    )
    return encode(commit.model_copy(update=holds))


@pytest.fixture
async def log() -> MemoryLog:
    """Two takeovers, and a commit of the first owner behind the second one."""
    log = MemoryLog()
    await declare_topics(log, partitions=2)
    deposed = await Writer.take_over(log, TOPIC, 1, "first")
    await deposed.append([_commit(events=(IncidentActivated(),))])
    owner = await Writer.take_over(log, TOPIC, 1, "second")
    note = Message(
        context=Context.INCIDENTS, key=INCIDENT, command=TakeNote(note=Note(text="hello"))
    )
    refused = Rejection(command="ActivateIncident", reason="active already")
    await owner.append([_commit(messages=(note,)), _commit(rejection=refused), _commit()])
    late = {"epoch": "0", "sequence": "1"}
    record = _commit(events=(IncidentActivated(),))
    await log.append(TOPIC, 1, [Record(record.key, record.value, late)])
    return log


async def _lines(log: MemoryLog, partition: int | None = None, start: int = 0) -> list[Line]:
    return [line async for line in lines_of(log, Context.INCIDENTS, partition, start)]


async def test_every_record_is_shown_for_what_it_is(log: MemoryLog) -> None:
    found = await _lines(log)
    assert [(line["offset"], line["kind"], line.get("counts")) for line in found] == [
        (0, "takeover", None),
        (1, "event", True),
        (2, "takeover", None),
        (3, "message", True),
        (4, "rejection", True),
        (5, "nothing", True),
        (6, "event", False),
    ]
    assert [line["epoch"] for line in found] == [0, 0, 2, 2, 2, 2, 0]


async def test_what_counts_does_not_depend_on_where_one_begins(log: MemoryLog) -> None:
    assert await _lines(log, 1, start=3) == (await _lines(log))[3:]


async def test_a_partition_that_there_is_not(log: MemoryLog) -> None:
    with pytest.raises(Complaint, match="partitions 0 to 1"):
        await _lines(log, 2)


async def test_people_read_the_same(log: MemoryLog) -> None:
    said = [plain(line) for line in await _lines(log)]
    assert said[0] == "incidents/1/0  TAKEOVER epoch 0 by first"
    assert "epoch 0.0  2017-07-14 02:40:00.000Z  IncidentActivated" in said[1]
    assert f"-> incidents:{INCIDENT} TakeNote" in said[3]
    assert "refused ActivateIncident: active already" in said[4]
    assert "DOES NOT COUNT  IncidentActivated" in said[6]
    assert all("cause=commands/0/7" in line for line in said[3:])


async def test_what_is_no_commit_is_shown_as_that(log: MemoryLog) -> None:
    await log.append(TOPIC, 0, [Record("who", b"what")])
    (line,) = await _lines(log, 0)
    assert (line["kind"], line["counts"], line["key"]) == ("unreadable", False, "who")
    assert "DOES NOT COUNT  UNREADABLE  key=who" in plain(line)


async def _examined(log: MemoryLog, read: Position | None = None) -> Soundness:
    """What was found in the partition that the log here has records in."""
    marks = {"timeline": {(Context.INCIDENTS, 1): Mark(read, None)}} if read else {}
    found = [one async for one in examine(log, marks)]
    return next(one for one in found if (one.context, one.partition) == (Context.INCIDENTS, 1))


async def test_a_sound_log(log: MemoryLog) -> None:
    found = await _examined(log, Position(7, 2, 3, "second"))
    assert (found.records, found.takeovers, found.count, found.dead) == (7, 2, 4, 1)
    assert found.problems == []


@pytest.mark.parametrize(
    ("read", "problem"),
    [
        (Position(7, 2, 3, "another"), "projection timeline: .* holds another takeover"),
        (Position(8, 2, 3, "second"), "projection timeline: .* lost its tail"),
    ],
)
async def test_readers_have_read_another_log(log: MemoryLog, read: Position, problem: str) -> None:
    (found,) = (await _examined(log, read)).problems
    assert re.match(problem, found)


async def test_a_commit_that_counts_must_be_readable(log: MemoryLog) -> None:
    owner = await Writer.take_over(log, TOPIC, 1, "third")
    await owner.append([Record(INCIDENT, b"{}")])
    (found,) = (await _examined(log)).problems
    assert found.startswith("incidents/1/8 cannot be read")


async def test_a_source_is_never_read_again(log: MemoryLog) -> None:
    owner = await Writer.take_over(log, TOPIC, 1, "third")
    await owner.append(
        [_commit(cursor=Cursor(source="incidents/0", offset=offset)) for offset in (4, 5, 4)]
    )
    (found,) = (await _examined(log)).problems
    assert found == "incidents/1/10: incidents/0 was read again from 4"


async def test_commands_that_were_taken_are_there(log: MemoryLog) -> None:
    owner = await Writer.take_over(log, TOPIC, 1, "third")
    await owner.append([_commit(cursor=Cursor(source="commands", offset=9))])
    (found,) = (await _examined(log)).problems
    assert "incidents.commands/1 ends at 0, but 9 records of it were read: fill it up" in found
