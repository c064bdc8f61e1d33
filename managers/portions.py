"""Decisions about any number of things: as many at once as a record holds, the others by the clock.

An event says in the state that others are left; while there are some, they are due.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic_core import to_json

from events.values import INLINE_BYTES
from managers.runtime import Effect, Send

PORTION_BYTES = INLINE_BYTES
"""Of what is decided at once; the rest of the record is for what it is decided with."""

_AROUND_BYTES = 400
"""Of a message, besides its command and twice its key."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """What was left of a decision is to be decided."""


def portion(each: Iterable[Sequence[Effect]], *, alone: bool = True) -> tuple[list[Effect], bool]:
    """The effects of the first things, as many as go together, and whether others are left.

    Of something it is all or nothing; `alone`: the first one goes whatever its size.
    """
    effects, size = list[Effect](), 0
    for some in each:
        size += sum(map(_bytes, some))
        if size > PORTION_BYTES and (effects or not alone):
            return effects, True
        effects += some
    return effects, False


def at_once(left: int) -> float | None:
    """When what is left is due: long ago; with each portion another moment, since one that stays
    is looked at again after a pause only. None: nothing is left.
    """
    return -float(left) if left else None


def _bytes(effect: Effect) -> int:
    if isinstance(effect, Send):
        return len(to_json(effect.command)) + 2 * len(effect.key) + _AROUND_BYTES
    return len(to_json(effect))
