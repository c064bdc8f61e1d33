"""Logging in to one host: with which keys, trusting whom, and what each refusal means."""

import asyncio
import os
from collections.abc import MutableSet, Sequence

import asyncssh

from interfaces.machines.connection import LoginNeeded, MachineError, Unreachable
from interfaces.machines.connections.ssh.access import Host, SshAccess, host_of
from interfaces.machines.connections.ssh.certificates import lapsed, refusal, shown
from interfaces.machines.connections.ssh.trust import Trust

_TOO_MANY = "authentication failures"
"""In the words with which a server ends the tries of a login."""
_MISSING = 3
"""Signs of life that may be missing."""


async def jumps(access: SshAccess, host: Host, *, below: Sequence[str] = ()) -> Sequence[Host]:
    """The hosts to go through to one, as settings or the SSH configuration have it.

    As with `ssh`, the first of them may itself be gone to through others (but for those `below`).
    """
    if access.jump or access.config is None:
        return access.jump
    through = (await _options(access, host)).tunnel
    if not isinstance(through, str) or through == "none":
        return ()
    words = (one.removeprefix("ssh://") for one in through.split(","))
    hops = [host_of(one)._replace(configured=True) for one in words]
    if hops[0].name in (below := (*below, host.name)):
        return ()
    return [*await jumps(access, hops[0], below=below), *hops]


async def certificates(access: SshAccess, host: Host) -> Sequence[str]:
    """Files of those that a host is shown."""
    if certificate := _certificate(access, host):
        return [certificate]
    return [*shown(_keys(access, host), await _options(access, host))]


async def greet(
    access: SshAccess,
    host: Host,
    through: asyncssh.SSHClientConnection | None,
    denied: MutableSet[tuple[Host, str]],
) -> asyncssh.SSHClientConnection:
    """A connection to a host that is who it should be, and lets us in.

    Raises `Unreachable`, and `LoginNeeded` where the host does not accept what we have. Where that
    may be for a certificate that has expired it is not tried again before there is a new one:
    `denied` is where, and why.
    """
    options = await _options(access, host)
    named = _certificate(access, host)  # which `_options` looks at
    why = "" if named else await asyncio.to_thread(lapsed, _keys(access, host), options)
    if (host, why) in denied:
        raise Unreachable(why)
    trust = Trust(access, _known_hosts(options))
    try:
        return await asyncssh.connect(
            host.name,
            tunnel=through,
            known_hosts=trust,
            client_factory=trust.witness,
            **_settings(access, host),
        )
    except (asyncssh.Error, OSError) as error:
        meaning = _meaning(error, host, options.username, trust)
        if why and isinstance(meaning, LoginNeeded):
            denied.add((host, why))
            raise Unreachable(why) from error
        raise meaning from error


def _meaning(error: asyncssh.Error | OSError, host: Host, user: str, trust: Trust) -> MachineError:
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return trust.refusal(host)
        case asyncssh.KeyExchangeFailed() if "host key" in str(error):
            return trust.refusal(host)
        case asyncssh.PermissionDenied():
            return LoginNeeded(f"{host} does not let {user} in with the keys that are given to it")
        case asyncssh.DisconnectError() if _TOO_MANY in str(error).lower():
            return LoginNeeded(f"{host} does not let {user} in: {error}")
    said = error.strerror if isinstance(error, OSError) else str(error)
    return Unreachable(f"{host} cannot be reached: {said or type(error).__name__}")


async def _options(access: SshAccess, host: Host) -> asyncssh.SSHClientConnectionOptions:
    """Raises `Unreachable` for files of ours that cannot be used: nobody was asked yet."""
    try:
        return await asyncio.to_thread(_read_options, access, host)
    except OSError as error:
        raise Unreachable(f"cannot log in to {host}: {error.filename}: {error.strerror}") from error
    except ValueError as error:
        if "passphrase" in str(error).lower():
            raise Unreachable(
                f"cannot log in to {host}: the key has a passphrase, which is never stored: give"
                " the key to an agent (ssh-add), and the agent's socket to the machine (agent)"
            ) from error
        raise Unreachable(f"cannot log in to {host}: {error}") from error


def _read_options(access: SshAccess, host: Host) -> asyncssh.SSHClientConnectionOptions:
    settings = _settings(access, host)
    if (certificate := _certificate(access, host)) and (why := refusal(certificate)):
        raise Unreachable(why)
    return asyncssh.SSHClientConnectionOptions(host=host.name, **settings)


def _known_hosts(options: asyncssh.SSHClientConnectionOptions) -> Sequence[str] | None:
    named = options.known_hosts
    return (
        None if named is None else [str(path) for path in named] if isinstance(named, list) else []
    )


def _settings(access: SshAccess, host: Host) -> dict[str, object]:
    """The words of `asyncssh.connect`; what is not among them is the configuration's."""
    settings: dict[str, object] = {
        "config": None if access.config is None else [access.config],
        "keepalive_interval": access.keep_alive,
        "keepalive_count_max": _MISSING,
        "password_auth": False,
        "kbdint_auth": False,
        "x509_trusted_certs": None,
        "agent_forwarding": False,
    }
    certificate, keys = _certificate(access, host), _keys(access, host)
    words: dict[str, object] = {
        "port": host.port or (None if host.configured else access.port),
        "username": host.user or (None if host.configured else access.user),
        "client_keys": [*keys],
        "client_certs": certificate and [certificate],
    }
    settings |= {word: said for word, said in words.items() if said}
    return settings | _agent(access, keys)


def _keys(access: SshAccess, host: Host) -> Sequence[str]:
    return () if host.configured else access.key


def _certificate(access: SshAccess, host: Host) -> str | None:
    return None if host.configured else access.certificate


def _agent(access: SshAccess, keys: Sequence[str]) -> dict[str, object]:
    """Of named keys an agent does those only, so that a server is not tired with others."""
    socket = os.environ.get("SSH_AUTH_SOCK") if access.agent is True else access.agent
    if not socket:
        return {"agent_path": None}
    if not keys:
        return {"agent_path": socket}
    return {"agent_path": socket, "agent_identities": [*keys], "ignore_encrypted": True}
