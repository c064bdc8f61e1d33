"""Machines as other programs describe them: OpenSSH's configuration, and AiiDA's files.

Nothing is asked of any machine, and nothing of a file is run.
"""

from interfaces.machines.importing.aiida import aiida_computers
from interfaces.machines.importing.found import Found, NotReadable
from interfaces.machines.importing.openssh_config import openssh_hosts

__all__ = ["Found", "NotReadable", "aiida_computers", "openssh_hosts"]
