"""The command line: `python -m firespread forecast`, `verify` and `draw`, in a job's folder."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import InputError
from .forecast import forecast, record_start
from .verify import verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when done, 2 when the input is wrong."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "forecast":
            record_start(options.folder)
            forecast(options.folder, options.processes)
        elif options.command == "verify":
            verify(options.folder)
        else:
            _draw(options.folder)
    except InputError as error:
        print(f"firespread: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="firespread",
        description="An ensemble forecast of wildfire spread, and its score against the next pass.",
        epilog="README.md describes the files. Exit code 2: wrong input, stderr says what to do.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "forecast",
        help="burn the ensemble of request.json, landscape.tif and weather.csv",
    )
    run.add_argument(
        "--processes",
        type=_count,
        default=2,
        help="processes to use (default 2); changes no result",
    )
    check = commands.add_parser(
        "verify", help="score a forecast against detections.json, into scores.json"
    )
    show = commands.add_parser("draw", help="draw map.png and, where scored, map-verified.png")
    for command in (run, check, show):
        command.add_argument(
            "--folder", type=_folder, default=Path(), help="the job's folder (default: here)"
        )
    return parser


def _draw(folder: Path) -> None:
    """Only pictures need matplotlib."""
    try:
        from .picture import draw
    except ModuleNotFoundError as error:
        raise InputError(
            f"Pictures need {error.name}: pip install --require-hashes -r requirements.lock."
        ) from error
    draw(folder)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a number above zero is needed")
    return int(text)


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return Path(text)


if __name__ == "__main__":
    sys.exit(main())
