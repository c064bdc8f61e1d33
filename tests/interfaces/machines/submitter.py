"""A process that submits one job on `local` and then waits to be killed: BASE REQUEST-AS-JSON."""

import asyncio
import sys
from pathlib import PurePosixPath

from events.jobs import JobRequest
from interfaces.machines.connections.local import LocalConnection
from interfaces.machines.dialects.processes import Processes
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.shell import ShellBatchSystem


async def main(base: str, request: str) -> None:
    layout = Layout(PurePosixPath(base))
    async with ShellBatchSystem(LocalConnection(), Processes(layout, 2), layout) as system:
        job = JobRequest.model_validate_json(request)
        await system.prepare(job.token, {})
        print("prepared", flush=True)
        await system.submit(job, 1)
        print("submitted", flush=True)
        await asyncio.sleep(60)


asyncio.run(main(*sys.argv[1:]))
