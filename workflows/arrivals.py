"""Data that arrived, as stages see it."""

from datetime import UTC, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, PrivateAttr

from events.incidents import Arrival as Recorded
from events.values import Blob
from managers.blobs import BlobStore
from workflows.errors import NotText

Bytes = bytes
"""Inside the class below, `bytes` is its method."""


class Arrival(BaseModel):
    """One push or pull: what came, when, from where."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    endpoint: str
    received: datetime
    media_type: str
    size: int
    source: str

    _recorded: Recorded = PrivateAttr()
    _blobs: BlobStore = PrivateAttr()

    @classmethod
    def of(cls, recorded: Recorded, blobs: BlobStore) -> "Arrival":
        arrival = cls(
            id=recorded.id,
            endpoint=recorded.endpoint,
            received=datetime.fromtimestamp(recorded.received, UTC),
            media_type=recorded.content.media_type,
            size=recorded.content.size,
            source=recorded.source,
        )
        arrival._recorded, arrival._blobs = recorded, blobs
        return arrival

    @property
    def content(self) -> Blob | Bytes:
        """What came, as data sets and simulations take it: what is large is not read for that."""
        content = self._recorded.content
        return content.inline or b"" if content.blob is None else content.blob

    def bytes(self) -> bytes:
        """What came. Read large arrivals in a step: this blocks while it reads."""
        content = self._recorded.content
        return content.inline or b"" if content.blob is None else self._blobs.get_now(content.blob)

    def text(self) -> str:
        """What came, as UTF-8 text; raises `NotText`, which refuses the arrival if not caught."""
        try:
            return self.bytes().decode()
        except UnicodeDecodeError as error:
            raise NotText(f"not UTF-8 text: {error.reason} at byte {error.start}") from error
