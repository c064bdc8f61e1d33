"""What a process that was killed had written of a file is not sent again."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path, PurePosixPath

import pytest

from interfaces.machines.connection import MIB
from interfaces.machines.connections.remote_files import ShellTransfer
from interfaces.machines.connections.ssh import SshAccess, SshConnection
from interfaces.machines.connections.ssh.sftp import SftpTransfer
from tests.sshd import Sshd

SIZE, WRITTEN, BLOCK = 20 * MIB, 17 * MIB, 8 * MIB
PUTS = """
import asyncio, json, sys
from pathlib import Path, PurePosixPath
from interfaces.machines.connections.ssh import SshAccess, SshConnection

access, source, place, written = sys.argv[1:]

async def chunks():
    data = Path(source).read_bytes()[: int(written)]
    for at in range(0, len(data), 1 << 20):
        yield data[at : at + (1 << 20)]
    print("written", flush=True)
    await asyncio.Event().wait()

async def main():
    async with SshConnection(SshAccess(**json.loads(access))) as connection:
        await connection.put(PurePosixPath(place), chunks())

asyncio.run(main())
"""


async def in_chunks(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), MIB):
        yield data[at : at + MIB]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Where in a file something was written, in bytes."""
    places: list[int] = []
    for kind in (SftpTransfer, ShellTransfer):
        write = kind.write

        async def noted(
            self: object, part: PurePosixPath, at: int, data: bytes, write: object = write
        ) -> None:
            places.append(at)
            await write(self, part, at, data)  # type: ignore[operator]

        monkeypatch.setattr(kind, "write", noted)
    return places


@pytest.fixture(params=[(), ("Subsystem sftp /bin/false",)], ids=["SFTP", "shell"])
def server(request: pytest.FixtureRequest, sshds: Callable[..., Sshd]) -> Sshd:
    server: Sshd = sshds(*request.param)
    server.start()
    return server


def killed_while_putting(server: Sshd, source: Path, place: Path) -> None:
    """A process that has written some of a file, and is no more."""
    words = (json.dumps(server.access()), str(source), str(place), str(WRITTEN))
    with subprocess.Popen([sys.executable, "-c", PUTS, *words], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"written\n" in iter(process.stdout.readline, b"")
        process.send_signal(signal.SIGKILL)


async def put(server: Sshd, data: bytes, place: Path) -> None:
    async with SshConnection(SshAccess(**server.access())) as connection:
        await connection.put(PurePosixPath(place), in_chunks(data))


async def test_another_process_goes_on(server: Sshd, tmp_path: Path, sent: list[int]) -> None:
    data, source, place = os.urandom(SIZE), tmp_path / "source", tmp_path / "there" / "film"
    source.write_bytes(data)
    await asyncio.to_thread(killed_while_putting, server, source, place)
    assert [path.name[:6] for path in place.parent.iterdir()] == [".part-"]
    await put(server, data, place)
    assert min(sent) == WRITTEN // BLOCK * BLOCK
    assert place.read_bytes() == data
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize("size", [SIZE, 9 * MIB, 100])
async def test_what_was_written_of_another_content_is_not_kept(
    server: Sshd, tmp_path: Path, sent: list[int], size: int
) -> None:
    source, place = tmp_path / "source", tmp_path / "film"
    source.write_bytes(os.urandom(SIZE))
    await asyncio.to_thread(killed_while_putting, server, source, place)
    data = os.urandom(size)
    await put(server, data, place)
    assert min(sent) == 0
    assert place.read_bytes() == data
