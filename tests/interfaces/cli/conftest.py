"""What tests of the command line share."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Commands configure logs for their own process."""
    before = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = before
    structlog.reset_defaults()
