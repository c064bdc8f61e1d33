"""What may not be asked of a manager is refused with its place and reason."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from events.prose import describe
from managers.runtime import Rejected


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Raises `Rejected` for what does not fit its model (`events.entry`)."""
    try:
        yield
    except ValidationError as error:
        raise Rejected(f"{what}: {describe(error)}") from None
