"""Logs of a running system: JSON lines, or words where a person looks at them.

What is bound with `structlog.contextvars` (see `managers.runtime.about`) is on every line below it;
lines of libraries, which know only `logging`, look the same.
"""

import logging
import sys
from contextlib import suppress
from io import TextIOBase
from pathlib import Path
from typing import TextIO

import structlog
from structlog.typing import Processor

from interfaces.cli.errors import Complaint

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def logs_of(level: str, file: Path | None) -> None:
    """From now on, lines of at least `level` go to the end of the file, or to stderr.

    Raises `Complaint`, `OSError`.
    """
    stream = file.open("a", encoding="utf-8", buffering=1) if file else sys.stderr
    configure_logs(level, stream)


def configure_logs(level: str, stream: TextIO) -> None:
    """From now on, lines of at least `level` go to `stream`.

    Raises `Complaint` for a level that there is not.
    """
    number, lossy = _number(level), _Lossy(stream)
    structlog.configure(
        processors=[*_SHARED, *_rendering(stream)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(lossy),  # type: ignore[arg-type]  # all of it that is used
    )
    handler = logging.StreamHandler(lossy)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(stream),
            ],
            foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


class _Lossy(TextIOBase):
    """A stream that loses what it has no room for: whoever tells something goes on all the same."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def _rendering(stream: TextIO) -> list[Processor]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(default=str)]


def _number(level: str) -> int:
    numbers = {"debug": 10, "info": 20, "warning": 30, "error": 40}
    if level.lower() not in numbers:
        raise Complaint(f"The log level is one of {', '.join(numbers)}, not {level!r}.")
    return numbers[level.lower()]
