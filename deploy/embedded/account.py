"""The user PostgreSQL runs as: ourselves, or for root an unprivileged one, since it refuses."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.errors import EmbeddedServerError

UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """A user and group by number."""

    uid: int
    gid: int


def account_for(data: Path) -> Account | None:
    """Whose server `data` is to be: None for ours, else the folder's owner or an unprivileged user.

    Raises EmbeddedServerError when we are root and the machine has no unprivileged user.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    users = {entry.pw_name: Account(entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall()}
    for name in UNPRIVILEGED:
        if name in users:
            return users[name]
    raise EmbeddedServerError(
        "PostgreSQL does not run as root and this machine has neither a user postgres nor nobody: "
        "add one, or start as another user than root."
    )
