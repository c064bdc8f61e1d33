"""Servers that a machine may lack: tests of them are skipped, and `tests/conftest.py` shouts it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SKIPPED_WITHOUT = re.compile(r"without (?P<server>[\w ]+): (?P<reason>.*)", re.DOTALL)
"""How the reason reads for which a test was skipped."""


@contextmanager
def must_have(server: str, *missing: type[Exception]) -> Iterator[None]:
    """Skip what cannot be tested here, unless this is a test of every change."""
    try:
        yield
    except missing as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"without {server}: {error}")
