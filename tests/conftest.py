"""What every test starts from, and what is shouted in the end."""

from collections.abc import Iterator

import pytest
import structlog

# Here, so that one broker serves all folders of tests.
from tests.brokers import (
    WITHOUT_KAFKA,
    distant_kafka,
    distant_url,
    kafka,
    kafka_url,
    mortal_kafka,
    proxy,
)

__all__ = ["distant_kafka", "distant_url", "kafka", "kafka_url", "mortal_kafka", "proxy"]


@pytest.fixture(autouse=True)
def logs_as_nobody_set_them() -> Iterator[None]:
    """A command run inside a test sets the logs of the whole process."""
    yield
    structlog.reset_defaults()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was not tested on Kafka, and why, where nobody can overlook it."""
    skipped = {
        report.nodeid: report.longrepr[2].partition(WITHOUT_KAFKA)[2]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and WITHOUT_KAFKA in report.longrepr[2]
    }
    if skipped:
        terminalreporter.section("NOT TESTED ON KAFKA", red=True, bold=True)
        for reason in dict.fromkeys(skipped.values()):
            terminalreporter.line(reason, red=True)
        for test in skipped:
            terminalreporter.line(f"    {test}")
