"""Times of observations as they arrive: kept in UTC, which is what one without a zone is in."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator

_YEARS = range(1900, 3000)
"""Far enough from the first and the last that a `datetime` can hold to add a forecast's hours."""


def utc(time: datetime) -> datetime:
    """The same moment in UTC; raises `ValueError` for a year in which no fire is."""
    if time.year not in _YEARS:
        raise ValueError(f"the year {time.year} is not one of a fire")
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(utc)]
"""A time in a message, in UTC."""
