"""The wildfire incident on real batch systems over SSH makes what it makes on this computer."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from deploy.settings import Settings
from deploy.storage import open_storage
from deploy.system import System
from interfaces.cli.demo.player import Player
from interfaces.cli.demo.story import PARAMETERS, chapters, incident_id
from projections.data_sets import list_data_sets
from projections.simulations import Simulation
from tests.fire_model import fire_model
from tests.gridengine import GridEngine
from tests.interfaces.cli.far import Far, folder
from tests.interfaces.cli.vestec import Up, up, vestec
from tests.room import short_folder
from tests.slurm import Slurm
from tests.sshd import Sshd
from workflows.wildfire.model import PYTHON_VARIABLE, model_python

__all__ = ["fire_model", "folder"]

SMALL = {**PARAMETERS, "hours": 1, "members": 4}
STORY = [*chapters()[:4], chapters()[-1]]
"""A report and three passes, two of them as one burst: three forecasts."""

Made = list[tuple[str, str]]
"""Names and digests of data sets."""


@pytest.fixture(scope="module")
def made_here() -> Made:
    """What comes of it on this computer."""
    with short_folder() as parent:
        data = parent / "data"
        with up(data, {"VESTEC_LOOK": "0.1"}) as system:
            vestec(
                "machines", "add", "here", "--base-directory", data / "jobs",
                "--cores-per-node", 2, "--environment", f"{PYTHON_VARIABLE}={model_python()}",
                "--enable", "--data", data,
            )  # fmt: skip
            made, _ = asyncio.run(played(system))
    return made


async def played(system: Up) -> tuple[Made, list[Simulation]]:
    """The story on the machine that there is; what was made, and by what."""
    async with open_storage(Settings(data=system.folder)) as storage:
        running = System(system.announced["url"], storage)
        player = Player(running, incident_id(1), 120.0, SMALL)
        await player.begin()
        for chapter in STORY:
            await player.play(chapter)
        found = await list_data_sets(storage.pool, player.incident)
        return sorted((one.name, one.sha256) for one in found), await player.simulations()


def require_the_same(far: Far, made_here: Made, model: Mapping[str, str], *batch: str) -> None:
    environment = (word for one in model.items() for word in ("--environment", "=".join(one)))
    with far.server, far.up() as system:
        far.add(*batch, more=("--cores-per-node", 4, *environment))
        made, simulations = asyncio.run(played(system))
    assert [(one.state, one.machine) for one in simulations] == 3 * [("COMPLETED", "far")]
    jobs = [*far.login.folder.glob("base/jobs/*")]
    assert len(jobs) == 3
    for job in jobs:
        assert job.owner() == "vestec-test"
        assert len((job / "program-starts.txt").read_text().splitlines()) == 1
    assert made == made_here


def test_a_wildfire_on_slurm(
    folder: Path,
    slurm: Slurm,
    sshds: Callable[..., Sshd],
    fire_model: dict[str, str],
    made_here: Made,
) -> None:
    require_the_same(Far(folder, slurm.login, sshds), made_here, fire_model)


def test_a_wildfire_on_gridengine(
    folder: Path,
    gridengine: GridEngine,
    sshds: Callable[..., Sshd],
    fire_model: dict[str, str],
    made_here: Made,
) -> None:
    far = Far(folder, gridengine.login, sshds, "sge", "qsub")
    require_the_same(far, made_here, fire_model, "queue=work", "shared=smp")
