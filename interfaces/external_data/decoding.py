"""A body that was sent compressed, as it was before: whole, or refused."""

import zlib
from collections.abc import AsyncIterator

from interfaces.gateway.problems import Problem

CODINGS = ("gzip", "deflate")
"""What `Content-Encoding` may say."""
_EITHER = 32 + zlib.MAX_WBITS
_AT_ONCE = 65_536
"""Bytes at most that are made of a piece before somebody looks at them."""


async def decoded(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The content of gzip (of several members, too) or deflate. Raises `Problem`."""
    inflate = zlib.decompressobj(_EITHER)
    try:
        async for chunk in chunks:
            while chunk:
                if inflate.eof:
                    inflate = zlib.decompressobj(_EITHER)
                yield inflate.decompress(chunk, _AT_ONCE)
                chunk = inflate.unconsumed_tail or inflate.unused_data
        while rest := inflate.decompress(b"", _AT_ONCE):
            yield rest
    except zlib.error:
        raise _broken() from None
    if not inflate.eof:
        raise _broken()


def _broken() -> Problem:
    return Problem(400, "The body is not what its Content-Encoding says; send it again, whole.")
