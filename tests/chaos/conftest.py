"""What an undisturbed drill comes to, to compare others with."""

from collections.abc import Iterator

import pytest

from tests.chaos.player import Told
from tests.chaos.rig import Rig, rigged
from tests.servers import database_url, server_url

__all__ = ["database_url", "server_url"]


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A folder with an embedded database of its own."""
    with rigged() as rig:
        yield rig


@pytest.fixture(scope="session")
def undisturbed() -> Told:
    """What the drill comes to when nobody disturbs it."""
    with rigged() as rig:
        return rig.start().told()
