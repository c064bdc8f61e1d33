"""Outlines of cells as polygons: valid by OGC's rules and wound by RFC 7946 (shells
counter-clockwise, holes clockwise).

Outlines follow the cells' edges, so they say no more than the model knows. Where two cells touch
at a corner only, the ring is cut there, so that no ring crosses or touches itself.
"""

from itertools import pairwise

import numpy as np

from .arrays import Booleans, Integers
from .landscape import Grid

Corner = tuple[int, int]
Ring = list[Corner]
Polygon = list[Ring]
_CELL = 2  # the area of a cell, in half cells: it holds no hole
_LEFT = {(0, -1): (1, 0), (1, 0): (0, 1), (0, 1): (-1, 0), (-1, 0): (0, -1)}


def polygons(mask: Booleans) -> list[Polygon]:
    """Polygons (shell, then holes) around the true cells, as corners (row, column), rings
    closed."""
    rings = sorted((ring for loop in _loops(mask) for ring in _simple(loop)), key=_area)
    holes = [ring for ring in rings if _area(ring) < 0]
    found: list[Polygon] = [[shell] for shell in reversed(rings[len(holes) :])]
    for hole, owner in zip(holes, _owners(found, holes), strict=True):
        found[owner].append(hole)
    return found


def geometry(mask: Booleans, grid: Grid) -> dict[str, object] | None:
    """A GeoJSON MultiPolygon in degrees around the true cells, or None where there are none."""
    found = polygons(mask)
    if not found:
        return None
    corners = np.array([corner for polygon in found for ring in polygon for corner in ring], float)
    degrees = np.stack(grid.coordinates(*corners.T), axis=1).round(6).tolist()
    points = iter(degrees)
    shapes = [[[next(points) for _ in ring] for ring in polygon] for polygon in found]
    return {"type": "MultiPolygon", "coordinates": shapes}


def _loops(mask: Booleans) -> list[Ring]:
    """Closed walks along edges with the burned cell on the left; at a doubtful corner they stay
    with their cell."""
    edges = _edges(mask)
    loops = []
    while edges:
        start = next(iter(edges))
        loop, at, heading = [start], start, edges[start][0]
        while edges.get(at):
            ways = edges[at]
            heading = _LEFT[heading] if _LEFT[heading] in ways else ways[0]
            ways.remove(heading)
            if not ways:
                del edges[at]
            at = (at[0] + heading[0], at[1] + heading[1])
            loop.append(at)
        loops.append(loop)
    return loops


def _edges(mask: Booleans) -> dict[Corner, list[Corner]]:
    """Where from each corner the outline goes on, with the burned cell on the left."""
    padded = np.pad(mask, 1)
    inner = padded[1:-1, 1:-1]
    edges: dict[Corner, list[Corner]] = {}
    # the cell beside, where the edge starts, where it goes: the top edge to the west, and so on
    sides = (
        (padded[:-2, 1:-1], (0, 1), (0, -1)), (padded[1:-1, :-2], (0, 0), (1, 0)),
        (padded[2:, 1:-1], (1, 0), (0, 1)), (padded[1:-1, 2:], (1, 1), (-1, 0)),
    )  # fmt: skip
    for beside, start, way in sides:
        for row, column in np.argwhere(inner & ~beside).tolist():
            edges.setdefault((row + start[0], column + start[1]), []).append(way)
    return edges


def _simple(loop: Ring) -> list[Ring]:
    """Cut a closed walk wherever it comes back to a corner; drop corners on straight lines."""
    rings, walk, place = [], list[Corner](), dict[Corner, int]()
    for corner in loop:
        if corner in place:
            cut = place[corner]
            rings.append(_straight(walk[cut:]))
            for passed in walk[cut + 1 :]:
                del place[passed]
            del walk[cut + 1 :]
        else:
            place[corner] = len(walk)
            walk.append(corner)
    return rings


def _straight(corners: Ring) -> Ring:
    before, after = corners[-1:] + corners[:-1], corners[1:] + corners[:1]
    kept = [
        corner
        for corner, a, b in zip(corners, before, after, strict=True)
        if (a[0] == corner[0]) != (corner[0] == b[0])
    ]
    return [*kept, kept[0]]


def _area(ring: Ring) -> int:
    """Signed area in half cells, positive counter-clockwise as seen on a map (rows go south)."""
    return sum(r0 * c1 - r1 * c0 for (r0, c0), (r1, c1) in pairwise(ring))


def _owners(found: list[Polygon], holes: list[Ring]) -> list[int]:
    """Index of the smallest polygon around each hole; polygons come from the largest on."""
    owners = np.zeros(len(holes), dtype=np.int64)
    corners = np.array([min(hole) for hole in holes]).reshape(-1, 2)
    for index, polygon in enumerate(found):
        if _area(polygon[0]) > _CELL:
            owners[_inside(polygon[0], corners)] = index
    return [int(owner) for owner in owners]


def _inside(shell: Ring, cells: Integers) -> Booleans:
    """Which cells (n, 2) lie in a shell: a ray to the west crosses its walls an odd number of
    times."""
    walls = [(a[1], min(a[0], b[0]), max(a[0], b[0])) for a, b in pairwise(shell) if a[1] == b[1]]
    column, first, after = np.array(walls).T
    row = cells[:, :1]
    crossed = (column <= cells[:, 1:]) & (first <= row) & (row < after)
    return np.asarray(np.count_nonzero(crossed, axis=1) % 2 == 1)
