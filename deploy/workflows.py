"""The workflows that this system runs: the installed ones, by their entry points, and named ones.

To name one (`VESTEC_WORKFLOWS`) is for its author, who can run it without installing it.
"""

import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from workflows import Workflow

GROUP = "vestec.workflows"


class BrokenWorkflow(Exception):
    """A workflow that is installed or was named cannot be used."""


def installed_workflows(named: str = "") -> Mapping[str, Workflow[Any, Any]]:
    """All workflows by kind, with those in `named`: `module:attribute,…`.

    Raises `BrokenWorkflow`, since a missing one would strand incidents.
    """
    found: dict[str, Workflow[Any, Any]] = {}
    for point in (*entry_points(group=GROUP), *_points(named)):
        workflow = _load(point)
        if workflow.kind in found:
            raise BrokenWorkflow(f"two workflows are of the kind {workflow.kind}")
        found[workflow.kind] = workflow
    return found


def _points(named: str) -> Iterator[EntryPoint]:
    if named and "" not in sys.path:
        sys.path.append("")
    for value in filter(None, map(str.strip, named.split(","))):
        yield EntryPoint(value, value, GROUP)


def _load(point: EntryPoint) -> Workflow[Any, Any]:
    try:
        workflow = point.load()
    except Exception as error:
        raise BrokenWorkflow(f"workflow {point.name} ({point.value}): {error}") from error
    if not isinstance(workflow, Workflow):
        raise BrokenWorkflow(f"workflow {point.name} ({point.value}) is not a Workflow")
    return workflow
