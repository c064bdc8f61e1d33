"""Commands that a test runs to their end, or does away with."""

import asyncio
import os
import signal
from contextlib import suppress

from interfaces.machines.connection import Completed

_PIPE = asyncio.subprocess.PIPE


async def completed(*command: str, within: float = 30.0) -> Completed:
    """Run a command; after so many seconds it and its children are killed.

    A child that lived on would keep the pipes open, for which asyncio waits. Raises `TimeoutError`.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=_PIPE,
        stderr=_PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(within):
            stdout, stderr = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    return Completed(await process.wait(), stdout.decode(), stderr.decode())
