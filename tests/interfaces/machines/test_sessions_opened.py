"""Sessions that are not left open or kept from others, and files that outlive a loss of power."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, cast

import asyncssh
import pytest

from interfaces.machines.connections.ssh.login import Line
from interfaces.machines.connections.ssh.session import opened
from tests.interfaces.machines.conftest import chunks
from tests.interfaces.machines.test_ssh import connection_to, said
from tests.patience import PATIENCE
from tests.sshd import Sshd


@pytest.mark.parametrize("turns", range(6))
async def test_a_session_that_opens_while_who_wants_it_is_cancelled_is_closed(turns: int) -> None:
    closed: list[bool] = []
    channel = SimpleNamespace(close=lambda: closed.append(True))
    answer = asyncio.Event()

    async def open_session(**_: object) -> tuple[Any, ...]:
        await answer.wait()
        return SimpleNamespace(channel=channel), None, None

    line = cast("Line", SimpleNamespace(connection=SimpleNamespace(open_session=open_session)))
    wanting = asyncio.create_task(opened(line, 60, command="sh"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    answer.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    was_given = not wanting.cancel()
    await asyncio.wait([wanting])
    for _ in range(3):
        await asyncio.sleep(0)
    assert bool(closed) is not was_given
    assert wanting.cancelled() is not was_given


@pytest.mark.parametrize("there", [b"", b"a map"])
async def test_a_file_is_synchronized_though_that_is_cut_or_all_was_there_before(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bytes
) -> None:
    asked: list[bool] = []
    synchronize = asyncssh.SFTPClientFile.fsync

    async def cut_at_first(file: asyncssh.SFTPClientFile) -> None:
        asked.append(True)
        if len(asked) == 1:
            raise asyncssh.SFTPConnectionLost("cut")
        await synchronize(file)

    monkeypatch.setattr(asyncssh.SFTPClientFile, "fsync", cut_at_first)
    (tmp_path / f".part-{hashlib.sha256(b'input').hexdigest()[:16]}").write_bytes(there)
    async with connection_to(sshd) as connection:
        await connection.put(PurePosixPath(tmp_path / "input"), chunks(b"a map"))
    assert len(asked) == 2
    assert (tmp_path / "input").read_bytes() == b"a map"


async def test_a_transfer_in_the_only_session_lets_commands_in_between(
    sshd: Sshd, tmp_path: Path
) -> None:
    async with asyncio.timeout(PATIENCE), connection_to(sshd, sessions=1) as connection:

        async def interrupted() -> AsyncIterator[bytes]:
            yield b"a map" * (2 << 20)  # more than is held back before it is sent
            assert await said(connection) == "here\n"
            yield b" of it"

        await connection.put(PurePosixPath(tmp_path / "input"), interrupted())
    assert (tmp_path / "input").read_bytes().endswith(b"a map of it")
