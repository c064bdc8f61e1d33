"""Those who wait for a partition to grow, and what they are woken by."""

import asyncio


class Waiting:
    """The readers at the end of one partition."""

    def __init__(self) -> None:
        self._readers: dict[asyncio.Future[None], int] = {}

    async def until_beyond(self, offset: int) -> None:
        """Return when the partition is said to reach beyond `offset`."""
        reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._readers[reader] = offset
        try:
            await reader
        finally:
            del self._readers[reader]

    def reaches(self, end: int) -> None:
        """Wake those who wait for an offset below `end`."""
        for reader, offset in self._readers.items():
            if offset < end and not reader.done():
                reader.set_result(None)
