"""What tests of the command line share."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Commands configure logs for their own process."""
    yield
    structlog.reset_defaults()
