"""The network between processes and their servers, which a test takes away from one of them.

Proxies in a thread of their own, for the test waits as a process does. Whose a connection is the
kernel knows: of a socket's file it tells the other end's process, of a port the other end's inode.
"""

import asyncio
import os
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import TypeVar

from tests.proxy import HOST, Address, Gates, Proxy

T = TypeVar("T")

_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST = 4, 20, 1
_NO_COOKIE = b"\xff" * 8

TAKEOVER = b"takeover"
"""The header of the record, as it stands in a request to append it: nothing is compressed."""


class Network:
    """Gates for each process, by its id; all are open at first."""

    def __init__(self, processes: Sequence[int]) -> None:
        self._processes = processes
        self._loop = asyncio.new_event_loop()
        self._gates: dict[int, Gates] = defaultdict(Gates)
        self._proxies: list[Proxy] = []

    def black_hole(self, pid: int) -> None:
        """All packets of the process are lost, until `heal`."""
        self._do(lambda: self._gates[pid].close())

    def reset(self, pid: int) -> None:
        """All its connections break, and new ones do, until `heal`."""

        def reset() -> None:
            self._gates[pid].refusing = True
            for proxy in self._proxies:
                proxy.reset(self._gates[pid])

        self._do(reset)

    def hold_takeover(self, pid: int) -> None:
        """Lose all packets from the first one on that carries a takeover."""
        self._do(lambda: setattr(self._gates[pid], "trap", TAKEOVER))

    def holds(self, pid: int) -> bool:
        """Whether nothing of the process comes through."""
        return self._do(lambda: not self._gates[pid].requests.is_set())

    def heal(self, pid: int) -> None:
        """Let all through, and first what was held."""

        def heal() -> None:
            gates = self._gates[pid]
            gates.refusing, gates.trap = False, None
            gates.open()

        self._do(heal)

    def _do(self, act: Callable[[], T]) -> T:
        done = Future[T]()
        self._loop.call_soon_threadsafe(lambda: done.set_result(act()))
        return done.result(10)

    def _gates_of(self, end: socket.socket) -> Gates:
        return self._gates[_other_process(end, self._processes)]

    async def _serve(self, ways: Mapping[Address, Address], ready: Callable[[], None]) -> None:
        self._ended = asyncio.Event()
        async with AsyncExitStack() as stack:
            for place, target in ways.items():
                listening = Proxy.listening(place, target, self._gates_of)
                self._proxies.append(await stack.enter_async_context(listening))
            ready()
            await self._ended.wait()


@contextmanager
def network(ways: Mapping[Address, Address], processes: Sequence[int]) -> Iterator[Network]:
    """A network with these ways through it: where processes connect to, and who serves there."""
    laid, ready = Network(processes), threading.Event()
    thread = threading.Thread(
        target=laid._loop.run_until_complete, args=[laid._serve(ways, ready.set)]
    )
    thread.start()
    assert ready.wait(10)
    try:
        yield laid
    finally:
        laid._loop.call_soon_threadsafe(laid._ended.set)
        thread.join()
        laid._loop.close()


def _other_process(end: socket.socket, processes: Sequence[int]) -> int:
    """Which of the processes has the other end of a connection; 0: none."""
    if end.family == socket.AF_UNIX:
        pid: int = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        return pid
    file = f"socket:[{_inode(end.getpeername()[1], end.getsockname()[1])}]"
    return next((pid for pid in processes if file in _files(pid)), 0)


def _inode(port: int, to: int) -> int:
    """The socket that has connected from one port of loopback to another; 0: there is none.

    Asked of the kernel (sock_diag(7)): `/proc/net/tcp` lists all that there were in a minute.
    """
    here = socket.inet_aton(HOST).ljust(16, b"\0")
    ends = struct.pack("!HH16s16sI", port, to, here, here, 0) + _NO_COOKIE
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0) + ends
    head = struct.pack("=IHHII", 16 + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.send(head + body)
        answer = kernel.recv(4096)
    (type,) = struct.unpack_from("=H", answer, 4)
    found: int = struct.unpack_from("=I", answer, 84)[0] if type == _SOCK_DIAG_BY_FAMILY else 0
    return found


def _files(pid: int) -> Iterator[str]:
    """What a process has open."""
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):
        for descriptor in os.listdir(folder):
            with suppress(OSError):
                yield os.readlink(f"{folder}/{descriptor}")
