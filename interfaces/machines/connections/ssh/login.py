"""The one connection to a login host: made when it is needed, kept, made again when it is lost."""

import asyncio
import random
from collections.abc import Sequence

import asyncssh

from interfaces.machines.connection import LoginNeeded, MachineError, Unreachable
from interfaces.machines.connections.places import Places
from interfaces.machines.connections.ssh.access import Host, SshAccess
from interfaces.machines.connections.ssh.greeting import certificates, greet, jumps

_PAUSES = (0.5, 30.0)
"""Seconds after a login that failed: the first pause, and the longest."""


class Line:
    """One connection, and a place for each of its sessions."""

    def __init__(
        self, host: Host, hops: Sequence[asyncssh.SSHClientConnection], places: int
    ) -> None:
        self.host = host
        self._hops = hops
        self._given_up = False
        self.places = Places(str(host), places)
        self.killing = asyncio.Lock()
        """Held by the one session beyond its places that ends what others began."""

    @property
    def open(self) -> bool:
        return not (self._given_up or any(hop.is_closed() for hop in self._hops))

    @property
    def connection(self) -> asyncssh.SSHClientConnection:
        return self._hops[-1]

    def close(self) -> None:
        """At once: a connection that is dead would take its time over a farewell."""
        self._given_up = True
        _abort(self._hops)

    async def closed(self) -> None:
        """Close it, and wait until nothing of it is left here."""
        self.close()
        for hop in self._hops:
            await hop.wait_closed()


class Login:
    """Hosts of which one is logged in to; the one that answered last comes first."""

    def __init__(self, access: SshAccess, hosts: Sequence[Host], chance: random.Random) -> None:
        self._access, self._hosts, self._chance = access, list(hosts), chance
        self._line: Line | None = None
        self._trying: asyncio.Task[Line] | None = None
        self._failures = 0
        self._failed: MachineError | None = None
        self._again = 0.0
        self._denied = set[tuple[Host, str]]()
        """Where keys do without certificates that have expired, and these."""
        self.certificates: Sequence[str] = ()
        """Files of those that the host was shown."""

    async def line(self) -> Line:
        """The connection. Raises `Unreachable`; `LoginNeeded` for good.

        However many ask for it, a host is asked once; after a failure not before a pause is over.
        """
        if self._line is not None and self._line.open:
            return self._line
        if self._failed and (isinstance(self._failed, LoginNeeded) or _now() < self._again):
            raise type(self._failed)(str(self._failed))
        if self._trying is None:
            self._trying = asyncio.create_task(self._try())
            self._trying.add_done_callback(self._tried)
        return await asyncio.shield(self._trying)

    async def close(self) -> None:
        """Log out."""
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.wait([self._trying])
        if self._line is not None:
            await self._line.closed()
        self._line = None

    async def _try(self) -> Line:
        if self._line is not None:
            self._line.close()
        wrong: list[str] = []
        for host in list(self._hosts):
            try:
                hops = await self._log_in(host)
            except LoginNeeded:
                raise  # another host has the same account, and would count this failure, too
            except Unreachable as error:
                wrong.append(str(error))
            except Exception as error:  # whatever a configuration or an answer makes asyncssh raise
                said = f"{type(error).__name__}: {error}"
                wrong.append(f"cannot log in to {host}: {said}")
            else:
                self._hosts.sort(key=lambda other: other != host)
                return Line(host, hops, self._access.sessions)
        raise Unreachable("; ".join(wrong))

    def _tried(self, trying: "asyncio.Task[Line]") -> None:
        self._trying = None
        if trying.cancelled():
            return
        error = trying.exception()
        if error is None:
            self._line, self._failed, self._failures = trying.result(), None, 0
        elif isinstance(error, MachineError):
            first, longest = _PAUSES
            self._failed = error
            pause = min(first * 2.0**self._failures, longest) * self._chance.uniform(0.5, 1)
            self._failures, self._again = min(self._failures + 1, 20), _now() + pause

    async def _log_in(self, host: Host) -> list[asyncssh.SSHClientConnection]:
        hops: list[asyncssh.SSHClientConnection] = []
        within = self._access.connect_within
        try:
            async with asyncio.timeout(within):
                for hop in [*await jumps(self._access, host), host]:
                    hops.append(
                        await greet(self._access, hop, hops[-1] if hops else None, self._denied)
                    )
                self.certificates = await certificates(self._access, host)
        except TimeoutError:
            _abort(hops)
            raise Unreachable(f"{host} did not answer within {within:g} s") from None
        except BaseException:
            _abort(hops)
            raise
        return hops


def _abort(hops: Sequence[asyncssh.SSHClientConnection]) -> None:
    for hop in reversed(hops):
        hop.abort()


def _now() -> float:
    return asyncio.get_running_loop().time()
