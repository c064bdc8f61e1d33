"""Who answers: host keys are always checked, and what is wrong with one is said in a sentence."""

from collections.abc import Sequence
from pathlib import Path

import asyncssh

from interfaces.machines.connection import Unreachable
from interfaces.machines.connections.ssh.access import Host, SshAccess

_USUAL = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
Matched = Sequence[Sequence[object]]


class Trust:
    """The keys that one host may have, and what it showed; made anew for every try."""

    def __init__(self, access: SshAccess, files: Sequence[str] | None) -> None:
        """`files`: those that a configuration names; None if it checks nothing.

        Raises `Unreachable`.
        """
        self._files = _files(access, files)
        self._keys = [asyncssh.import_public_key(key) for key in access.host_key]
        self._authorities = [asyncssh.import_public_key(key) for key in access.host_ca]
        self._known = False
        self._shown = "no key of a kind that is known"

    def __call__(self, host: str, address: str, port: int | None) -> Matched:
        """What `asyncssh` asks: keys, keys of authorities, and those that are revoked."""
        found = asyncssh.match_known_hosts(self._files, host, address, port) if self._files else ()
        keys, authorities, revoked = found[:3] if found else ([], [], [])
        keys, authorities = [*keys, *self._keys], [*authorities, *self._authorities]
        self._known = bool(keys or authorities)
        return keys, authorities, revoked

    def witness(self) -> asyncssh.SSHClient:
        """What `asyncssh` tells of keys that are not trusted."""
        return _Witness(self)

    def shown(self, key: asyncssh.SSHKey) -> None:
        """A host showed this key, and it is not trusted."""
        self._shown = f"{key.get_algorithm()} {key.get_fingerprint()}"

    def refusal(self, host: Host) -> Unreachable:
        """Why a host is not spoken to, and what to do."""
        if self._known:
            return Unreachable(
                f"{host} shows another host key than the known one ({self._shown}): somebody may be"
                " listening in. If the centre says that it changed its key, replace the known one"
            )
        return Unreachable(
            f"the host key of {host} is not known ({self._shown}): compare it with what the centre"
            f" publishes, then add it to {' or '.join(self._files) or 'known_hosts'}"
        )


class _Witness(asyncssh.SSHClient):
    """Sees the keys that are not trusted, and trusts none of them."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self._trust.shown(key)
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self._trust.shown(key)
        return False


def _files(access: SshAccess, configured: Sequence[str] | None) -> list[str]:
    if access.known_hosts is not None:
        if not Path(access.known_hosts).is_file():
            raise Unreachable(f"there is no file {access.known_hosts} with known hosts")
        return [access.known_hosts]
    if access.host_key or access.host_ca:
        return []
    if configured is None:
        raise Unreachable(
            "the SSH configuration turns the check of host keys off: say known_hosts, host_key or"
            " host_ca in the access of the machine"
        )
    usual = [str(Path(path).expanduser()) for path in configured or _USUAL]
    return [path for path in usual if Path(path).is_file()]
