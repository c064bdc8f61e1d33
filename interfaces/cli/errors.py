"""Errors as a person at a terminal should meet them: one red line that says what to do."""

import errno
import os
import sys
import traceback

import asyncpg
import typer
from pydantic import ValidationError

from bus import ClockWrong, Doubt, LogError
from bus.tasks import first
from deploy.embedded import EmbeddedServerError
from deploy.secrets import WrongKey
from deploy.workflows import BrokenWorkflow
from events.prose import describe
from interfaces.machines.connection import WrongSettings
from interfaces.sensors import FeedsError
from managers.blobs import BlobStoreError
from managers.neighbours import BlobsElsewhere
from projections import UnknownProjection
from projections.builds import NewerVersion

_SHOW_WHERE = "VESTEC_LOG_LEVEL=debug shows where"
_EXPECTED = (
    EmbeddedServerError,
    WrongKey,
    LogError,
    ClockWrong,
    BrokenWorkflow,
    BlobStoreError,
    BlobsElsewhere,
    UnknownProjection,
    NewerVersion,
    FeedsError,
    WrongSettings,
)
"""Their sentences are made for people."""


class Complaint(typer.TyperException):
    """What a user can do something about."""


def complain(error: BaseException) -> int:
    """Print an error as one red line; the exit code it deserves."""
    error = first(error)
    sentence, code = _understood(error)
    if sentence is None:
        sentence = f"This is a defect: {type(error).__name__}: {error} ({_SHOW_WHERE})."
        if os.environ.get("VESTEC_LOG_LEVEL", "").lower() == "debug":
            traceback.print_exception(error)
    if sentence:
        red = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        line = " ".join(sentence.split())
        print(f"\033[31m{line}\033[0m" if red else line, file=sys.stderr)
    return code


def _understood(error: BaseException) -> tuple[str | None, int]:
    """The sentence and the exit code; None: nobody thought of this."""
    match error:
        case typer.TyperException():
            return _of_typer(error), error.exit_code
        case KeyboardInterrupt() | typer.Abort():
            return "interrupted", 130
        case ValidationError():
            return f"Wrong setting or value: {describe(error)}.", 1
        case Doubt():
            return f"Nobody knows whether it was sent ({error}); look, then try again.", 1
        case _ if isinstance(error, _EXPECTED):
            return str(error), 1
        case asyncpg.PostgresError() | asyncpg.InterfaceError() | TimeoutError():
            return f"The database cannot be used now: {error or 'it did not answer in time'}.", 1
        case OSError() if error.errno == errno.EADDRINUSE:
            return f"{error.strerror}. Choose another with --port (0: any free one).", 1
        case OSError():
            where = f": {error.filename}" if error.filename else ""
            return f"{error.strerror or error}{where}", 1
    return None, 1


def _of_typer(error: typer.TyperException) -> str:
    if type(error).__name__ == "NoArgsIsHelpError":
        return ""
    ctx = getattr(error, "ctx", None)
    hint = f" See: {ctx.command_path} --help" if ctx else ""
    return f"{error.format_message()}{hint}"
