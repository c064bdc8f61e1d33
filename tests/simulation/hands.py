"""What the toy managers do besides deciding, and who watches them do it."""

import asyncio
from contextlib import AbstractContextManager
from functools import partial
from random import Random
from typing import Protocol

from events.envelope import Rejection
from events.values import Context
from managers.runtime import Assignment, Manager, TaskWork, Tell, Work
from tests.simulation.toys import (
    OTHER,
    Desk,
    Finished,
    GotOn,
    Labour,
    LookAround,
    LookAtClock,
    decide,
    evolve,
)


class Watch(Protocol):
    """Who is told what the hands do, at the moment they do it."""

    def begun(self, context: Context, key: str, name: str, steps: int) -> None:
        """Work was begun, or told that it got on."""

    def told(
        self, context: Context, key: str, verb: str, name: str, rejection: Rejection | None
    ) -> None:
        """Work was told that what it said counts."""

    def at_work(self) -> AbstractContextManager[None]:
        """Work goes on inside."""


class Hands:
    """What the managers of one process do besides deciding."""

    def __init__(self, chance: Random, watch: Watch) -> None:
        self._chance, self._watch = chance, watch

    def begin(self, context: Context, assignment: Assignment[Desk, Labour]) -> Work[Labour]:
        return _Labourer(self, context, assignment)

    def took(self, context: Context, key: str, name: str, labour: Labour) -> None:
        self._watch.begun(context, key, name, labour.steps)

    async def labour(self, context: Context, key: str, name: str, tell: Tell) -> None:
        with self._watch.at_work():
            if self._chance.random() < 0.3:
                await asyncio.sleep(self._chance.expovariate(4))
                self._watch.told(context, key, "step", name, await tell(GotOn(name)))
            await asyncio.sleep(self._chance.expovariate(4))
            self._watch.told(context, key, "done", name, await tell(Finished(name)))


class _Labourer(TaskWork[Labour]):
    def __init__(
        self, hands: Hands, context: Context, assignment: Assignment[Desk, Labour]
    ) -> None:
        what = (context, assignment.key, assignment.name)
        self._took = partial(hands.took, *what)
        self._took(assignment.item)
        super().__init__(partial(hands.labour, *what, assignment.tell), "/".join(what))

    def update(self, item: Labour) -> None:
        self._took(item)


def manager(context: Context, hands: Hands) -> Manager[Desk, Labour]:
    """One of the pair."""
    return Manager(
        context=context,
        sources=(OTHER[context],),
        state=Desk,
        fold=1,
        decide=partial(decide, context),
        evolve=evolve,
        under_way=lambda state: state.labours,
        due=lambda state: min((due for due, _ in state.alarms.values()), default=None),
        resume=lambda state: [LookAround()] if state.labours else [],
        begin=partial(hands.begin, context),
        clock=LookAtClock(),
    )
