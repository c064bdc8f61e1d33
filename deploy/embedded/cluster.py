"""One PostgreSQL cluster on disk, and the commands that make, start and stop its server.

`home` is ours, of mode 0700, and locked as long as any process of the server lives: they inherit
its descriptor. `home/data` belongs to the account that PostgreSQL runs as, which may not be allowed
to walk there (root's home): it is handed the open folder and enters by /proc/self/fd, past all
parents. So all data lie in the one folder, which can be moved, copied and removed as a whole.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.account import Account, account_for
from deploy.embedded.errors import EmbeddedServerError
from deploy.embedded.flock import EXCLUSIVE, POLL_SECONDS, closing, try_lock
from deploy.embedded.installation import copied_programs, wheel_programs
from deploy.embedded.processes import postmasters, writer_of

SUPERUSER = "vestec"
HOW_TO_MAKE = (
    *("--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"),
    # In files of its folder, so that a killed `initdb` leaves nothing in /dev/shm.
    *("--set", "dynamic_shared_memory_type=mmap"),
)
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
# What a client was told that came too early or too late is no reason.
COMPLAINT = re.compile(
    r"(?:FATAL|PANIC|ERROR|error): ++(?!the database system is)(.+)"
    r"(?:\n.*DETAIL: .*)?(?:\n.*HINT: +(.+))?"
)


@dataclass(frozen=True)
class Cluster:
    """The cluster in `home`; `options` are PostgreSQL's settings for its next start."""

    home: Path
    options: Mapping[str, str]

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory, complete whenever it exists."""
        return self.home / "data"

    @property
    def output(self) -> Path:
        """What the last `initdb` or start said."""
        return self.home / "startup.log"

    @property
    def users(self) -> Path:
        """The file that every user of the server holds a shared lock of."""
        return self.home / "users.lock"

    @property
    def port(self) -> str:
        """Only part of the socket's name: nothing listens on a network."""
        return self.options["port"]

    def prepare(self) -> None:
        """Make the folders that are missing, closed to other users."""
        for folder in (self.home.parent, self.home):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.users.touch(mode=0o600)

    async def start(self, lock: int, within: float) -> None:
        """Start the server, making the cluster first if there is none; it is ready on return.

        `lock` is the exclusive lock of `home`, which the server inherits; `within` is pg_ctl's
        limit in seconds. Raises EmbeddedServerError with PostgreSQL's own reason.
        """
        if not self.data.exists():
            await self._create(lock)
        self._forget_last_run()
        settings = {**self.options, "cluster_name": self._name()}
        options = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in settings.items())
        limit = str(int(within))
        await self._run(lock, self.data, "pg_ctl", "start", "--wait", "-t", limit, "-o", options)

    async def stop(self) -> None:
        """Stop the server, if it runs, in order ("fast"); its last process is gone on return."""
        while (lock := try_lock(self.home, EXCLUSIVE)) is None:
            for pid in self.postmasters():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
            await asyncio.sleep(POLL_SECONDS)
        os.close(lock)

    def postmasters(self) -> list[int]:
        """The living server's first process: none, or one."""
        return postmasters(f"cluster_name={self._name()}")

    def complaint(self) -> str:
        """Why PostgreSQL last refused, in its own words."""
        said = _end_of(self.output) if self.output.exists() else ""
        reasons = COMPLAINT.findall(said)[:1]
        logs = sorted(self.data.glob("log/*.log"), key=lambda path: path.stat().st_mtime)
        if not reasons and logs and "logging collector" in said:
            reasons = COMPLAINT.findall(_end_of(logs[-1]))
        if not reasons:
            return said.strip().rpartition("\n")[2] or "nothing"
        reason, hint = reasons[-1]
        return f"{reason}. {hint}".rstrip(". ")

    def _name(self) -> str:
        """Unique on this machine: a living server keeps its folder's inode from being reused."""
        folder = self.data.stat() if self.data.exists() else self.home.stat()
        return f"vestec-{folder.st_dev:x}-{folder.st_ino:x}"

    async def _create(self, lock: int) -> None:
        """`initdb` beside the place, then a rename; the next one removes what a killed one left."""
        beside = self.home / "data.new"
        await asyncio.to_thread(shutil.rmtree, beside, ignore_errors=True)
        beside.mkdir(mode=0o700)
        if account := account_for(self.data):
            os.chown(beside, account.uid, account.gid)
        await self._run(lock, beside, "initdb", *HOW_TO_MAKE)
        beside.rename(self.data)
        os.fsync(lock)

    def _forget_last_run(self) -> None:
        """Remove the lock files of a server that is gone, as we know who hold `home`'s lock.

        Only a server that somebody started by hand does not hold it.
        """
        pid_file = self.data / "postmaster.pid"
        if pid := writer_of(pid_file):
            raise EmbeddedServerError(
                f"A PostgreSQL server that was started by hand (process {pid}) uses {self.data}: "
                "stop it first."
            )
        pid_file.unlink(missing_ok=True)
        (self.data / f".s.PGSQL.{self.port}.lock").unlink(missing_ok=True)

    async def _run(self, lock: int, data: Path, program: str, *arguments: str) -> None:
        account = account_for(data)
        programs = await asyncio.to_thread(copied_programs if account else wheel_programs)
        process = self._spawn(lock, data, account, (programs / "bin" / program, *arguments))
        try:
            code = await asyncio.to_thread(process.wait)
        except asyncio.CancelledError:
            process.kill()
            process.wait()  # who waited in a thread may not have come to it
            raise
        if code != 0:
            raise EmbeddedServerError(
                f"PostgreSQL's {program} failed in {data}: {self.complaint()}. "
                f"The whole of it is in {self.output}."
            )

    def _spawn(
        self, lock: int, data: Path, account: Account | None, command: tuple[Path | str, ...]
    ) -> subprocess.Popen[bytes]:
        """Start a program of PostgreSQL's on `data`; not with asyncio: uvloop knows no `user`."""
        with closing(os.open(data, os.O_RDONLY)) as door, self.output.open("wb") as output:
            return subprocess.Popen(
                [*command, "-D", f"/proc/self/fd/{door}"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=ENVIRONMENT,
                cwd="/",
                umask=0o077,
                pass_fds=(lock, door),
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )


def _end_of(path: Path, size: int = 65536) -> str:
    """The last `size` bytes of a text."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read().decode(errors="replace")
