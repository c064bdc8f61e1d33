"""Which living process is the postmaster of a cluster: no process id in a file is believed.

The one in `postmaster.pid` may be cut, stale, or by now another program's. Source of the formats:
proc_pid_cmdline(5), proc_pid_stat(5), proc_sysvipc(5), and for `postmaster.pid` PostgreSQL's
src/include/utils/pidfile.h.
"""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")


def postmasters(argument: str) -> list[int]:
    """Processes started with exactly this argument, without children that still show it."""
    found = {
        int(process.name)
        for process in PROC.glob("[0-9]*")
        if argument.encode() in _read(process / "cmdline").split(b"\0")
    }
    return [pid for pid in found if _parent(pid) not in found]


def writer_of(pid_file: Path) -> int | None:
    """The process that wrote this `postmaster.pid`, if the shared memory named there is its own.

    The same proof as PostgreSQL's own; whoever else has that process id now has not that memory.
    """
    lines = _read(pid_file).decode(errors="replace").splitlines()
    if len(lines) < 7:
        return None
    for row in _read(PROC / "sysvipc/shm").splitlines()[1:]:
        key, segment, _, _, creator, _, attached, *_ = map(int, row.split())
        known_as = [str(creator), str(key % 2**64), str(segment)]
        if attached and known_as == [lines[0], *lines[6].split()]:
            return creator
    return None


def _parent(pid: int) -> int | None:
    fields = _read(PROC / str(pid) / "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
