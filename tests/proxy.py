"""A proxy on loopback that holds what goes through it, as a network that loses all packets."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

HOST = "127.0.0.1"

_REFUSING = 0.3
"""Seconds until a connection is refused: who is refused at once asks a thousand times a second."""

Address = int | Path
"""A port of loopback, or a socket's file."""


class Gates:
    """What lets requests, and answers, through; each set as long as it is open."""

    def __init__(self) -> None:
        self.requests, self.answers = asyncio.Event(), asyncio.Event()
        self.refusing = False
        """Whether connections are reset as soon as they are made."""
        self.trap: bytes | None = None
        """What closes the gates when it is in a request, which is held with all that follows."""
        self.open()

    def open(self) -> None:
        self.requests.set()
        self.answers.set()

    def close(self) -> None:
        self.requests.clear()
        self.answers.clear()


class Proxy:
    """Connections through it stay open whatever `gates` do."""

    def __init__(self, target: Address, gates_of: Callable[[socket.socket], Gates] | None) -> None:
        self._target = target
        self._gates_of = gates_of
        self.gates = Gates()
        self.asked = bytearray()
        """All requests that have come here, let through or not."""
        self.answered = bytearray()
        """All answers, likewise."""
        self._pipes: dict[asyncio.Task[None], tuple[Gates, asyncio.StreamWriter]] = {}

    @classmethod
    @asynccontextmanager
    async def listening(
        cls,
        place: Address,
        target: Address,
        gates_of: Callable[[socket.socket], Gates] | None = None,
    ) -> AsyncIterator[Self]:
        """To `target`, as long as the context lasts; `gates_of` connections may be told apart."""
        proxy = cls(target, gates_of)
        if isinstance(place, Path):
            server = await asyncio.start_unix_server(proxy._connected, place)
        else:
            server = await asyncio.start_server(proxy._connected, HOST, place)
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

    def reset(self, gates: Gates) -> None:
        """Break the connections that go through these gates."""
        for through, writer in self._pipes.values():
            if through is gates:
                _reset(writer)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("socket")
        gates = self.gates if self._gates_of is None else self._gates_of(peer)
        if gates.refusing:
            await asyncio.sleep(_REFUSING)
            _reset(writer)
            return
        pipe = asyncio.ensure_future(self._between(reader, writer, gates))
        self._pipes[pipe] = gates, writer
        pipe.add_done_callback(self._pipes.pop)

    async def _between(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gates: Gates
    ) -> None:
        try:
            there, back = await _connect(self._target)

            def asked(data: bytes) -> None:
                self.asked += data
                trap = gates.trap
                if trap is not None and trap in self.asked[-len(data) - len(trap) :]:
                    gates.close()

            try:
                async with asyncio.TaskGroup() as ways:
                    ways.create_task(_pump(reader, back, gates.requests, asked))
                    ways.create_task(_pump(there, writer, gates.answers, self.answered.extend))
            finally:
                await _closed(back)
        except OSError:  # nobody listens there
            return
        finally:
            await _closed(writer)


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Nothing of it is left when this returns, whether or not its peer takes what was sent."""
    writer.close()
    with suppress(OSError):
        try:
            async with asyncio.timeout(1):
                await writer.wait_closed()
        except TimeoutError:
            writer.transport.abort()
            await asyncio.sleep(0)  # it ends in the loop's next turn


async def _connect(target: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(target, Path):
        return await asyncio.open_unix_connection(target)
    return await asyncio.open_connection(HOST, target)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Not closed in order: whoever is there learns that the connection is gone, and no more."""
    end: socket.socket = writer.get_extra_info("socket")
    if end.family == socket.AF_INET:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    gate: asyncio.Event,
    heard: Callable[[bytes], None],
) -> None:
    """Until one side has nothing more to say, which the other is told, or is gone."""
    with suppress(OSError):
        while data := await reader.read(65536):
            heard(data)
            await gate.wait()
            writer.write(data)
            await writer.drain()
        await gate.wait()
        writer.write_eof()
