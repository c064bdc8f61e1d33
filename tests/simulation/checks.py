"""What must be true of the log, read by a reader that shares no code with the runtime.

The `Ledger` follows what counts while the model runs, so that whatever hands do can be held against
it at that very moment; `Violation` says what went wrong.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from bus import START, MemoryLog, Position, Stored, counted, partition_of
from events.envelope import Cursor, Rejection, commands_topic, events_topic
from events.values import Context
from tests.simulation.faults import at_once
from tests.simulation.toys import OTHER, digested

Source = tuple[Context, int]
"""A context and a partition of it."""


NO_CURSOR = {"source": "", "offset": -1}


class Violation(Exception):
    """The protocol was broken."""


@dataclass
class _Letter:
    """A message that counts, and where it must be taken from."""

    cause: str
    time: int
    text: str
    after: tuple[int, int, int, str, int]
    """The cursor of whoever took it: offset, epoch, sequence, nonce, taken."""


@dataclass
class _Book:
    """What counts in one partition, read once, in order."""

    place: Source
    offset: int = 0
    epoch: int = -1
    sequence: int = 0
    nonce: str = ""
    time: int = 0
    dead: int = 0
    commands: int = 0
    """How many of its commands were decided."""
    digests: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    letters: dict[Source, list[_Letter]] = field(default_factory=lambda: defaultdict(list))
    """Messages by whom they are for."""
    taken: dict[Source, int] = field(default_factory=lambda: defaultdict(int))
    """How many messages of each other partition were decided."""


class Ledger:
    """What counts, and everything that must follow from it."""

    def __init__(
        self,
        log: MemoryLog,
        partitions: int,
        issued: dict[Source, list[UUID]],
        fail: Callable[[Exception], None],
    ) -> None:
        """`fail` ends the run: what is raised inside of hands is doubt to the runtime."""
        self._log, self._partitions, self._issued, self._fail = log, partitions, issued, fail
        self._books = {
            (context, partition): _Book((context, partition))
            for context in OTHER
            for partition in range(partitions)
        }
        self._said: set[tuple[str, str, str, str]] = set()
        self.ended: list[tuple[str, str]] = []
        """How branches of plans ended: (verb, token)."""
        self.working = 0
        self.counts = 0

    # What hands do, held against the log at that moment.

    def begun(self, context: Context, key: str, name: str, steps: int) -> None:
        self._check_said_now(context, key, "step" if steps else "work", name)

    def told(
        self, context: Context, key: str, verb: str, name: str, rejection: Rejection | None
    ) -> None:
        self._check_said_now(context, key, "over" if rejection else verb, name)

    def _check_said_now(self, *said: str) -> None:
        try:
            self.catch_up()
            if said not in self._said:
                raise Violation(f"{' '.join(said)}: was acted on, and does not count")
        except Exception as error:
            self._fail(error)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self.working += 1
        try:
            yield
        finally:
            self.working -= 1

    # What counts.

    def catch_up(self) -> None:
        """Read what is new; raises `Violation`."""
        fresh = [(book, *found) for book in self._books.values() for found in self._news(book)]
        for book, stored, commit, before in fresh:
            self._list_letters(book, stored, commit, before)
        for book, _, commit, _ in fresh:
            self._check(book, commit)

    def _news(self, book: _Book) -> Iterator[tuple[Stored, dict[str, Any], tuple[int, int, str]]]:
        topic, partition = events_topic(book.place[0]), book.place[1]
        for stored in at_once(self._log.read(topic, partition, book.offset, 1_000_000)):
            before = (book.epoch, book.sequence, book.nonce)
            headers = stored.record.headers
            book.offset = stored.offset + 1
            if "takeover" in headers:
                book.epoch, book.sequence, book.nonce = stored.offset, 0, headers["takeover"]
            elif (int(headers["epoch"]), int(headers["sequence"])) == before[:2]:
                book.sequence += 1
                self.counts += 1
                yield stored, json.loads(stored.record.value), before
            else:
                book.dead += 1

    def _list_letters(
        self, book: _Book, stored: Stored, commit: dict[str, Any], before: tuple[int, int, str]
    ) -> None:
        by_target = defaultdict(list)
        for message in commit["messages"]:
            target = (message["context"], partition_of(message["key"], self._partitions))
            by_target[target].append(_text(message["command"]))
        epoch, sequence, nonce = before
        cause = f"{book.place[0]}/{book.place[1]}/{stored.offset}"
        for target, texts in by_target.items():
            for number, text in enumerate(texts, start=1):
                after = (stored.offset, epoch, sequence, nonce, number)
                if number == len(texts):
                    after = (stored.offset + 1, epoch, sequence + 1, nonce, 0)
                book.letters[target].append(_Letter(cause, commit["time"], text, after))

    def _check(self, book: _Book, commit: dict[str, Any]) -> None:
        if commit["time"] <= book.time:
            raise Violation(f"{book.place}: time runs backwards at {commit}")
        book.time = commit["time"]
        self._check_source(book, commit)
        texts = [event["note"]["text"] for event in commit["events"]]
        if commit["rejection"]:
            texts = [commit["rejection"]["reason"]]
        for text in texts:
            self._check_said(book, commit["key"], text)
        if not commit["rejection"]:
            for text in texts:
                digests = book.digests
                digests[commit["key"]] = digested(digests[commit["key"]], text)

    def _check_said(self, book: _Book, key: str, text: str) -> None:
        seen, verb, token, *more = text.split(" ")
        if seen != f"{book.digests[key]:08x}":
            raise Violation(f"{book.place}: {key} was not as it was when {text!r} was decided")
        if verb == "rang" and float(more[1]) > float(more[2]):
            raise Violation(f"{book.place}: {text!r} came too early")
        self._said.add((book.place[0], key, verb, token))
        if verb in ("end", "refused"):
            self.ended.append((verb, token))

    def _check_source(self, book: _Book, commit: dict[str, Any]) -> None:
        source, _, rest = commit["cause"].partition("/")
        if source.endswith(".commands"):
            self._check_command(book, commit)
        elif source in OTHER:
            self._check_letter(book, commit, (Context(source), int(rest.partition("/")[0])))
        elif commit["cursor"]:
            raise Violation(f"{book.place}: nothing was taken, but the cursor moved at {commit}")

    def _check_command(self, book: _Book, commit: dict[str, Any]) -> None:
        id = dict(enumerate(self._issued[book.place])).get(book.commands)
        book.commands += 1
        cursor = commit["cursor"] or NO_CURSOR
        if UUID(commit["id"]) != id or cursor["offset"] != book.commands:
            raise Violation(f"{book.place}: {id} was to be decided, not {commit}")

    def _check_letter(self, book: _Book, commit: dict[str, Any], source: Source) -> None:
        letters = self._books[source].letters[book.place]
        number = book.taken[source]
        book.taken[source] += 1
        if number >= len(letters):
            raise Violation(f"{book.place}: {source} did not send what was taken at {commit}")
        letter, cursor = letters[number], Cursor.model_validate(commit["cursor"] or NO_CURSOR)
        position = (cursor.offset, cursor.epoch, cursor.sequence, cursor.nonce, cursor.taken)
        if commit["cause"] != letter.cause or position != letter.after:
            raise Violation(f"{book.place}: {letter} was to be taken, not {commit}")
        if commit["time"] <= letter.time:
            raise Violation(f"{book.place}: time at {commit} is before its cause's")
        texts = [event["note"]["text"] for event in commit["events"]]
        reason = (commit["rejection"] or {"reason": ""})["reason"]
        if letter.text not in " ".join((*texts, reason)):
            raise Violation(f"{book.place}: {letter.text!r} was to be decided, not {commit}")

    # After the end.

    def left(self) -> Iterator[str]:
        """Commands and messages that were not taken yet, and work that goes on."""
        for place, book in self._books.items():
            if book.commands < len(self._issued[place]):
                yield f"commands to {place}"
            for target, letters in book.letters.items():
                if self._books[target].taken[place] < len(letters):
                    yield f"messages from {place} to {target}"
        if self.working:
            yield f"{self.working} at work"

    def check_restarts(self, place: Source) -> None:
        """A reader that stops and starts again at any place sees what one sees that never did."""
        records = at_once(self._log.read(events_topic(place[0]), place[1], 0, 1_000_000))
        whole = [*counted(START, records)]
        for stored, position, _ in whole:
            again = [*counted(_stored(position), records[stored.offset + 1 :])]
            if again != whole[stored.offset + 1 :]:
                raise Violation(f"{place}: a reader restarted at {position} sees something else")

    def check_trimmed(self) -> None:
        """No command is forgotten before it was decided."""
        for (context, partition), book in self._books.items():
            first, _ = at_once(self._log.bounds(commands_topic(context), partition))
            if first > book.commands:
                raise Violation(f"{context}/{partition}: undecided commands were trimmed")

    @property
    def dead(self) -> int:
        """Commits that do not count."""
        return sum(book.dead for book in self._books.values())


def _stored(position: Position) -> Position:
    """The position as it comes back out of a commit."""
    cursor = Cursor.at("", position)
    return Cursor.model_validate_json(cursor.model_dump_json()).position


def _text(command: dict[str, Any]) -> str:
    """What a decision on this message must mention."""
    match command["type"]:
        case "TakeNote":
            text: str = command["note"]["text"]
            return text.split(" ")[1]
        case "AnswerCall":
            return str(command["call"])
        case _:
            return str(command["reason"])
