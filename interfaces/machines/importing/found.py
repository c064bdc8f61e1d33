"""What was found of a machine, and what of it cannot be carried over."""

import re
from typing import Any

from pydantic import BaseModel

from events.machines import MachineSettings

_WRONG = re.compile(r"[^A-Za-z0-9._-]+")


class NotReadable(ValueError):
    """A file that is not what it should be; the sentence says which and why."""


class Found(BaseModel):
    """A machine; its settings are not whole before somebody has said what is missing."""

    name: str
    settings: dict[str, Any]
    """As `MachineSettings` has them, without those that nothing is known of."""
    left: list[str] = []
    """What is not carried over, a sentence each."""

    @property
    def missing(self) -> list[str]:
        """What has to be said besides."""
        return [one for one in ("base_directory", "dialect") if one not in self.settings]

    def completed(self, **said: Any) -> "Found":
        """With what is said of what is missing."""
        given = {name: said[name] for name in self.missing if said.get(name)}
        return self.model_copy(update={"settings": {**self.settings, **given}})

    def machine(self) -> MachineSettings:
        """Its settings; raises `pydantic.ValidationError`."""
        return MachineSettings.model_validate({"name": self.name, **self.settings})


def name_of(label: str) -> str:
    """A name for a machine that others call so."""
    return _WRONG.sub("-", label).strip("-._")[:100]
