"""What incidents make: data sets, and what is in them."""

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

from aiohttp import web

from interfaces.gateway.exchange import Page, answer, as_of, id_of
from interfaces.gateway.incidents import visible
from interfaces.gateway.problems import STARTED, Problem
from interfaces.gateway.surroundings import edge_of
from projections.data_sets import DataSet, find_data_set, list_data_sets

_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; ?[\w.+-]+=[\w.+-]+)*", re.ASCII)

_NONE = re.compile(r"bytes=-0+")
"""The last 0 bytes: not satisfiable (RFC 9110), and for aiohttp the whole file."""


async def data_sets(request: web.Request) -> web.StreamResponse:
    """The incident's data sets: valid ones before superseded ones, newest first."""
    id = str(id_of(request))
    headers, incident = await as_of(request, "data_sets", id), await visible(request, id)
    found = await list_data_sets(edge_of(request).pool, incident.id)
    return answer(Page[DataSet](items=found), headers)


async def content(request: web.Request) -> web.StreamResponse:
    """The bytes of a data set: all, or a range of them."""
    found = await find_data_set(edge_of(request).pool, id_of(request))
    if found is None:
        raise Problem(404, "There is no such data set.")
    await visible(request, found.incident)
    headers = _headers(found)
    if _matches(request.headers.get("If-None-Match", ""), found):
        return web.Response(status=304, headers=headers)
    start, end, partial = _range(request, found)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    response = web.StreamResponse(status=206 if partial else 200, headers=headers)
    response.content_length = end - start
    chunks = edge_of(request).blobs.stream(found.blob, start, end)
    return await _send(request, response, chunks)


async def _send(
    request: web.Request, response: web.StreamResponse, chunks: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Nothing is sent before the first bytes are there, so that a missing blob is an error."""
    first = b"" if request.method == "HEAD" else await anext(chunks, b"")
    request[STARTED] = True
    await response.prepare(request)
    if first:
        await response.write(first)
        async for chunk in chunks:
            await response.write(chunk)
    await response.write_eof()
    return response


def _headers(found: DataSet) -> dict[str, str]:
    plain = _MEDIA_TYPE.fullmatch(found.media_type)
    return {
        "Content-Type": found.media_type if plain else "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "ETag": f'"{found.sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=31536000, immutable",
    }


def _matches(header: str, found: DataSet) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return bool(tags & {"*", f'"{found.sha256}"'})


def _range(request: web.Request, found: DataSet) -> tuple[int, int, bool]:
    """First byte, the one behind the last, and whether that is a part; one range at most."""
    condition = request.headers.get("If-Range")
    if "Range" not in request.headers or (condition and not _matches(condition, found)):
        return 0, found.size, False
    try:
        wanted = request.http_range
    except ValueError:
        return 0, found.size, False
    start, end, _ = wanted.indices(found.size)
    if start >= end or _NONE.fullmatch(request.headers["Range"]):
        raise Problem(
            416,
            f"The data set has {found.size} bytes.",
            headers={"Content-Range": f"bytes */{found.size}"},
        )
    return start, end, True
