"""The port to a machine's shell and files, whatever carries it (`local`, `ssh`, `openssh`).

A connection knows nothing of batch systems. It runs scripts and moves files, and it is exact about
what it knows: a command that was cut is *unknown*, never "failed".
"""

import errno
import os
import stat
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol, Self

from events.prose import Fault

MIB = 1 << 20
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_ABSENT = frozenset(map(os.strerror, (errno.ENOENT, errno.ENOTDIR)))
_UNFIT = frozenset(
    map(os.strerror, (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO))
)
"""Reasons that stay: rights, links in a circle, a name that no file can have, a socket."""
_FULL = frozenset(map(os.strerror, (errno.ENOSPC, errno.EDQUOT)))


class MachineError(Exception):
    """A machine did not do what it was asked; the text says what an operator can do."""


class WrongSettings(MachineError):
    """The settings of a machine cannot work; the text says which and why."""

    def __init__(self, text: str, *faults: Fault) -> None:
        super().__init__(text)
        self.faults = faults
        """By setting."""


class Unreachable(MachineError):
    """No way to the machine: what was asked has certainly not begun."""


class LoginNeeded(Unreachable):
    """The machine wants a person to log in; trying again by itself would only lock the account.

    A connection raises it again, without asking the machine, until somebody has logged in.
    """


class CommandCut(MachineError):
    """The command was cut before its end was seen: nobody knows whether it took effect."""


class OutputTooLarge(CommandCut):
    """The command wrote more than was allowed, and was cut for it."""


class CommandFailed(MachineError):
    """A command ran to its end, and its answer says that it failed."""


class NotUnderstood(MachineError):
    """A command ran to its end, and nobody understands its answer."""


class NoRoom(MachineError):
    """What lies on the machine cannot become more: a quota is used up, or the disk is full."""


class FileMissing(MachineError):
    """The machine has no such file."""


class FileUnfit(MachineError):
    """What lies there is never fetched: it is no file, or lies elsewhere, or is too large."""


class TemplateUnfit(MachineError):
    """No job can start from that template: it is not there, lies elsewhere, or has what is in the
    way of the job's inputs."""


def too_large(size: int, limit: int) -> str:
    """The words for a file that is not fetched for its size, in bytes."""
    return f"it has {size:,} bytes, and at most {limit:,} are fetched"


def not_a_file(mode: int) -> str:
    """The words for what is not fetched for its kind; empty for a regular file."""
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFREG:
        return ""
    return f"it is {_KINDS.get(kind, 'something else')}, not a file"


def unreadable(path: PurePosixPath, reason: str) -> MachineError:
    """What it means that a file cannot be opened, for a reason in the words of the C library.

    What is neither missing nor unfit may be read later: a disk fails, a server is restarted.
    """
    if reason in _UNFIT:
        return FileUnfit(f"it cannot be opened: {reason}")
    return (FileMissing if reason in _ABSENT else MachineError)(f"cannot read {path}: {reason}")


def unwritable(path: PurePosixPath, reason: str) -> MachineError:
    """What it means that a file cannot be written, for a reason in the words of the C library."""
    return (NoRoom if is_full(reason) else MachineError)(f"cannot write {path}: {reason}")


def is_full(reason: str) -> bool:
    """Whether words end in those of the C library for a disk or a quota without room."""
    return reason.strip().rpartition(": ")[2] in _FULL


def away(path: PurePosixPath, within: PurePosixPath) -> MachineError:
    """The error for a file of which nothing is known: not even the folders of others are there."""
    return MachineError(f"cannot read {path}: {within.parent} is not there")


@dataclass(frozen=True)
class Completed:
    """What a script that ran to its end answered."""

    exit_status: int
    stdout: str
    stderr: str

    def checked(self) -> str:
        """The standard output; raises `CommandFailed` unless the exit status is 0."""
        if self.exit_status:
            raise CommandFailed(f"exit status {self.exit_status}: {self.stderr.strip()[-1000:]}")
        return self.stdout


class Connection(Protocol):
    """One account on one machine; a context manager, open while in use."""

    @property
    def shell_startup(self) -> float | None:
        """Seconds until a shell begins with a script, start-up files included; None: not seen."""
        ...

    @property
    def notice(self) -> str:
        """What somebody should do about it before long; empty: nothing."""
        ...

    @property
    def piece(self) -> int | None:
        """Bytes of a file that one command carries; None: files go otherwise, or nobody knows.

        Connections that other packages bring may be without it: as if it were None.
        """
        ...

    async def run(self, script: str, *, deadline: float, output_limit: int = MIB) -> Completed:
        """Run `script` with `/bin/sh -s`, `LC_ALL=C` and an empty standard input.

        `deadline` is in seconds from when there is a session for it: the wait for one, and a login
        where that is needed, come before. `output_limit` is in bytes for each of stdout and stderr.
        Raises `Unreachable` when it has not begun, `CommandCut` when its end was not seen.
        """
        ...

    async def put(self, path: PurePosixPath, chunks: AsyncIterable[bytes]) -> None:
        """Write a file, with its folders: beside its place, synchronized, then renamed."""
        ...

    def get(
        self, path: PurePosixPath, *, within: PurePosixPath, limit: int
    ) -> AsyncIterator[bytes]:
        """Read a regular file of at most `limit` bytes that really lies below `within`.

        A program may have left anything there: nothing else is ever opened for longer than it takes
        to see what it is. Raises `FileUnfit`, and `FileMissing` where there is nothing, though the
        folder around `within` is there: otherwise the file system is away, and it may come back.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...
