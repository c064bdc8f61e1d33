"""The fire model as a centre has it: installed where every user may run it, with its own Python."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.account import open_folder
from workflows.wildfire.model import PYTHON_VARIABLE, model_python

_MODEL = Path(__file__).parents[1] / "workflows" / "wildfire" / "firespread" / "firespread"
_PLACES = """
import os, sys, sysconfig
print(os.path.realpath(sys.executable))
print(sysconfig.get_path("stdlib"))
print(sysconfig.get_path("purelib"))
print(os.path.join(*sysconfig.get_config_vars("LIBDIR", "INSTSONAME")))
"""


def install(folder: Path) -> dict[str, str]:
    """Put it there; the environment by which jobs find it.

    The environment that tests run the model in may lie where other users cannot go.
    """
    asked = [model_python(), "-c", _PLACES]
    said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    program, standard, packages, shared = map(Path, said.splitlines())
    python, lib, library = folder / "bin" / "python3", folder / "lib", folder / "packages"
    python.parent.mkdir()
    shutil.copy2(program, python)
    others = shutil.ignore_patterns("test", "*-packages", "config-*")
    shutil.copytree(standard, lib / standard.name, ignore=others)
    if shared.suffix != ".a":
        shutil.copy2(shared, lib)
    shutil.copytree(packages, library, ignore=shutil.ignore_patterns("*.pth", "pip*"))
    shutil.copytree(_MODEL, library / _MODEL.name)
    paths = {"PYTHONPATH": library, "LD_LIBRARY_PATH": lib}
    return {PYTHON_VARIABLE: str(python), **{name: str(path) for name, path in paths.items()}}


@pytest.fixture(scope="session")
def fire_model() -> Iterator[dict[str, str]]:
    """The environment by which jobs of any user find it, for the session."""
    with open_folder("vestec-fire-") as folder:
        yield install(folder)
