"""What the outside wants: orders, some of them sent twice, and how each must end."""

from collections.abc import Callable, Iterator
from random import Random
from uuid import UUID

from bus import MemoryLog, partition_of
from bus.clock import timestamp
from events.envelope import Issued, commands_topic, encode_issued
from events.values import Context
from tests.simulation.checks import Source
from tests.simulation.faults import at_once
from tests.simulation.site import EPOCH
from tests.simulation.toys import KEYS, OTHER, ends, order
from tests.simulation.virtual import VirtualLoop


class Orders:
    """Those of one seed."""

    def __init__(self, loop: VirtualLoop, chance: Random, log: MemoryLog, partitions: int) -> None:
        self._loop, self._chance, self._log, self._partitions = loop, chance, log, partitions
        self.issued: dict[Source, list[UUID]] = {
            (context, partition): [] for context in OTHER for partition in range(partitions)
        }
        """The ids, in the order of the log."""
        self.expected: set[tuple[str, str]] = set()
        """How branches of plans must end: (verb, token)."""

    def place(self, seconds: float, tell: Callable[[str], None]) -> None:
        """Have all of them issued within so many seconds."""
        chance = self._chance
        for number in range(chance.randint(2, 6)):
            context, token, key = chance.choice([*OTHER]), str(number), chance.choice(KEYS)
            plan = "".join(_plan(chance, context)) + "."
            self.expected.update(ends(token, plan))
            id = UUID(int=chance.getrandbits(128), version=4)
            for _ in range(1 + (chance.random() < 0.3 and not plan.startswith("r"))):
                when = chance.uniform(0.0, seconds)
                self._loop.call_later(when, self._issue, context, key, id, token, plan)
                self._loop.call_later(when, tell, f"order {token} {plan} to {context}/{key}")

    def _issue(self, context: Context, key: str, id: UUID, token: str, plan: str) -> None:
        partition = partition_of(key, self._partitions)
        issued = Issued(
            id=id,
            time=timestamp(EPOCH + self._loop.time()),
            actor="outside",
            correlation=id,
            command=order(token, plan),
        )
        record = encode_issued(key, issued)
        at_once(self._log.append(commands_topic(context), partition, [record]))
        self.issued[context, partition].append(id)


def _plan(chance: Random, context: Context) -> Iterator[str]:
    """What may follow what: only who just got a letter refuses, and only incidents ask."""
    arrived, branched = True, False
    for _ in range(chance.randint(1, 5)):
        letters = "wwtm" + "mh" + "r" * arrived + "23" * (not branched)
        letter = chance.choice(letters + "a" * (context == Context.INCIDENTS))
        yield letter
        if letter == "r":
            return
        arrived, branched = letter in "m23", branched or letter in "23"
        if arrived:
            context = OTHER[context]
