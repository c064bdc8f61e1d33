"""What somebody asks a manager for, checked once more: not every way here checks it."""

from pydantic import BaseModel, ValidationError

from events.entry import entered
from events.prose import describe
from managers.runtime import Rejected


def require_entry(what: str, *values: BaseModel) -> None:
    """Raises `Rejected` where something may not be asked for."""
    try:
        for value in values:
            entered(value)
    except ValidationError as error:
        raise Rejected(f"{what}: {describe(error)}") from None
