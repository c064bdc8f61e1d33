"""A TCP proxy on loopback that holds what goes through it, as a network that loses all packets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

HOST = "127.0.0.1"


class Gates:
    """What lets requests, and answers, through; each set as long as it is open."""

    def __init__(self) -> None:
        self.requests, self.answers = asyncio.Event(), asyncio.Event()
        self.open()

    def open(self) -> None:
        self.requests.set()
        self.answers.set()

    def close(self) -> None:
        self.requests.clear()
        self.answers.clear()


class Proxy:
    """Connections through it stay open whatever `gates` do."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.gates = Gates()
        self.asked = bytearray()
        """All requests that have come here, let through or not."""
        self.answered = bytearray()
        """All answers, likewise."""
        self._pipes: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def listening(cls, port: int, target: int) -> AsyncIterator[Self]:
        """To port `target`, as long as the context lasts."""
        proxy = cls(target)
        server = await asyncio.start_server(proxy._connected, HOST, port)
        try:
            yield proxy
        finally:
            server.close()
            for pipe in proxy._pipes:
                pipe.cancel()
            await asyncio.gather(*proxy._pipes, return_exceptions=True)

    def leave_behind(self) -> Gates:
        """Let new connections through new, open gates; those of the old ones stay as they are."""
        old, self.gates = self.gates, Gates()
        return old

    def cut(self) -> None:
        """End all connections, as a router does that forgets them."""
        for pipe in self._pipes:
            pipe.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = asyncio.ensure_future(self._between(reader, writer, self.gates))
        self._pipes.add(pipe)
        pipe.add_done_callback(self._pipes.discard)

    async def _between(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gates: Gates
    ) -> None:
        try:
            there, back = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_pump(reader, back, gates.requests, self.asked))
                ways.create_task(_pump(there, writer, gates.answers, self.answered))
        finally:
            writer.close()
            back.close()


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    gate: asyncio.Event,
    said: bytearray,
) -> None:
    """Until one side has nothing more to say, which the other is told, or is gone."""
    with suppress(OSError):
        while data := await reader.read(65536):
            said += data
            await gate.wait()
            writer.write(data)
            await writer.drain()
        await gate.wait()
        writer.write_eof()
