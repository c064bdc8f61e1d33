"""What a demonstration made: exported files, and the object that `--json` prints."""

import json
import time
from pathlib import Path
from typing import Any

from deploy.system import System
from events.values import Blob
from managers.files import written
from projections.data_sets import DataSet, list_data_sets
from projections.incidents import find_incident
from projections.simulations import Simulation, list_simulations

Json = dict[str, Any]


async def export(system: System, incident: str) -> list[tuple[DataSet, Path]]:
    """Write the incident's data sets where people find them; returns each with its file."""
    folder = system.storage.settings.data / "demo" / incident
    folder.mkdir(parents=True, exist_ok=True)
    made: list[tuple[DataSet, Path]] = []
    for data_set in await list_data_sets(system.storage.pool, incident):
        path = (folder / _file(data_set)).absolute()
        if not path.exists() or path.stat().st_size != data_set.size:
            blob = Blob(sha256=data_set.sha256, size=data_set.size)
            with written(path) as file:
                file.write(await system.storage.blobs.get(blob))
        made.append((data_set, path))
    return made


def _file(data_set: DataSet) -> Path:
    """What was replaced goes aside, under a name that says which one it was."""
    if data_set.superseded_by is None:
        return Path(data_set.name)
    return Path("superseded", f"{str(data_set.id)[:8]}_{data_set.name}")


async def summary(system: System, incident: str, began: float) -> Json:
    """What `--json` prints."""
    pool = system.storage.pool
    found = await find_incident(pool, incident)
    made = await export(system, incident)
    return {
        "incident": {"id": incident, "status": found.status if found else "unknown"},
        "simulations": [_simulation(one) for one in await list_simulations(pool, incident)],
        "data_sets": [_data_set(data_set, path) for data_set, path in made],
        "scores": [json.loads(path.read_bytes()) for d, path in made if d.type == "SCORES"],
        "elapsed_s": round(time.monotonic() - began, 1),
    }


def _simulation(one: Simulation) -> Json:
    timed = one.started and one.ended
    return {
        "id": str(one.id),
        "kind": one.kind,
        "state": one.state,
        "machine": one.machine,
        "job_id": one.job_id,
        "seconds": round((one.ended - one.started).total_seconds(), 1) if timed else None,  # type: ignore[operator]
    }


def _data_set(data_set: DataSet, path: Path) -> Json:
    return {
        "name": data_set.name,
        "type": data_set.type,
        "path": str(path),
        "size": data_set.size,
        "sha256": data_set.sha256,
        "superseded": data_set.superseded_by is not None,
    }
