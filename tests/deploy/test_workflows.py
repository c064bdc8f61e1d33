"""Which workflows a system runs."""

from pathlib import Path

import pytest

from deploy.workflows import BrokenWorkflow, installed_workflows


def test_installed_ones_are_found() -> None:
    assert {"simple", "wildfire"} <= installed_workflows().keys()


def test_named_ones_run_without_being_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'from workflows import Workflow\nmine = Workflow("mine", version=1, title="Mine")\n'
    (tmp_path / "not_installed_at_all.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    found = installed_workflows("tests.chaos.drill:drill, not_installed_at_all:mine")
    assert {"simple", "wildfire", "drill", "mine"} <= found.keys()


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("no_such_module:w", "No module named"),
        ("workflows.simple:nothing", "no attribute 'nothing'"),
        ("workflows.simple", "is not a Workflow"),
        ("workflows.simple:simple", "two workflows are of the kind simple"),
    ],
)
def test_a_wrong_name_is_told(named: str, said: str) -> None:
    with pytest.raises(BrokenWorkflow, match=said):
        installed_workflows(named)
