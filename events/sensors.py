"""What a sensor feed's rule found, as it arrives at the endpoints that the rule is for: JSON."""

from datetime import datetime
from uuid import UUID, uuid5

from events.values import Identifier, Value

_FINDINGS = UUID("7f3b5c0e-64d9-5f0c-9d0b-0b8f0f4f6a51")


class ReadingId(Value):
    """Where a reading lies."""

    topic: str
    partition: int
    offset: int


class Finding(Value):
    """The condition of a rule was met by the readings of one key in one window."""

    feed: Identifier
    rule: Identifier
    definition: str = ""
    """A digest of what the rule was when it found this: a rule that was edited is another one."""
    key: str
    start: datetime
    end: datetime
    field: str = ""
    """Of the readings, that the rule looks at; none of a silence or a count of any readings. Those
    of a version before do not say."""
    values: tuple[float | None, ...] = ()
    """Those that met the condition, in the order in which they came; none of a silence."""
    readings: tuple[ReadingId, ...]
    """Those behind it: of each value its reading; of a silence the last before it."""
    times: tuple[datetime, ...] = ()
    """When each of them was taken. Those of a version before do not say."""

    @property
    def series(self) -> UUID:
        """Of what the rule finds of the key, in which `number` only grows."""
        return uuid5(_FINDINGS, "\n".join((self.feed, self.rule, self.definition, self.key)))

    @property
    def number(self) -> int:
        """The window's end in milliseconds since 1970."""
        return round(self.end.timestamp() * 1000)

    @property
    def id(self) -> UUID:
        """The same whoever finds it, and however often: at an endpoint it arrives once."""
        return uuid5(self.series, str(self.number))
