"""Certificates of users: from when until when one is valid, told before a server refuses it."""

import base64
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from glob import glob
from pathlib import Path

import asyncssh
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    load_ssh_public_identity,
)

WARNED_BEFORE = 3600.0
"""Seconds before its end at which a certificate is warned of."""


def shown(keys: Sequence[str], options: asyncssh.SSHClientConnectionOptions) -> dict[str, bytes]:
    """Files of certificates that a host is shown though no setting names them, and their keys.

    A configuration names them, or they lie beside the keys: the given ones, else those that a
    configuration names, else the usual ones.
    """
    held = {pair.key_public_data for pair in options.client_keys or () if pair.has_cert}
    keys = keys or _configured(options, "IdentityFile")
    usual = glob(os.path.expanduser("~/.ssh/id_*-cert.pub"))
    names = [*_configured(options, "CertificateFile"), *(f"{key}-cert.pub" for key in keys)]
    paths = map(os.path.expanduser, names if keys else [*names, *usual])
    found: dict[str, bytes] = {}
    for path in paths:
        with suppress(OSError, ValueError):  # then it is shown to nobody
            found[path] = _key(_read(path))
    return {path: key for path, key in found.items() if key in held}


def lapsed(keys: Sequence[str], options: asyncssh.SSHClientConnectionOptions) -> str:
    """Why a server would refuse certificates that it is shown; empty: it would not.

    It may let in the keys alone, which are tried after them.
    """
    return next(filter(None, map(refusal, shown(keys, options))), "")


def refusal(path: str) -> str:
    """Why a server would refuse a certificate now; empty: for no reason that is in it.

    Raises `OSError`, `ValueError`.
    """
    found, now = _read(path), time.time()
    if found.valid_before <= now:
        return f"the certificate {path} expired at {_moment(found.valid_before)}: renew it"
    if found.valid_after > now:
        begins = f"the certificate {path} is not valid before {_moment(found.valid_after)}"
        return f"{begins}: wait, or see whether the clock here is right"
    return ""


def warning(path: str) -> str:
    """That it soon expires, or why it is refused; empty: neither."""
    try:
        until = _read(path).valid_before
        soon = until <= time.time() + WARNED_BEFORE
        expires = f"the certificate {path} expires at {_moment(until)}: renew it" if soon else ""
        return refusal(path) or expires
    except (OSError, ValueError) as error:
        return f"the certificate {path} cannot be read: {error}"


def _read(path: str) -> SSHCertificate:
    try:
        found = load_ssh_public_identity(Path(path).read_bytes().strip())
    except UnsupportedAlgorithm as error:  # of a key in hardware, say
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, SSHCertificate):
        raise ValueError(f"{path} is not a certificate")
    return found


def _key(certificate: SSHCertificate) -> bytes:
    """As `asyncssh` has it."""
    line = certificate.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


def _configured(options: asyncssh.SSHClientConnectionOptions, keyword: str) -> Sequence[str]:
    found = options.config.get(keyword)
    return found if isinstance(found, list) else ()


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
