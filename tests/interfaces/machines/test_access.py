"""What connections have to know is described for people, in the words that stand at the fields."""

from pathlib import Path

import pytest

from interfaces.machines.connections.access import Access
from interfaces.machines.connections.openssh import OpensshAccess
from interfaces.machines.connections.ssh import SshAccess

PAGE = Path(__file__).parents[3] / "docs" / "machines.md"


@pytest.mark.parametrize("model", [SshAccess, OpensshAccess])
def test_the_page_has_every_setting(model: type[Access]) -> None:
    rows = PAGE.read_text().splitlines()
    for name, field in model.model_fields.items():
        assert f"| `{name}` | {' '.join((field.description or '').split())} |" in rows
