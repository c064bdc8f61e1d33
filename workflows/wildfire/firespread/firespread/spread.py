"""Minimum travel time (Finney 2002): when fire arrives in each cell, over 32 directions, for a
batch of runs at once.

Cells are padded by a margin and the runs lie one after the other in flat arrays, so that a
neighbour is a fixed number of places away. Time goes forward in short steps: all cells that fire
reaches within a step are relaxed together until none of them improves; that is Dijkstra's order in
numpy's way. No cell is reached through one that does not burn.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from . import chance, embers
from .arrays import Booleans, Floats, Integers, Words
from .behaviour import Behaviour, Fuelbed
from .landscape import Grid

_Number = TypeVar("_Number", np.float64, np.float32)

MARGIN = 3
_STEP = 1.0  # min
_PATH = 4  # most cells that a straight line to a neighbour runs through
_BARRIER = np.float32(1e9)  # min/m: ground that does not carry fire


@dataclass(frozen=True)
class Directions:
    """The 32 neighbours within three cells, and the straight lines to them."""

    steps: Integers
    """(32,) to the neighbour, in places of the flat array"""
    paths: Integers
    """(32, 4) to the cells on the line"""
    lengths: NDArray[np.float32]
    """(32, 4, 3) length, and minus the way east and south, in m, within each of those cells: times
    slowness it is the time"""


def directions(width: int, cell: tuple[float, float]) -> Directions:
    """The neighbours in a padded grid of this width and cell size (east, south) in m."""
    near = range(-MARGIN, MARGIN + 1)
    moves = [(row, column) for row in near for column in near if np.gcd(row, column) == 1]
    paths = np.zeros((len(moves), _PATH), dtype=np.int64)
    lengths = np.zeros((len(moves), _PATH, 3), dtype=np.float32)
    for index, (row, column) in enumerate(moves):
        east, south = column * cell[0], row * cell[1]
        way = np.array([np.hypot(east, south), -east, -south])
        for place, (path_row, path_column, share) in enumerate(_line(row, column)):
            paths[index, place] = path_row * width + path_column
            lengths[index, place] = share * way
    return Directions(np.array([row * width + column for row, column in moves]), paths, lengths)


def _line(row: int, column: int) -> list[tuple[int, int, float]]:
    """The cells on a line, each with its share of the length; a line between two cells counts half
    for both."""
    parts = max(abs(row), abs(column))
    cells = [(0, 0, 0.5 / parts), (row, column, 0.5 / parts)]
    for part in range(1, parts):
        rows, columns = _nearest(row * part / parts), _nearest(column * part / parts)
        share = 1 / parts / len(rows) / len(columns)
        cells += [(r, c, share) for r in rows for c in columns]
    return cells


def _nearest(position: float) -> list[int]:
    low = int(np.floor(position))
    return [low, low + 1] if position - low == 0.5 else [round(position)]


@dataclass(frozen=True)
class Winds:
    """Wind of each run, for embers: m/s at 10 m, and radians clockwise from grid north where it
    blows to."""

    speed: Floats
    heading: Floats


class Fires:
    """Runs that burn side by side; `arrival` and `intensity` are what comes out."""

    def __init__(
        self, grid: Grid, fuelbed: Fuelbed, ignition: Booleans, known: Booleans,
        seeds: Words, ember_rates: Floats, horizon: float,
    ) -> None:  # fmt: skip
        """Start one run for each seed.

        `ignition` (runs, rows, columns): what burns at the start; `known` (rows, columns): ground
        that does not burn again; `ember_rates` (runs,) per kJ; `horizon` in min.
        """
        self._grid, self._seeds, self._ember_rates = grid, seeds, ember_rates
        self._width = grid.columns + 2 * MARGIN
        self._size = self._width * (grid.rows + 2 * MARGIN)
        self._runs = len(seeds)
        self._directions = directions(self._width, grid.cell)
        rows, columns = np.divmod(fuelbed.cells, grid.columns)
        inside = (rows + MARGIN) * self._width + columns + MARGIN
        self._place = np.arange(self._runs)[:, None] * self._size + inside
        lit = ignition.reshape(self._runs, -1)[:, fuelbed.cells]
        unburned = ~known.ravel()[fuelbed.cells]
        self._arrival = np.full(self._runs * self._size, -np.inf)
        self._arrival[self._place] = np.where(lit, 0.0, np.where(unburned, horizon, -np.inf))
        self._carries = lit | unburned
        self._pending = self._place[lit]
        self._settled = np.zeros(self._arrival.size, dtype=bool)
        self._slowness = np.zeros((self._arrival.size, 3), dtype=np.float32)
        self._slowness[:, 0] = _BARRIER
        self._heat = np.zeros(self._arrival.size, dtype=np.float32)
        self._head_intensity = np.zeros(self._arrival.size, dtype=np.float32)
        self._reached_intensity = np.zeros(self._arrival.size, dtype=np.float32)

    @property
    def arrival(self) -> Floats:
        """(runs, rows, columns) minutes after the start; the horizon: never; negative: no fuel."""
        return self._unpadded(self._arrival)

    @property
    def intensity(self) -> NDArray[np.float32]:
        """(runs, rows, columns) fireline intensity at the head of the fire when it came, kW/m; 0
        where it did not."""
        return self._unpadded(self._reached_intensity)

    def burn(self, begin: float, end: float, behaviours: list[Behaviour], winds: Winds) -> None:
        """Go on from `begin` to `end` (min) with each run's behaviour; call in order of time.

        Fire that is on its way into a cell at `begin` may come as it set out, or start again at
        `begin` if that is faster.
        """
        self._use(behaviours)
        front = self._front(begin)
        self._add(self._relax(front, np.full(len(front), begin)))
        for step in np.arange(begin, end, _STEP):
            self._step(min(step + _STEP, end), winds)

    def _use(self, behaviours: list[Behaviour]) -> None:
        for run, behaviour in enumerate(behaviours):
            at = self._place[run]
            slowness = behaviour.slowness().astype(np.float32)
            slowness[~self._carries[run]] = (_BARRIER, 0, 0)
            self._slowness[at] = slowness
            self._heat[at] = behaviour.heat_per_area
            self._head_intensity[at] = behaviour.intensity

    def _front(self, now: float) -> Integers:
        """Cells that burn and have a neighbour that does not yet."""
        burning = np.flatnonzero(self._settled)
        beside = np.array(
            [row * self._width + column for row in (-1, 0, 1) for column in (-1, 0, 1)]
        )
        ahead: Booleans = self._arrival[burning[:, None] + beside] > now
        return np.asarray(burning[ahead.any(axis=1)])

    def _step(self, end: float, winds: Winds) -> None:
        due = self._arrival[self._pending] < end
        fresh = self._pending[due]
        fresh = np.unique(fresh[~self._settled[fresh]])
        self._pending = self._pending[~due]
        reached = [fresh]
        while len(fresh):
            improved = self._relax(fresh, self._arrival[fresh])
            early = self._arrival[improved] < end
            fresh = improved[early]
            reached.append(fresh)
            self._add(improved[~early])
        self._settle(np.unique(np.concatenate(reached)), end, winds)

    def _add(self, cells: Integers) -> None:
        self._pending = np.concatenate([self._pending, cells])

    def _relax(self, cells: Integers, departure: Floats) -> Integers:
        """Spread from cells to their neighbours; the neighbours that are reached earlier than
        known before."""
        lines = self._directions
        near = cells[:, None] + lines.steps
        source, way = np.nonzero(self._arrival[near] > departure[:, None])
        target = near[source, way]
        slowness = self._slowness[cells[source][:, None] + lines.paths[way]]
        travel = np.einsum("nkc,nkc->n", slowness, lines.lengths[way])
        arrival = departure[source] + travel
        return self._improve(target, arrival)

    def _improve(self, target: Integers, arrival: Floats) -> Integers:
        better = arrival < self._arrival[target]
        target, arrival = target[better], arrival[better]
        np.minimum.at(self._arrival, target, arrival)
        return np.unique(target)

    def _settle(self, cells: Integers, end: float, winds: Winds) -> None:
        self._settled[cells] = True
        self._reached_intensity[cells] = self._head_intensity[cells]
        caught = cells[self._arrival[cells] > 0]
        if len(caught):
            self._add(self._throw(caught, end, winds))

    def _throw(self, cells: Integers, end: float, winds: Winds) -> Integers:
        """Embers of cells that have just caught fire; none lights a cell before `end`."""
        run, place = np.divmod(cells, self._size)
        expected = self._ember_rates[run] * self._heat[cells] * self._grid.cell_area
        keys = chance.key(self._seeds[run], place.astype(np.uint64))
        intensity = self._head_intensity[cells].astype(float)
        source, distance, minutes = embers.flights(keys, expected, intensity, winds.speed[run])
        heading = winds.heading[run][source]
        row, column = np.divmod(place[source], self._width)
        row = row - np.rint(distance * np.cos(heading) / self._grid.cell[1]).astype(np.int64)
        column = column + np.rint(distance * np.sin(heading) / self._grid.cell[0]).astype(np.int64)
        inside = (
            (row >= 0) & (row < self._size // self._width) & (column >= 0) & (column < self._width)
        )
        target = (run[source] * self._size + row * self._width + column)[inside]
        arrival = np.maximum(self._arrival[cells][source] + minutes, end)[inside]
        return self._improve(target, arrival)

    def _unpadded(self, values: NDArray[_Number]) -> NDArray[_Number]:
        padded = values.reshape(self._runs, -1, self._width)
        return padded[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
