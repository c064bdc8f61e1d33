"""The pages about machines and batch systems name all that can be said."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from events.checkups import Question
from events.machines import MachineFolders, MachineLimits
from interfaces.machines.dialects.batch_settings import BatchSettings, DatedSettings, OwnSettings
from interfaces.machines.dialects.sge.settings import SgeSettings
from workflows.simulations import Needs

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "batch-systems.md").read_text(encoding="utf-8")
MACHINES = (DOCS / "machines.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("model", [OwnSettings, BatchSettings, DatedSettings, SgeSettings])
def test_settings_of_a_site(model: type[BaseModel]) -> None:
    assert not [name for name in model.model_fields if f"`{name}`" not in PAGE]


def test_limits_of_a_machine_and_lines_of_a_check() -> None:
    names = [*MachineLimits.model_fields, *MachineFolders.model_fields, *Question]
    assert not [name for name in names if f"`{name}`" not in MACHINES]


def test_needs_of_a_simulation() -> None:
    assert not [name for name in Needs.__annotations__ if f"`{name}`" not in PAGE]
