"""What every test starts from."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logs_as_nobody_set_them() -> Iterator[None]:
    """A command run inside a test sets the logs of the whole process."""
    yield
    structlog.reset_defaults()
