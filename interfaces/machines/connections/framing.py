"""How a script travels to a shell and its answer comes back, the same over every connection.

The script goes to the standard input of `/bin/sh -s`, because a login shell may be tcsh. It is one
compound command, which a shell reads to its end before it begins: a script that was cut on its way
does nothing. Random marks enclose what it writes, so a start-up file that prints does not hurt. The
first one carries the shell's process id, for those who have to end it from elsewhere; the last one
carries the exit status: without it, the end is unknown.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from interfaces.machines.connection import CommandCut, Completed, OutputTooLarge

_CHUNK = 1 << 16
_STATUS = len(" 255\n")
_PROCESS = 12
"""Characters of a process id, at most."""
Begun = Callable[[int], object]
"""Told the shell's process id, as soon as it begins with a script."""


class Reader(Protocol):
    """The reading half of a stream, of asyncio or asyncssh."""

    async def read(self, n: int, /) -> bytes:
        """At most `n` bytes; none at the end."""
        ...


@dataclass(frozen=True)
class Frame:
    """One script between its marks."""

    script: str
    mark: str = field(default_factory=lambda: secrets.token_hex(16))

    def encode(self) -> bytes:
        """What is written to the standard input of `/bin/sh -s`."""
        begin, end = f"<{self.mark}", f"{self.mark}>"
        return (
            "LC_ALL=C; export LC_ALL\n{\n"
            f"printf '%s %d\\n' '{begin}' $$; printf '%s %d\\n' '{begin}' $$ >&2\n"
            f"(\n{self.script}\n) </dev/null\n"
            f"set -- $?; printf '%s %3d\\n' '{end}' $1; printf '%s %3d\\n' '{end}' $1 >&2\n"
            "exit\n}\n"
        ).encode("utf-8", "surrogateescape")

    async def decode(
        self,
        stdout: Reader,
        stderr: Reader,
        output_limit: int,
        begun: Begun = lambda process: None,
    ) -> Completed:
        """Read both streams up to their end marks; raises `CommandCut` or `OutputTooLarge`."""
        try:
            async with asyncio.TaskGroup() as tasks:
                out = tasks.create_task(self._between_marks(stdout, output_limit, begun))
                err = tasks.create_task(self._between_marks(stderr, output_limit, lambda _: None))
        except* CommandCut as cut:
            raise cut.exceptions[0] from None
        (text, status), (errors, _) = out.result(), err.result()
        return Completed(status, text, errors)

    async def _between_marks(self, stream: Reader, limit: int, begun: Begun) -> tuple[str, int]:
        begin, end = f"<{self.mark} ".encode(), f"{self.mark}>".encode()
        marks = len(begin) + _PROCESS + len(end) + _STATUS
        seen = bytearray()
        searched = text = 0
        while (at := seen.find(end, searched)) < 0 or len(seen) < at + len(end) + _STATUS:
            searched = max(0, len(seen) - len(end) - _STATUS)
            if len(seen) > limit + marks:
                raise OutputTooLarge(f"a command wrote more than {limit} bytes and was cut")
            if not (chunk := await stream.read(_CHUNK)):
                raise CommandCut("a command was cut: its end was not seen")
            seen += chunk
            if not text and (text := _after_line(seen, begin)):
                begun(int(seen[:text].split()[-1]))
        written = seen[text:at].decode("utf-8", "replace")
        return written, int(seen[at + len(end) :].split()[0])


def kill_script(process: int) -> str:
    """What ends a shell that has begun, and all it started, from another session of its machine."""
    return f'group=$(ps -o pgid= -p {process}) && kill -KILL "-$((group))"'


def _after_line(seen: bytearray, begin: bytes) -> int:
    """Where the line ends that begins so; 0 as long as it is not there."""
    at = seen.find(begin)
    return seen.find(b"\n", at) + 1 if at >= 0 else 0
