"""What the connection `ssh` has to know. Keys and certificates are named by their files."""

import re
from typing import Annotated, NamedTuple

import asyncssh
from pydantic import AfterValidator, BeforeValidator, Field

from events.entry import AtMost
from events.words import Pause
from interfaces.machines.connections.access import Access, Path

_HOST = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?(?:\[(?P<address>[^\]\s]+)\]|(?P<name>[^:@\s\[\]-][^:@\s\[\]]*))(?::(?P<port>\d+))?"
)


class Host(NamedTuple):
    """A computer to log in to; None: as the rest of the settings has it."""

    name: str
    port: int | None = None
    user: str | None = None
    configured: bool = False
    """Whether all the rest is the SSH configuration's, as it is where `ssh` goes through a host."""

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


def host_of(text: str) -> Host:
    """`[USER@]HOST[:PORT]`, read; raises `ValueError`."""
    found = _HOST.fullmatch(text)
    if found is None or text.startswith("-"):
        raise ValueError(f"{text!r} is not of the form [USER@]HOST[:PORT]")
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{text!r} has no port between 1 and 65535")
    return Host(found["address"] or found["name"], port, found["user"])


def _host(given: object) -> object:
    return host_of(given) if isinstance(given, str) else given


def _several(given: object) -> object:
    """One may stand for a list of one."""
    return [given] if isinstance(given, str) else given


def _public_key(text: str) -> str:
    try:
        asyncssh.import_public_key(text)
    except asyncssh.KeyImportError as error:
        raise ValueError(f"a public key is wanted, such as 'ssh-ed25519 AAAA…': {error}") from error
    return text


PublicKey = Annotated[str, AfterValidator(_public_key)]
Hosts = Annotated[tuple[Annotated[Host, BeforeValidator(_host)], ...], BeforeValidator(_several)]


class SshAccess(Access):
    """Where to log in, as whom, with what, and how it is known who answers."""

    host: Hosts = Field(min_length=1)
    """Login hosts, as HOST or HOST:PORT: the first that answers is stayed with."""
    port: int | None = Field(default=None, gt=0, lt=65536)
    """Of hosts that name none; 22 if nothing else is said."""
    user: str | None = Field(default=None, pattern=r"^[^\s@-][^\s@]*$")
    """The account; if nothing else is said, the one that the system runs as."""
    key: Annotated[tuple[Path, ...], BeforeValidator(_several)] = ()
    """Files of private keys; if none is named, the usual ones in `~/.ssh` and those of an agent."""
    certificate: Path | None = None
    """The certificate of the key; read again at every login, so it may be renewed meanwhile."""
    agent: bool | Path = True
    """The socket of an agent; true: that of `SSH_AUTH_SOCK`; of named keys it does those only."""
    known_hosts: Path | None = None
    """Host keys that are known; if nothing is said of host keys, the user's and the computer's."""
    host_key: Annotated[tuple[PublicKey, ...], BeforeValidator(_several)] = ()
    """Public keys that hosts are known by, whatever they are called."""
    host_ca: Annotated[tuple[PublicKey, ...], BeforeValidator(_several)] = ()
    """Public keys of authorities whose certificates hosts are known by."""
    jump: Hosts = ()
    """Hosts to go through, in this order, as [USER@]HOST[:PORT]; logged in to in the same way."""
    config: Path | None = None
    """An OpenSSH client configuration, for what is not said here; hosts that it goes through
    (`ProxyJump`) are as it says."""
    transfer_host: Hosts = ()
    """Hosts for files, where the centre has such; they see the same folders."""
    sessions: Annotated[int, AtMost(1000)] = Field(default=8, gt=0)
    """At once on one connection; a usual server refuses the eleventh."""
    keep_alive: Pause = 15.0
    """Seconds of silence after which a sign of life is asked for; the third missing one ends it."""
    connect_within: Pause = 30.0
    """Seconds for a login, jumps included."""
