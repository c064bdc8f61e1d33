"""Secrets that the system makes for itself, kept in the data folder and nowhere else."""

import os
import secrets
from contextlib import suppress

from deploy.settings import Settings

_BYTES = 32


def token_key(settings: Settings) -> bytes:
    """What signs logins: the one that was set, else the folder's own, made when first needed."""
    if settings.token_key is not None:
        return settings.token_key.get_secret_value().encode()
    file = settings.data / "token.key"
    with suppress(FileExistsError):
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = file.with_name(f"token.{os.getpid()}.new")
        beside.touch(mode=0o600)
        beside.write_bytes(secrets.token_bytes(_BYTES))
        try:
            os.link(beside, file)
        finally:
            beside.unlink()
    return file.read_bytes()
