"""Passwords and secrets: argon2 hashes, checked beside the event loop, a few at a time."""

import asyncio
import hashlib
from collections import OrderedDict
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

_HASHER = PasswordHasher()
_REMEMBERED = 1000


def hash_password(password: str, hasher: PasswordHasher = _HASHER) -> str:
    """The argon2 hash to keep; takes some 50 ms and 64 MiB."""
    return hasher.hash(password)


class Verifier:
    """Checks secrets, at most `at_once` at a time; what was right once is right at once again."""

    def __init__(self, at_once: int = 2) -> None:
        self._turn = asyncio.Semaphore(at_once)
        self._right: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    async def verify(self, hash: str | None, secret: str) -> bool:
        """Whether the secret is the one that was hashed; never when there is no hash."""
        known = (hash or "", hashlib.sha256(secret.encode(errors="replace")).digest())
        if known in self._right:
            return True
        async with self._turn:
            right = await asyncio.to_thread(_verify, hash, secret)
        if right and hash:
            self._right[known] = None
            if len(self._right) > _REMEMBERED:
                self._right.popitem(last=False)
        return right and hash is not None


@cache
def _nobodys() -> str:
    """Checked when there is nobody, so that answers take the same time."""
    return _HASHER.hash("nobody")


def _verify(hash: str | None, secret: str) -> bool:
    try:
        return _HASHER.verify(hash or _nobodys(), secret.encode(errors="replace"))
    except (Argon2Error, InvalidHashError):
        return False
