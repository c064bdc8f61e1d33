"""`python -m deploy.kafka [--brokers 3]`: Kafka on loopback in a temporary folder, until Ctrl-C."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.kafka import KafkaFailed, KafkaMissing, running_cluster


async def serve(brokers: int) -> None:
    """Run until SIGINT or SIGTERM, after one line with the URL of the log."""
    asked_to_end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_end.set)
    with TemporaryDirectory(prefix="vestec-kafka-") as folder:
        async with running_cluster(Path(folder), brokers) as cluster:
            print(cluster.url, flush=True)
            await asked_to_end.wait()


def main() -> None:
    """Run as many brokers as asked for."""
    parser = argparse.ArgumentParser("python -m deploy.kafka", description=__doc__)
    parser.add_argument("--brokers", type=int, default=1, choices=(1, 3))
    try:
        asyncio.run(serve(parser.parse_args().brokers))
    except (KafkaMissing, KafkaFailed) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
