"""`python -m benchmarks NAME --engine memory|postgres|kafka|URL [--json]`; `--log`: the same."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

import uvloop

import benchmarks
from benchmarks.engines import ENGINES
from benchmarks.result import Result
from deploy.garbage import collect_seldom
from interfaces.cli.logs import configure_logs

PARTS = {"__main__", "result", "engines", "history", "jobs"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one benchmark and print what it found."""
    names = sorted({module.name for module in iter_modules(benchmarks.__path__)} - PARTS)
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=names)
    parser.add_argument("--engine", "--log", default="postgres", help=ENGINES)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--events", type=int, help="in the log that `rebuild` begins with")
    chosen = parser.parse_args(arguments)
    if chosen.engine not in ("memory", "postgres", "kafka") and "://" not in chosen.engine:
        parser.error(f"there is no engine {chosen.engine!r}; there are: {ENGINES}")
    if chosen.events is not None and chosen.name != "rebuild":
        parser.error("--events is for `rebuild` alone")
    configure_logs("warning", sys.stderr)
    collect_seldom()
    run = import_module(f"benchmarks.{chosen.name}").run
    options = {} if chosen.events is None else {"events": chosen.events}
    result: Result = uvloop.run(run(chosen.engine, **options))
    print(result.as_json() if chosen.json else result.as_text())


if __name__ == "__main__":
    main()
