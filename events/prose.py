"""What people write and exceptions say, as events hold it: never too long, always UTF-8.

A reason, an error, a remark may be of any length and out of any source; a record of the log may
not. Where something was cut, a sign says how much.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, ValidationError

PROSE_CHARACTERS = 2000
TRACEBACK_CHARACTERS = 8000

_SIGN_CHARACTERS = 60
"""Room for the sign."""


def cut(text: str) -> str:
    """The beginning of a text; cut again it stays the same."""
    text = _utf8(text)
    if len(text) <= PROSE_CHARACTERS:
        return text
    kept = PROSE_CHARACTERS - _SIGN_CHARACTERS
    return f"{text[:kept]} … {_sign(len(text) - kept)}"


def day(moment: float) -> str:
    """The day, in UTC, of a moment in seconds since the epoch."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def cut_before(text: str) -> str:
    """The end of a text; cut again it stays the same."""
    text = _utf8(text)
    if len(text) <= TRACEBACK_CHARACTERS:
        return text
    kept = TRACEBACK_CHARACTERS - _SIGN_CHARACTERS
    return f"{_sign(len(text) - kept)} … {text[-kept:]}"


def _sign(gone: int) -> str:
    return f"({gone} more characters were cut)"


def _utf8(text: str) -> str:
    """A file's odd name, quoted by an exception, holds what no UTF-8 can say: that is escaped."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


Fault = tuple[str, str]
"""Where something is wrong (`access.host`; empty: with all of it), and what."""


def faults_of(error: ValidationError) -> list[Fault]:
    """All that is wrong."""
    wrong = error.errors(include_url=False, include_context=False, include_input=False)
    return [(".".join(map(str, one["loc"])), one["msg"]) for one in wrong]


def describe(error: ValidationError) -> str:
    """What is wrong where, on one line."""
    sentences = (f"{where}: {what}" for where, what in faults_of(error))
    return "; ".join(sentence.removeprefix(": ") for sentence in sentences)


Prose = Annotated[str, AfterValidator(cut)]
"""A reason, an error, a remark."""

Traceback = Annotated[str, AfterValidator(cut_before)]
"""Where it went wrong: what matters is at the end."""
