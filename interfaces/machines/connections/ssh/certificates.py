"""Certificates of users: until when one is valid, told before a server has to refuse it."""

import time
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

from interfaces.machines.connection import Unreachable

WARNED_BEFORE = 3600.0
"""Seconds before its end at which a certificate is warned of."""
_FOR_EVER = (1 << 64) - 1


def valid_until(path: str) -> float | None:
    """Seconds since the epoch; None: for ever. Raises `OSError`, `ValueError`."""
    found = load_ssh_public_identity(Path(path).read_bytes().strip())
    if not isinstance(found, SSHCertificate):
        raise ValueError(f"{path} is not a certificate")
    return None if found.valid_before == _FOR_EVER else float(found.valid_before)


def check_validity(path: str) -> None:
    """Raises `Unreachable` for one that has expired: a server would only count a failed login."""
    until = valid_until(path)
    if until is not None and until <= time.time():
        raise Unreachable(f"the certificate {path} expired at {_moment(until)}: renew it")


def warning(path: str) -> str:
    """That it soon expires, or has; empty: neither."""
    try:
        until = valid_until(path)
    except (OSError, ValueError) as error:
        return f"the certificate {path} cannot be read: {error}"
    if until is None or until > time.time() + WARNED_BEFORE:
        return ""
    word = "expires" if until > time.time() else "expired"
    return f"the certificate {path} {word} at {_moment(until)}: renew it"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
