"""The connection `ssh`: one persistent connection to a login host, by asyncssh.

`access` is what it has to know; `login` keeps the connection, which `greeting` opens; `trust`
checks who answers, `certificates` our own; `session` runs one script, `sftp` moves bytes of files.
"""

from events.machines import MachineSettings
from interfaces.machines.connections.access import access_of
from interfaces.machines.connections.ssh.access import SshAccess
from interfaces.machines.connections.ssh.connection import SshConnection

__all__ = ["SshAccess", "SshConnection", "ssh"]


def ssh(settings: MachineSettings) -> SshConnection:
    """What the entry point `ssh` of `vestec.connections` names; raises `WrongSettings`."""
    return SshConnection(access_of(settings, SshAccess))
