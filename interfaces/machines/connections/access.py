"""What a connection has to know (`MachineSettings.access`), checked by a model of its own."""

import os
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue, ValidationError

from events.entry import said
from events.machines import MachineSettings
from events.prose import describe, faults_of
from interfaces.machines.connection import WrongSettings

A = TypeVar("A", bound="Access")
M = TypeVar("M", bound=BaseModel)


def _path(text: str) -> str:
    if not text or "\n" in text or "\0" in text or "PRIVATE KEY" in text:
        raise ValueError("the path of a file is wanted, never what is in it")
    return os.path.expanduser(text)


Path = Annotated[str, AfterValidator(_path)]
"""Of a file on the computer that runs the system; `~` is the home of its account."""


class Access(BaseModel):
    """Immutable; its fields are described where they stand, and no others are taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def access_of(settings: MachineSettings, model: type[A]) -> A:
    """What a machine's settings say, checked; raises `WrongSettings` that names what is wrong."""
    return checked(settings, "access", settings.access, model)


def checked(
    settings: MachineSettings, part: str, values: dict[str, JsonValue], model: type[M]
) -> M:
    """A part of a machine's settings that only one edge understands; raises `WrongSettings`."""
    try:
        return said(model, values)
    except ValidationError as error:
        wrong = f"machine {settings.name}: {part}: {describe(error)}"
        if any(one["type"] == "extra_forbidden" for one in error.errors()):
            wrong = f"{wrong}; there are: {', '.join(model.model_fields) or 'none'}"
        faults = ((f"{part}.{where}".rstrip("."), what) for where, what in faults_of(error))
        raise WrongSettings(wrong, *faults) from error
