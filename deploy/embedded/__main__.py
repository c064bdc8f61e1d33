"""`python -m deploy.embedded FOLDER`: the server of a data folder alone, for psql, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from deploy.embedded.errors import EmbeddedServerError
from deploy.embedded.server import EmbeddedServer


async def serve(folder: Path) -> None:
    """Run the server of `folder` until SIGINT or SIGTERM, after one line with its URL."""
    asked_to_end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_end.set)
    async with EmbeddedServer.open(folder) as server:
        print(server.url, flush=True)
        await asked_to_end.wait()


def main() -> None:
    """Serve the folder named by the only argument."""
    try:
        asyncio.run(serve(Path(sys.argv[1])))
    except EmbeddedServerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
