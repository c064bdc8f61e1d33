"""What a machine says of itself when it is checked: its batch system, its login node.

What it does not tell is unknown (None), never taken for good or bad.
"""

from dataclasses import dataclass

from interfaces.machines.connection import Completed, is_full
from interfaces.machines.dialects.asking import SEPARATOR, number
from interfaces.machines.scripts.layout import Layout, quoted

_TRIED = 1 << 20
"""Bytes that are written to see whether there is room."""


@dataclass(frozen=True)
class Site:
    """A batch system, and how its site has set it up."""

    version: str = ""
    accounting: bool | None = None
    """Whether accounts of ended jobs are kept that we can read."""
    comments: bool | None = None
    """Whether they keep the comment of a job."""
    others: bool | None = None
    """Whether we are shown the jobs of other users."""
    instances: int | None = None
    """The most that an array may have; 1: no arrays; None: it does not tell."""
    learns: frozenset[str] = frozenset()
    """The dialect's settings that a check may measure: of `accounting` and `lag`."""


@dataclass(frozen=True)
class Room:
    """What is left of how much, on the file system of the base directory."""

    left: float
    of: float


@dataclass(frozen=True)
class Host:
    """The login node."""

    shell: str = ""
    """The account's login shell."""
    clock: float | None = None
    """Seconds since the epoch."""
    disk: Room | None = None
    """Bytes."""
    inodes: Room | None = None
    over_quota: bool | None = None
    full: str = ""
    """Why a file that was tried could not be written there, for want of room; empty: it was."""


@dataclass(frozen=True)
class AskHost:
    """The login node about itself; the base directory is made if it is not there.

    Quotas and free blocks are told in many ways, and not always: a file is written to find out.
    """

    layout: Layout

    def script(self) -> str:
        base = quoted(self.layout.base)
        return f"""
mkdir -p {base} || exit
say() {{ printf '%s\\037%s\\037%s\\n' "$1" "$2" "$3"; }}
say shell "$(getent passwd "$(id -u)" | cut -d: -f7)" ''
say clock "$(date +%s.%N)" ''
df -Pk {base} | awk 'END {{ printf "disk\\037%.0f\\037%.0f\\n", $4 * 1024, $2 * 1024 }}'
df -Pi {base} | awk 'END {{ printf "inodes\\037%s\\037%s\\n", $4, $2 }}'
command -v quota >/dev/null && said=$(quota -w 2>/dev/null | sed -n '3,$p' | tr '\\n' ' ')
say quota "$said" ''
said=$(dd if=/dev/zero of={base}/.room bs={_TRIED} count=1 conv=fsync status=none 2>&1)
rm -f {base}/.room
say room "$said" ''
"""

    def parse(self, completed: Completed) -> Host:
        rows = (line.split(SEPARATOR) for line in completed.checked().splitlines())
        said = {row[0]: row[1:] for row in rows if len(row) == 3}
        quota = said["quota"][0].strip()
        return Host(
            shell=said["shell"][0],
            clock=number(said["clock"][0]),
            disk=_room(said.get("disk")),
            inodes=_room(said.get("inodes")),
            over_quota="*" in quota if quota else None,  # after what is over its limit
            full=said["room"][0].strip() if is_full(said["room"][0]) else "",
        )


def _room(said: list[str] | None) -> Room | None:
    """None where the file system does not count."""
    left, of = (number(word) for word in said) if said else (None, None)
    return Room(left, of) if left is not None and of else None
