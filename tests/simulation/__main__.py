"""`python -m tests.simulation SEED`: one seed, told step by step."""

import sys

import structlog
from structlog.typing import EventDict, WrappedLogger

from tests.simulation.world import simulate


def _in_one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    what = event.pop("event")
    return f"{what:>26}: " + " ".join(f"{name}={value}" for name, value in event.items())


if __name__ == "__main__":
    structlog.configure(
        processors=[_in_one_line],
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
    )
    print(simulate(int(sys.argv[1]), trace=print))
