"""What is made of bytes that somebody else carries: nothing arrives that was not sent."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path, PurePosixPath

import pytest

from interfaces.machines.connection import MIB, Completed, FileUnfit, MachineError
from interfaces.machines.connections.local import LocalConnection
from interfaces.machines.connections.remote_files import RemoteFiles, ShellTransfer

CONTENT = bytes(range(256)) * 100


class Careless(ShellTransfer):
    """Changes a byte on the way."""

    async def write(self, part: PurePosixPath, at: int, data: bytes) -> None:
        await super().write(part, at, data[:100] + b"?" + data[101:])


class Elsewhere(ShellTransfer):
    """Writes where nobody sees it."""

    async def write(self, part: PurePosixPath, at: int, data: bytes) -> None:
        Path(part).unlink(missing_ok=True)  # noqa: ASYNC240


async def content() -> AsyncIterator[bytes]:
    yield CONTENT


@pytest.mark.parametrize(
    ("kind", "why"), [(Careless, "it arrived damaged"), (Elsewhere, "is not seen there")]
)
async def test_what_does_not_arrive_as_it_was_sent_does_not_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[ShellTransfer], why: str
) -> None:
    monkeypatch.setattr("interfaces.machines.connections.remote_files._PATIENCE", (0.01,))
    place = tmp_path / "map"
    place.write_bytes(b"an older one")
    async with LocalConnection() as connection:
        files = RemoteFiles(connection.run, lambda: nullcontext(kind(connection.run)))
        with pytest.raises(MachineError, match=why):
            await files.put(PurePosixPath(place), content())
        assert [path.name for path in tmp_path.iterdir()] == ["map"]  # noqa: ASYNC240
        assert place.read_bytes() == b"an older one"
        files = RemoteFiles(connection.run, lambda: nullcontext(ShellTransfer(connection.run)))
        await files.put(PurePosixPath(place), content())
        assert place.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("realpath: '/x': Input/output error", "Input/output error"),
        ("realpath: '/x': Stale file handle", "Stale file handle"),
        ("sh: 3: realpath: not found", "not found"),
    ],
)
async def test_what_may_be_read_later_is_not_given_up(
    tmp_path: Path, trouble: str, reason: str
) -> None:
    (tmp_path / "map").write_bytes(CONTENT)
    async with LocalConnection() as connection:

        async def run(script: str, *, deadline: float, output_limit: int = MIB) -> Completed:
            broken = f'realpath() {{ echo "{trouble}" >&2; return 1; }}\n{script}'
            return await connection.run(broken, deadline=deadline, output_limit=output_limit)

        files = RemoteFiles(run, lambda: nullcontext(ShellTransfer(run)))
        with pytest.raises(MachineError, match=f"cannot read .*/map: {reason}") as given:
            await anext(
                files.get(
                    PurePosixPath(tmp_path / "map"), within=PurePosixPath(tmp_path), limit=MIB
                )
            )
        assert not isinstance(given.value, FileUnfit)
