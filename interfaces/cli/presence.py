"""Whether a system runs in a folder, without being in the way of one that is about to start."""

import os
from pathlib import Path

from pydantic import ValidationError

from deploy.embedded import Address
from deploy.embedded.flock import SHARED, try_lock


def running_in(folder: Path) -> Address | None:
    """Who runs the system in `folder`; None: nobody.

    The address is read first: while no system ever announced itself, the lock is left alone. It is
    then tried for an instant, since a killed system leaves its address behind.
    """
    try:
        address = Address.model_validate_json((folder / "address.json").read_bytes())
    except (OSError, ValidationError):
        return None
    if (lock := try_lock(folder, SHARED)) is None:
        return address
    os.close(lock)
    return None
