"""A connection to a fake machine: scripts are run there, files lie in its folder."""

from collections.abc import AsyncIterable, AsyncIterator
from pathlib import PurePosixPath
from typing import Self

from interfaces.machines.connection import MIB, Completed, FileMissing
from interfaces.machines.testing import FakeMachine


class FakeConnection:
    """`Connection` without a shell of its own, and without files."""

    shell_startup: float | None = None
    notice = ""
    piece: int | None = None

    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    async def run(self, script: str, *, deadline: float, output_limit: int = MIB) -> Completed:
        return self._machine.run(script)

    async def put(self, path: PurePosixPath, chunks: AsyncIterable[bytes]) -> None:
        raise NotImplementedError

    async def get(
        self, path: PurePosixPath, *, within: PurePosixPath, limit: int
    ) -> AsyncIterator[bytes]:
        raise FileMissing(str(path))
        yield b""
