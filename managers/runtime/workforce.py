"""Work in progress is level-triggered: what the state says is under way is being done."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, TypeVar

from managers.runtime.inbox import Reply
from managers.runtime.manager import Assignment, Input, Manager, Work

S = TypeVar("S")
W = TypeVar("W")


class Workforce(Generic[S, W]):
    """The works of one partition, by key and name."""

    def __init__(self, manager: Manager[S, W], tell: Callable[[str, Input], Reply]) -> None:
        self._manager, self._tell = manager, tell
        self._works: dict[str, dict[str, tuple[W, Work[W]]]] = {}

    def employ(self, key: str, state: S | None) -> None:
        """Start what is new in the key's state, tell what changed, stop what is gone."""
        wanted: Mapping[str, W] = {} if state is None else self._manager.under_way(state)
        works = self._works.get(key, {})
        if not works and not wanted:
            return
        for name in [name for name in works if name not in wanted]:
            works.pop(name)[1].stop()
        for name, item in wanted.items():
            there = works.get(name)
            if there is None and state is not None:
                works[name] = (
                    item,
                    self._begin(Assignment(key, name, state, item, partial(self._tell, key))),
                )
            elif there and there[0] is not item:
                works[name] = (item, there[1])
                there[1].update(item)
        if works:
            self._works[key] = works
        else:
            self._works.pop(key, None)

    def disband(self) -> None:
        """Stop everything: the partition is lost, or this process ends."""
        for works in self._works.values():
            for _, work in works.values():
                work.stop()
        self._works.clear()

    def _begin(self, assignment: Assignment[S, W]) -> Work[W]:
        if self._manager.begin is None:
            raise TypeError(f"{self._manager.context} has work but no hands")
        return self._manager.begin(assignment)
