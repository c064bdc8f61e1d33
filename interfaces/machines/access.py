"""What a connection has to know (`MachineSettings.access`), checked by a model of its own."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from events.machines import MachineSettings
from events.prose import describe
from interfaces.machines.connection import WrongSettings

A = TypeVar("A", bound="Access")


class Access(BaseModel):
    """Immutable; its fields are described where they stand, and no others are taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def access_of(settings: MachineSettings, model: type[A]) -> A:
    """What a machine's settings say, checked; raises `WrongSettings` that names what is wrong."""
    try:
        return model.model_validate(settings.access)
    except ValidationError as error:
        wrong = f"machine {settings.name}: access: {describe(error)}"
        if any(one["type"] == "extra_forbidden" for one in error.errors()):
            wrong = f"{wrong}; there are: {', '.join(model.model_fields) or 'none'}"
        raise WrongSettings(wrong) from error
