"""The ordinary user as whom jobs run on the servers under test, who start as root.

It is made where it is missing and stays: `userdel --remove vestec-test` removes it.
"""

import fcntl
import os
import pwd
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from interfaces.machines.connection import Completed
from tests.commands import completed
from tests.room import short_folder

_NAME = "vestec-test"


def ordinary_user() -> pwd.struct_passwd:
    """The user; only one of the processes that want it makes it."""
    with Path("/tmp/vestec-test.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return pwd.getpwnam(_NAME)
        except KeyError:
            words = ("useradd", "--system", "--create-home", "--shell=/bin/sh", _NAME)
            subprocess.run(words, check=True, capture_output=True)
            return pwd.getpwnam(_NAME)


@contextmanager
def open_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder that other users can enter."""
    with short_folder(prefix) as folder:
        folder.chmod(0o755)
        yield folder


@dataclass(frozen=True)
class Login:
    """The ordinary user on a machine under test."""

    folder: Path
    """Of its own, where its jobs may write; it is made."""
    environment: Mapping[str, str]
    """What its shell needs to find the batch system."""
    entering: tuple[str, ...] = ()
    """What comes before a command so that it runs on the machine."""

    def __post_init__(self) -> None:
        user = ordinary_user()
        self.folder.mkdir(exist_ok=True)
        os.chown(self.folder, user.pw_uid, user.pw_gid)

    @property
    def becoming(self) -> tuple[str, ...]:
        """What root puts before a command to run it as this user, with this environment alone."""
        user = ordinary_user()
        mine = {"HOME": user.pw_dir, "USER": _NAME, "LOGNAME": _NAME, "PATH": "/usr/bin:/bin"}
        return (
            *self.entering,
            *("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"),
            *("env", f"--chdir={self.folder}", "--ignore-environment"),
            *(f"{name}={value}" for name, value in {**mine, **self.environment}.items()),
        )

    def shell(self, place: Path) -> Path:
        """Write what an SSH server of root's must force instead of a command, to be this login."""
        become = " ".join(shlex.quote(word) for word in self.becoming)
        place.write_text(f'#!/bin/sh\nexec {become} sh -c "${{SSH_ORIGINAL_COMMAND:-exec sh}}"\n')
        place.chmod(0o700)
        return place

    async def run(self, *command: str, within: float = 30.0) -> Completed:
        """Run a command in the user's folder; raises `TimeoutError` after `within` seconds."""
        return await completed(*self.becoming, *command, within=within)
