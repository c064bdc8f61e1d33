"""Secrets that the system makes for itself, kept in the data folder and nowhere else."""

import fcntl
import os
import secrets
from pathlib import Path

from deploy.settings import Settings
from managers.files import synchronize

_BYTES = 32


class WrongKey(Exception):
    """What should sign logins is too short; the text says what to do."""


def token_key(settings: Settings) -> bytes:
    """What signs logins: the one that was set, else the folder's own, made when first needed.

    Raises `WrongKey` where somebody put something too short there.
    """
    if settings.token_key is not None:
        return settings.token_key.get_secret_value().encode()
    file = settings.data / "token.key"
    key = file.read_bytes() if file.exists() else b""
    if not any(key):
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = _made(file)
    if len(key) < _BYTES:
        raise WrongKey(
            f"{file} has {len(key)} bytes, which is too short to sign logins: put back the whole"
            " one, or remove it and start again: another is made, and all have to log in again."
        )
    return key


def _made(file: Path) -> bytes:
    """A new key, or that of who was faster; on the disk before anybody uses it.

    A loss of power leaves a file that was not synchronized empty, or with zeros that all can guess.
    """
    opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "r+b") as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)
        key = kept.read()
        if not any(key):
            os.fchmod(kept.fileno(), 0o600)
            key = secrets.token_bytes(_BYTES)
            kept.seek(0)
            kept.write(key)
            kept.truncate()
            kept.flush()
            os.fsync(kept.fileno())
            synchronize(file.parent)
    return key
