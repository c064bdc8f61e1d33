"""A connection to a server under test, as the ordinary user who may submit jobs there."""

import asyncio
import base64
from collections.abc import AsyncIterable
from pathlib import PurePosixPath

from interfaces.machines.connection import MIB, CommandCut, Completed
from interfaces.machines.framing import Frame
from interfaces.machines.layout import quoted
from interfaces.machines.local import LocalConnection
from tests.account import Login


class UserConnection(LocalConnection):
    """Scripts are the user's, and so are the files that they write; reading is everybody's."""

    def __init__(self, login: Login) -> None:
        super().__init__()
        self._login = login

    async def run(self, script: str, *, deadline: float, output_limit: int = MIB) -> Completed:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self._login.becoming, "/bin/sh", "-s", stdin=pipe, stdout=pipe, stderr=pipe
        )
        assert process.stdin
        assert process.stdout
        assert process.stderr
        frame = Frame(script)
        try:
            async with asyncio.timeout(deadline):
                process.stdin.write(frame.encode())
                process.stdin.close()
                return await frame.decode(process.stdout, process.stderr, output_limit)
        except TimeoutError:
            process.kill()
            raise CommandCut(f"a command had not ended after {deadline:g} s") from None
        finally:
            await process.wait()

    async def put(self, path: PurePosixPath, chunks: AsyncIterable[bytes]) -> None:
        data = base64.b64encode(b"".join([chunk async for chunk in chunks])).decode()
        script = f"mkdir -p {quoted(path.parent)} && echo {data} | base64 -d >{quoted(path)}"
        (await self.run(script, deadline=30)).checked()
