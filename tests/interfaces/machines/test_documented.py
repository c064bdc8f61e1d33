"""The page about batch systems names all that can be said."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from interfaces.machines.batch_settings import BatchSettings, OwnSettings
from interfaces.machines.sge.settings import SgeSettings
from interfaces.machines.slurm.settings import SlurmSettings
from workflows.simulations import Needs

PAGE = (Path(__file__).parents[3] / "docs" / "batch-systems.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("model", [OwnSettings, BatchSettings, SlurmSettings, SgeSettings])
def test_settings_of_a_site(model: type[BaseModel]) -> None:
    assert not [name for name in model.model_fields if f"`{name}`" not in PAGE]


def test_needs_of_a_simulation() -> None:
    assert not [name for name in Needs.__annotations__ if f"`{name}`" not in PAGE]
