"""Two managers that do everything a manager can, on events that tell what they were decided on.

An *order* from outside carries a token and a plan; each letter of the plan is one thing to do:
`w` long work, `t` a timer, `m` a message to the other manager, `2` and `3` that many messages in
one commit, `a` a call that the other one refuses, `h` somebody else's work is over early, `r` a
refusal. An event's text begins with the digest of the state that it was decided on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NoReturn
from uuid import NAMESPACE_OID, uuid5
from zlib import crc32

from events.incidents import AnswerCall, Noted, TakeNote
from events.simulations import CancelSimulation
from events.values import Context, Event, IncidentId, Note, ReplyTo
from managers.runtime import (
    Effect,
    Given,
    Rejected,
    Send,
)

OTHER = {Context.INCIDENTS: Context.SIMULATIONS, Context.SIMULATIONS: Context.INCIDENTS}
KEYS = ("Ana", "Bo", "Cy")


@dataclass(frozen=True, slots=True)
class Labour:
    """Work under way: whose, what comes after it, and how often it said that it gets on."""

    token: str
    rest: str
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Desk:
    """The state of one key."""

    digest: int = 0
    """Of all events ever folded, in order."""
    known: tuple[str, ...] = ()
    labours: dict[str, Labour] = field(default_factory=dict)
    alarms: dict[str, tuple[float, str]] = field(default_factory=dict)
    """When, and what comes after it."""


@dataclass(frozen=True, slots=True)
class GotOn:
    name: str


@dataclass(frozen=True, slots=True)
class Finished:
    name: str


@dataclass(frozen=True, slots=True)
class LookAtClock:
    """Some alarm is due."""


@dataclass(frozen=True, slots=True)
class LookAround:
    """After a takeover."""


def order(token: str, plan: str) -> TakeNote:
    """What the outside sends."""
    return TakeNote(note=Note(text=f"order {token} {plan}"))


def digested(digest: int, text: str) -> int:
    """The digest of a state after another event."""
    return crc32(text.encode(), digest)


def evolve(state: Desk | None, event: Event) -> Desk:
    assert isinstance(event, Noted)
    state = state or Desk()
    text = event.note.text
    _, verb, token, rest, *more = text.split(" ")
    known, labours, alarms = state.known, state.labours, state.alarms
    match verb:
        case "order":
            known = (*known, token)
        case "work":
            labours = {**labours, token: Labour(rest, more[0])}
        case "step":
            labours = {**labours, token: replace(labours[token], steps=labours[token].steps + 1)}
        case "done":
            labours = {name: item for name, item in labours.items() if name != token}
        case "wait":
            alarms = {**alarms, token: (float(more[0]), rest)}
        case "rang":
            alarms = {name: alarm for name, alarm in alarms.items() if name != token}
    return Desk(digested(state.digest, text), known, labours, alarms)


def decide(context: Context, state: Desk | None, input: object, given: Given) -> list[Effect]:
    draft = _Draft(context, state or Desk(), given)
    match input:
        case TakeNote():
            draft.take(*input.note.text.split(" "))
        case CancelSimulation():
            draft.refuse("asked", input.reason)
        case AnswerCall():
            token, rest = input.call.split(" ")
            draft.say("answered", token, rest)
            draft.follow(token, rest)
        case GotOn(name):
            draft.say("step", name, draft.labour(name).rest)
        case Finished(name):
            draft.finish(name)
        case LookAtClock():
            draft.ring()
        case LookAround():
            draft.say("looked", "-", "-")
    return draft.effects


class _Draft:
    """One decision, on a state that goes along with it."""

    def __init__(self, context: Context, state: Desk, given: Given) -> None:
        self._context, self._state, self._given = context, state, given
        self._seen = f"{state.digest:08x}"
        self.effects: list[Effect] = []

    def say(self, *words: object) -> None:
        event = Noted(note=Note(text=" ".join(map(str, (self._seen, *words)))))
        self.effects.append(event)
        self._state = evolve(self._state, event)

    def refuse(self, *words: str) -> NoReturn:
        raise Rejected(" ".join((self._seen, *words)))

    def take(self, kind: str, token: str, plan: str) -> None:
        if kind == "order" and token in self._state.known:
            self.refuse("repeated", token)
        if plan.startswith("r"):
            self.refuse("refused", token)
        self.say(kind, token, plan)
        self.follow(token, plan)

    def labour(self, name: str) -> Labour:
        if name not in self._state.labours:
            self.refuse("over", name)
        return self._state.labours[name]

    def finish(self, name: str) -> None:
        labour = self.labour(name)
        self.say("done", name, labour.rest)
        self.follow(labour.token, labour.rest)

    def ring(self) -> None:
        for token, (due, rest) in self._state.alarms.items():
            if due <= self._given.now:
                self.say("rang", token, rest, due, self._given.now)
                self.follow(token, rest)

    def follow(self, token: str, plan: str) -> None:
        first, rest = plan[0], plan[1:]
        match first:
            case ".":
                self.say("end", token, rest)
            case "w":
                self.say("work", f"{token}:{rest}", token, rest)
            case "t":
                self.say("wait", token, rest, self._given.now + _number(token) % 100 / 50)
            case "h":
                for other in list(self._state.labours)[:1]:
                    self.finish(other)
                self.follow(token, rest)
            case "a":
                self._ask(token, rest)
            case "m":
                self._write(token, rest, _number(token))
            case "2" | "3":
                for branch in "abc"[: int(first)]:
                    self._write(token + branch, rest, _number(token) + (branch == "c"))

    def _write(self, token: str, rest: str, key: int) -> None:
        letter = TakeNote(note=Note(text=f"letter {token} {rest}"))
        self.effects.append(Send(OTHER[self._context], KEYS[key % len(KEYS)], letter))

    def _ask(self, token: str, rest: str) -> None:
        key, run = KEYS[_number(token) % len(KEYS)], uuid5(NAMESPACE_OID, token)
        reply_to = ReplyTo(incident=IncidentId(key), run=run, call=f"{token} {rest}")
        question = CancelSimulation(simulation=run, reason=token, reply_to=reply_to)
        self.effects.append(Send(OTHER[self._context], key, question))


def _number(token: str) -> int:
    return crc32(token.encode())


def ends(token: str, plan: str) -> Iterator[tuple[str, str]]:
    """How each branch of a plan must end: (verb, token)."""
    for index, letter in enumerate(plan):
        if letter in "23":
            for branch in "abc"[: int(letter)]:
                yield from ends(token + branch, plan[index + 1 :])
            return
        if letter == "r":
            yield "refused", token
            return
    yield "end", token
