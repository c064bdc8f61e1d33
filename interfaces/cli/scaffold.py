"""The files of a new workflow: a package of its own, found by its entry point."""

from collections.abc import Mapping
from string import Template

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "vestec-$name"
version = "0.1.0"
description = "The workflow $name for VESTEC"
requires-python = ">=3.11"
dependencies = ["vestec"]

[project.optional-dependencies]
test = ["mypy", "pytest"]

[project.entry-points."vestec.workflows"]
$name = "$package:workflow"

[tool.setuptools]
packages = ["$package"]

[tool.setuptools.package-data]
$package = ["py.typed"]

[tool.pytest.ini_options]
pythonpath = ["."]
testpaths = ["tests"]

[tool.mypy]
strict = true
plugins = ["pydantic.mypy"]
"""

_README = """\
# $name

A workflow for VESTEC. `$package/workflow.py` is where to begin; the test runs it in milliseconds.

In the environment in which VESTEC is installed:

    python -m pip install -e '.[test]'
    python -m pytest
    mypy .
    vestec up
    vestec incidents create $name "A first one" --parameter threshold=3 --exercise
    vestec incidents activate ID
    echo "1 2 5" | vestec incidents push ID readings -
    vestec incidents show ID
"""

_INIT = '''\
"""The workflow $name."""

from $package.workflow import workflow

__all__ = ["workflow"]
'''

_WORKFLOW = '''\
"""Watches readings, and writes a warning when one is above a threshold."""

import math

from pydantic import BaseModel

from workflows import Arrival, Incident, Reject, Workflow


class Parameters(BaseModel):
    """What whoever creates an incident has to say."""

    threshold: float = 10.0


class Known(BaseModel):
    """What the stages keep for each other."""

    highest: float | None = None


class Readings(BaseModel):
    """The message of one stage to the next."""

    values: list[float]


workflow = Workflow(
    "$name", version=1, title="Watch readings", parameters=Parameters, state=Known
)


@workflow.on_activate
async def start(incident: Incident[Parameters, Known]) -> None:
    """Open an endpoint: what is pushed there goes to the first stage."""
    await incident.endpoints.push("readings", to=readings)


@workflow.stage(lane="readings")
async def readings(incident: Incident[Parameters, Known], arrival: Arrival) -> None:
    """Read what arrived; what cannot be read is refused and hurts nobody."""
    try:
        values = [float(word) for word in arrival.text().split()]
    except ValueError as error:
        raise Reject(str(error)) from error
    if not all(map(math.isfinite, values)):
        raise Reject("a reading is no finite number")
    above = [value for value in values if value > incident.parameters.threshold]
    before = [] if incident.state.highest is None else [incident.state.highest]
    incident.state.highest = max([*values, *before], default=None)
    if above:
        incident.send(warn, Readings(values=above))


@workflow.stage(lane="warnings")
async def warn(incident: Incident[Parameters, Known], found: Readings) -> None:
    """Make the warning a data set of the incident, and a line in its log."""
    text = f"{len(found.values)} readings above {incident.parameters.threshold}: {found.values}"
    await incident.data.register("warning.txt", text.encode(), media_type="text/plain")
    incident.note(text, level="warning")
'''

_TEST = '''\
"""The workflow, rehearsed: each stage is killed at every answer and has to do the same again."""

from workflows.testing import Kit, rehearse

from $package import workflow


@rehearse(workflow)
async def test_a_high_reading_leads_to_a_warning(kit: Kit) -> None:
    incident = await kit.start({"threshold": 3})
    await kit.push(incident, "readings", "1 2 5")
    warning = (await kit.data_sets(incident))["warning.txt"]
    assert await kit.blobs.get(warning.blob) == b"1 readings above 3.0: [5.0]"


@rehearse(workflow)
async def test_low_readings_lead_to_nothing(kit: Kit) -> None:
    incident = await kit.start({"threshold": 3})
    await kit.push(incident, "readings", "1 2")
    assert await kit.data_sets(incident) == {}


@rehearse(workflow)
async def test_what_is_no_number_is_refused_and_hurts_nobody(kit: Kit) -> None:
    incident = await kit.start({"threshold": 3})
    await kit.push(incident, "readings", "a lot")
    await kit.push(incident, "readings", "nan")
    await kit.push(incident, "readings", "5")
    assert any("could not convert" in note for note in await kit.notes(incident))
    assert "warning.txt" in await kit.data_sets(incident)
'''


def files_of(name: str, package: str) -> Mapping[str, str]:
    """The text of each file by its path, for a workflow's kind and the name of its package."""
    templates = {
        "pyproject.toml": _PYPROJECT,
        "README.md": _README,
        f"{package}/__init__.py": _INIT,
        f"{package}/workflow.py": _WORKFLOW,
        f"{package}/py.typed": "",
        f"tests/test_{package}.py": _TEST,
    }
    return {
        path: Template(text).substitute(name=name, package=package)
        for path, text in templates.items()
    }
