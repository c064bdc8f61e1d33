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
_LEFT = {(0, -1): (1, 0), (1, 0): (0, 1), (0, 1): (-1, 0), (-1, 0): (0, -1)}


def polygons(mask: Booleans) -> list[Polygon]:
    """Polygons (shell, then holes) around the true cells of a mask, as corners (row, column);
    rings are closed."""
    rings = [ring for loop in _loops(mask) for ring in _simple(loop)]
    areas = [_area(ring) for ring in rings]
    shells = [(area, ring) for area, ring in zip(areas, rings, strict=True) if area > 0]
    found: list[Polygon] = [[shell] for _, shell in sorted(shells)]
    boxes = np.array([(*np.min(shell, axis=0), *np.max(shell, axis=0)) for [shell] in found])
    for area, hole in zip(areas, rings, strict=True):
        if area < 0:
            _owner(found, boxes, hole).append(hole)
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


def _owner(found: list[Polygon], boxes: Integers, hole: Ring) -> Polygon:
    """The smallest polygon (they are in order of size) whose shell lies around a hole."""
    row, column = min(hole)
    around = (boxes[:, :2] <= (row, column)) & (boxes[:, 2:] > (row, column))
    candidates = (found[index] for index in np.flatnonzero(around.all(axis=1)))
    return next(polygon for polygon in candidates if _contains(polygon[0], row, column))


def _contains(shell: Ring, row: int, column: int) -> bool:
    """Whether a cell lies in a shell: a ray to the west crosses its edges an odd number of
    times."""
    crossed = [
        start[1] <= column and min(start[0], end[0]) <= row < max(start[0], end[0])
        for start, end in pairwise(shell)
    ]
    return sum(crossed) % 2 == 1
