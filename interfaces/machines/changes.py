"""Settings of a machine that change: what is given counts, all else stays as it is."""

from collections.abc import Mapping
from typing import Any, TypeVar

from events.machines import MachineSettings
from interfaces.machines.registry import connect

V = TypeVar("V")

_BY_NAME = ("access", "batch", "environment", "limits", "folders")
"""Of these what is given changes, name by name; of all others the whole."""


def merged(was: Mapping[str, V], given: Mapping[str, V | None]) -> dict[str, V]:
    """What was, with what is given over it; None takes one away."""
    return {key: value for key, value in {**was, **given}.items() if value is not None}


def edited(was: MachineSettings, given: Mapping[str, Any]) -> MachineSettings:
    """The settings with those over them that are given, checked as those of a new machine are.

    Raises `pydantic.ValidationError`, and `WrongSettings` for what only an edge understands.
    """
    before = was.model_dump()
    now = {
        name: merged(before[name], value) if name in _BY_NAME else value
        for name, value in given.items()
    }
    settings = MachineSettings.model_validate({**before, **now}, extra="forbid")
    connect(settings)
    return settings
