"""What every test starts from, and what is shouted in the end."""

import os
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

# Here, so that one server serves all folders of tests.
from tests.brokers import (
    distant_kafka,
    distant_url,
    kafka,
    kafka_url,
    mortal_kafka,
    proxy,
)
from tests.gridengine import gridengine
from tests.room import ROOM
from tests.s3 import mortal_s3, s3
from tests.sharing import Sharing
from tests.slurm import slurm
from tests.sshd import sshd, sshds
from tests.without import SKIPPED_WITHOUT

# Other folders use them as well.
pytest.register_assert_rewrite("tests.contract.log_contract", "tests.contract.log_processes")

__all__ = [
    "distant_kafka",
    "distant_url",
    "gridengine",
    "kafka",
    "kafka_url",
    "mortal_kafka",
    "mortal_s3",
    "proxy",
    "s3",
    "slurm",
    "sshd",
    "sshds",
]

os.environ["TMPDIR"] = tempfile.tempdir = str(ROOM)
# A broker that lives for seconds is not worth optimising.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")

# Machines may be busy with much else.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def logs_as_nobody_set_them() -> Iterator[None]:
    """A command run inside a test sets the logs of the whole process."""
    yield
    structlog.reset_defaults()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing | None:
    return Sharing(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was not tested on a real server, and why, where nobody can overlook it."""
    skipped: dict[str, dict[str, list[str]]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        said = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if found := SKIPPED_WITHOUT.search(said):
            reasons = skipped.setdefault(found["server"], {})
            reasons.setdefault(found["reason"], []).append(report.nodeid)
    for server, reasons in skipped.items():
        terminalreporter.section(f"NOT TESTED ON {server.upper()}", red=True, bold=True)
        for reason, tests in reasons.items():
            terminalreporter.line(reason, red=True)
            for test in tests:
                terminalreporter.line(f"    {test}")
