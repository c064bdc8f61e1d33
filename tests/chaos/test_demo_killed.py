"""The whole demonstration, killed three times with its database; takes minutes.

The last time with its jobs: a forecast whose job is lost is run once more, and not a third time.
"""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.chaos.rig import Rig, eventually, rigged

COMMAND = Path(sys.executable).with_name("vestec")
KILLS = 3
WITHIN = 400.0


def test_the_demonstration_ends_as_if_nothing_had_happened() -> None:
    with rigged() as rig:
        undisturbed = _ending(rig)
    lot = random.Random(7)
    with rigged() as rig:
        for kill in range(KILLS):
            with _demo(rig) as process:
                try:
                    process.wait(lot.uniform(5.0, 45.0))
                except subprocess.TimeoutExpired:
                    rig.kill_everything(jobs=kill == KILLS - 1)
            assert process.returncode == -9
        told = _ending(rig)
        assert told["incident"]["status"] == undisturbed["incident"]["status"] == "COMPLETE"
        assert _digests(told) == _digests(undisturbed)
        assert sum(one["state"] == "COMPLETED" for one in told["simulations"]) == 3
        eventually("nothing runs any more", lambda: not rig.processes())


def _demo(rig: Rig) -> "subprocess.Popen[str]":
    with (rig.home / "demo.said").open("a") as said:
        return subprocess.Popen(
            [COMMAND, "demo", "wildfire", "--exit", "--json", "--data", rig.home / "data"],
            cwd=rig.home,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            start_new_session=True,
        )


def _ending(rig: Rig) -> Any:
    with _demo(rig) as process:
        told, _ = process.communicate(timeout=WITHIN)
    assert process.returncode == 0, (rig.home / "demo.said").read_text()[-4000:]
    return json.loads(told)


def _digests(told: Any) -> list[tuple[str, str]]:
    return sorted((one["name"], one["sha256"]) for one in told["data_sets"])
