"""What the shell of a machine is asked about files: what lies there, and where it belongs."""

import base64
import errno
import os
from dataclasses import dataclass
from pathlib import PurePosixPath

from interfaces.machines.connection import (
    MIB,
    CommandCut,
    Completed,
    FileUnfit,
    MachineError,
    away,
    not_a_file,
    too_large,
    unreadable,
    unwritable,
)
from interfaces.machines.scripts.layout import quoted

BLOCK = 8 * MIB
"""Bytes of which one digest is asked for."""
_UNSEEN, _DAMAGED = 73, 74


@dataclass(frozen=True)
class Seen:
    """A regular file."""

    place: PurePosixPath
    """Where it really lies."""
    file: str
    """The same as long as it is the same file."""


@dataclass(frozen=True)
class Look:
    """Where a file really lies; raises as `Connection.get`."""

    path: PurePosixPath
    within: PurePosixPath
    limit: int

    def script(self) -> str:
        """A name may end in a newline, so a stroke is put behind it while the shell has it."""
        return f"""
place=$(realpath -e -- {quoted(self.path)} 2>&1 && echo /) || {{
    test -d {quoted(self.within.parent)} || {{ printf lost; exit 0; }}
    printf 'none\\t%s' "$place"; exit 0
}}
within=$(realpath -e -- {quoted(self.within)} && echo /) || exit
place=${{place%?/}} within=${{within%?/}}
case $place in
    "$within"/*)
        stat --printf='there\\t%f\\t%s\\t%i\\t' -- "$place" || exit
        test -r "$place" && printf 'open\\t' || printf 'shut\\t' ;;
    *) printf 'away\\t' ;;
esac
printf %s "$place" | base64 -w 0
"""

    def parse(self, completed: Completed) -> Seen:
        if completed.exit_status:
            raise MachineError(f"cannot read {self.path}: {reason(completed.stderr)}")
        match completed.stdout.split("\t"):
            case ["lost"]:
                raise away(self.path, self.within)
            case ["none", *said]:
                raise unreadable(self.path, reason("\t".join(said)))
            case ["away", place]:
                raise FileUnfit(f"it is a link to {_path(place)}, outside of its folder")
            case ["there", mode, size, file, access, place]:
                if why := not_a_file(int(mode, 16)):
                    raise FileUnfit(why)
                if access == "shut":
                    raise unreadable(self.path, os.strerror(errno.EACCES))
                if int(size) > self.limit:
                    raise FileUnfit(too_large(int(size), self.limit))
                return Seen(_path(place), file)
        raise MachineError(f"cannot read {self.path}: {completed.stdout[:200]!r}")


@dataclass(frozen=True)
class Begin:
    """A place to write; the digests of the whole blocks that were written there before."""

    part: PurePosixPath
    path: PurePosixPath

    def script(self) -> str:
        part = quoted(self.part)
        return f"""
mkdir -p -- {quoted(self.part.parent)} && true >>{part} && size=$(stat -c %s -- {part}) || exit
n=0
while test $((n + 1)) -le $((size / {BLOCK})); do
    dd if={part} bs={BLOCK} skip=$n count=1 iflag=fullblock status=none | sha256sum || exit
    n=$((n + 1))
done
"""

    def parse(self, completed: Completed) -> list[str]:
        if completed.exit_status:
            raise unwritable(self.path, reason(completed.stderr))
        return [line.split()[0] for line in completed.stdout.splitlines()]


@dataclass(frozen=True)
class Why:
    """Why it cannot be written to; the error to raise."""

    part: PurePosixPath
    path: PurePosixPath
    error: str

    def script(self) -> str:
        """Tries to go on writing: a full disk or quota says so."""
        return (
            f"dd if=/dev/zero of={quoted(self.part)} bs=64k count=1 status=none"
            " oflag=append conv=notrunc,fsync"
        )

    def parse(self, completed: Completed) -> MachineError:
        why = reason(completed.stderr) if completed.exit_status else self.error
        return unwritable(self.path, why)


@dataclass(frozen=True)
class Settle:
    """Give what was written its place, if it is what was sent."""

    part: PurePosixPath
    path: PurePosixPath
    digest: str
    size: int

    def script(self) -> str:
        """May be repeated: what has its place already is the same. What was longer is cut off."""
        part, place = quoted(self.part), quoted(self.path)
        return f"""
same() {{ sum=$(sha256sum <"$1") && test "${{sum%% *}}" = {self.digest}; }}
test -e {part} || {{ same {place} && exit; exit {_UNSEEN}; }}
test "$(stat -c %s -- {part})" -le {self.size} || truncate -s {self.size} -- {part} || exit
same {part} || exit {_DAMAGED}
mv -fT -- {part} {place}
"""

    def parse(self, completed: Completed) -> None:
        match completed.exit_status:
            case 0:
                return
            case n if n == _UNSEEN:  # a file system may show a file late to another of its hosts
                raise CommandCut(f"cannot write {self.path}: what was written is not seen there")
            case n if n == _DAMAGED:
                raise MachineError(f"cannot write {self.path}: it arrived damaged")
        raise unwritable(self.path, reason(completed.stderr))


@dataclass(frozen=True)
class Drop:
    """Take away what was begun."""

    part: PurePosixPath

    def script(self) -> str:
        return f"rm -f -- {quoted(self.part)}"

    def parse(self, completed: Completed) -> None:
        completed.checked()


def _path(text: str) -> PurePosixPath:
    """A name may hold any bytes."""
    return PurePosixPath(base64.b64decode(text).decode("utf-8", "surrogateescape"))


def reason(said: str) -> str:
    """The last words of what a command complains of."""
    return said.strip().rpartition(": ")[2] or "nobody says why"
