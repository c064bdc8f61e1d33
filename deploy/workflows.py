"""The workflows that are installed, found by their entry points."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from workflows import Workflow

GROUP = "vestec.workflows"


class BrokenWorkflow(Exception):
    """An installed workflow cannot be used."""


def installed_workflows() -> Mapping[str, Workflow[Any, Any]]:
    """All workflows by kind; raises `BrokenWorkflow`, since a missing one would strand incidents."""
    found: dict[str, Workflow[Any, Any]] = {}
    for point in entry_points(group=GROUP):
        try:
            workflow = point.load()
        except Exception as error:
            raise BrokenWorkflow(f"workflow {point.name} ({point.value}): {error}") from error
        if not isinstance(workflow, Workflow):
            raise BrokenWorkflow(f"workflow {point.name} ({point.value}) is not a Workflow")
        if workflow.kind in found:
            raise BrokenWorkflow(f"two installed workflows are of the kind {workflow.kind}")
        found[workflow.kind] = workflow
    return found
