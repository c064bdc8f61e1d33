"""Outlines: every mask gives valid polygons that hold exactly its cells."""

from itertools import pairwise

import numpy as np
import pytest
from firespread.contours import Ring, polygons
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

masks = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def area(ring: Ring) -> float:
    """Positive counter-clockwise on a map, in cells."""
    return sum(r0 * c1 - r1 * c0 for (r0, c0), (r1, c1) in pairwise(ring)) / 2


def holds(ring: Ring, row: int, column: int) -> bool:
    crossings = [
        a[1] == b[1] and a[1] <= column and min(a[0], b[0]) <= row < max(a[0], b[0])
        for a, b in pairwise(ring)
    ]
    return sum(crossings) % 2 == 1


@settings(max_examples=150)
@given(masks)
def test_polygons_hold_the_cells_of_the_mask_and_no_others(mask: np.ndarray) -> None:
    found = polygons(mask)
    for row, column in np.ndindex(mask.shape):
        inside = [
            holds(polygon[0], row, column)
            and not any(holds(hole, row, column) for hole in polygon[1:])
            for polygon in found
        ]
        assert sum(inside) == mask[row, column]


@settings(max_examples=150)
@given(masks)
def test_rings_are_simple_closed_and_wound_by_the_rule(mask: np.ndarray) -> None:
    for shell, *holes in polygons(mask):
        assert area(shell) > 0
        assert all(area(hole) < 0 for hole in holes)
        for ring in (shell, *holes):
            assert ring[0] == ring[-1]
            assert len(set(ring)) == len(ring) - 1


@settings(max_examples=100)
@given(masks)
def test_a_geometry_library_finds_them_valid(mask: np.ndarray) -> None:
    geometry = pytest.importorskip(
        "shapely.geometry", reason="shapely is needed for this test only"
    )
    shapes = [geometry.Polygon(shell, holes) for shell, *holes in polygons(mask)]
    assert geometry.MultiPolygon(shapes).is_valid


def test_nothing_burned_has_no_outline() -> None:
    assert polygons(np.zeros((3, 3), bool)) == []
