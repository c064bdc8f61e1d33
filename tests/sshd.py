"""Real SSH servers on loopback for tests, each with its own configuration, keys and clients."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import pytest
from pydantic import JsonValue

from deploy.ports import free_ports
from tests.without import must_have

HOST = "127.0.0.1"
_SSHD = "/usr/sbin/sshd"
_SFTP = "/usr/lib/openssh/sftp-server"


class Sshd:
    """A server that lets in who runs the tests, with the key `user` in its folder."""

    def __init__(self, folder: Path, *lines: str) -> None:
        """`lines` are added to its configuration, and win; `{folder}` in them is its folder."""
        self.folder = folder
        (self.port,) = free_ports(1)
        self.lines = [line.replace("{folder}", str(folder)) for line in lines]
        self._process: subprocess.Popen[bytes] | None = None
        _require()
        self.home = folder / "home"
        """Of who logs in: without the start-up files of this computer's users."""
        self.home.mkdir(parents=True, exist_ok=True)
        for name in ("host", "user"):
            make_key(folder / name)
        (folder / "authorized_keys").write_text(self.public("user"))
        self.know(self.public("host"))

    def public(self, name: str) -> str:
        return (self.folder / f"{name}.pub").read_text()

    def know(self, key: str) -> None:
        """Let clients know a host key, and no other."""
        (self.folder / "known_hosts").write_text(f"[{HOST}]:{self.port} {key}")

    def access(self, **others: JsonValue) -> dict[str, JsonValue]:
        """What a client has to know."""
        usual: dict[str, JsonValue] = {
            "host": f"{HOST}:{self.port}",
            "key": str(self.folder / "user"),
            "agent": False,
            "known_hosts": str(self.folder / "known_hosts"),
        }
        return {name: said for name, said in {**usual, **others}.items() if said is not None}

    def openssh_config(self) -> Path:
        """A configuration of `ssh` that knows the server as `cluster`."""
        file = self.folder / "ssh_config"
        file.write_text(
            f"Host cluster\n  HostName {HOST}\n  Port {self.port}\n"
            f"  IdentityFile {self.folder}/user\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.folder}/known_hosts\n  StrictHostKeyChecking yes\n"
        )
        return file

    def start(self) -> None:
        configuration = [
            *self.lines,
            f"Port {self.port}",
            f"ListenAddress {HOST}",
            f"HostKey {self.folder}/host",
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "MaxStartups 100",
            f"SetEnv HOME={self.home}",
            "LogLevel VERBOSE",
        ]
        if not any(line.startswith("Subsystem") for line in self.lines):
            configuration.append(f"Subsystem sftp {_SFTP}")
        file = self.folder / "sshd_config"
        file.write_text("\n".join(configuration) + "\n")
        with (self.folder / "log").open("ab") as log:
            command = [_SSHD, "-D", "-e", "-f", str(file)]
            self._process = subprocess.Popen(command, stderr=log, start_new_session=True)
        until = time.monotonic() + 10
        while not _answers(self.port):
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.01)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def kill(self) -> None:
        """It and all its connections, at once; what they had begun lives on."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)  # it takes no more connections
        for pid in reversed(_family(self._process.pid, "sshd")):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """A server as Debian configures it, for the session."""
    with TemporaryDirectory(prefix="vestec-sshd-") as folder, Sshd(Path(folder)) as server:
        yield server


@pytest.fixture
def sshds(tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    """Makes servers of a test's own, yet to be started, with lines of configuration."""
    made: list[Sshd] = []

    def make(*lines: str) -> Sshd:
        made.append(Sshd(tmp_path / f"sshd-{len(made)}", *lines))
        return made[-1]

    yield make
    for server in made:
        server.__exit__()


class SshdMissing(Exception):
    """There is no SSH server here."""


def _require() -> None:
    with must_have("sshd", SshdMissing):
        if not Path(_SSHD).exists():
            raise SshdMissing("install the package openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where the package says it must be


def _family(pid: int, name: str) -> list[int]:
    """A process and those of its descendants that run the same program."""
    children: list[str] = []
    with suppress(OSError):  # it may have ended
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    same = [int(child) for child in children if _name(child) == name]
    return [pid, *(one for child in same for one in _family(child, name))]


def _name(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def make_key(path: Path, *options: str) -> None:
    """A new key pair, without a passphrase."""
    path.unlink(missing_ok=True)
    passphrase = () if "-N" in options else ("-N", "")
    run_keygen("-q", "-t", "ed25519", *passphrase, "-f", str(path), *options)


def run_keygen(*arguments: str) -> None:
    subprocess.run(["ssh-keygen", *arguments], check=True, stdout=subprocess.DEVNULL)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False
