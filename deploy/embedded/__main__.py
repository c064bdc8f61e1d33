"""`python -m deploy.embedded FOLDER`: the server of a data folder alone, for psql, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from deploy.embedded.errors import EmbeddedServerError
from deploy.embedded.server import EmbeddedServer
from interfaces.cli.logs import configure_logs


async def serve(folder: Path) -> None:
    """Run the server of `folder` until SIGINT or SIGTERM, after one line with its URL."""
    asked_to_end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_end.set)
    async with EmbeddedServer.open(folder) as server:
        print(server.url, flush=True)
        await asked_to_end.wait()


def main() -> None:
    """Serve the folder that is named."""
    parser = argparse.ArgumentParser("python -m deploy.embedded", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    configure_logs("info", sys.stderr)
    try:
        asyncio.run(serve(folder))
    except EmbeddedServerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
