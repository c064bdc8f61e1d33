"""Scores, the ellipse and fronts on small arrays."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from firespread import ellipse, fronts, landscape, weather
from firespread.request import Place
from firespread.scores import Comparison, kappa, overlap


def cells(*values: int) -> np.ndarray:
    return np.array(values, bool)


def test_kappa_of_a_known_table() -> None:
    """Both yes 20, both no 15, only the first 5, only the second 10: 0.70 agreed, 0.50 by
    chance."""
    first = np.repeat(cells(1, 0, 1, 0), (20, 15, 5, 10))
    second = np.repeat(cells(1, 0, 0, 1), (20, 15, 5, 10))
    assert kappa(first, second) == pytest.approx(0.4)
    assert overlap(first, second) == pytest.approx(20 / 35)


def test_agreement_at_its_ends() -> None:
    nothing, half = cells(0, 0, 0, 0), cells(1, 1, 0, 0)
    assert overlap(nothing, nothing) == 1
    assert kappa(nothing, nothing) == 1
    assert kappa(half, half) == 1
    assert kappa(half, ~half) == -1
    assert kappa(nothing, half) == 0


def test_new_ground_is_counted_apart() -> None:
    before, observed = cells(1, 1, 0, 0, 0), cells(1, 1, 1, 1, 0)
    comparison = Comparison(observed, before, hectares_per_cell=2.0)
    forecast = comparison.score(cells(0, 0, 1, 0, 1))
    assert forecast["iou"] == pytest.approx(3 / 5)
    assert (forecast["new_ha"], forecast["hits_ha"], forecast["false_alarms_ha"]) == (4, 2, 2)
    assert comparison.score(before)["iou"] == pytest.approx(0.5)


def test_the_ellipse_runs_with_the_wind_at_a_tenth_of_its_speed(job: Callable[..., Path]) -> None:
    folder = job(wind_mph=10, wind_from=0, size=60)
    grid = landscape.read(folder / "landscape.tif").grid
    hours = weather.read(folder / "weather.csv")
    spells = hours.spells(hours.hours[0].time, 1)
    source = np.zeros(grid.shape, bool)
    source[10, 30] = True
    rows, columns = np.nonzero(ellipse.burned(grid, source, spells, 60))
    run = 0.1 * 10 * 0.44704 * 1.15 * 3600
    length, width = 90 * (np.ptp(rows) + 1), 90 * (np.ptp(columns) + 1)
    assert 90 * (rows.max() - 10) == pytest.approx(run, abs=90)
    assert width == pytest.approx(length / 5, abs=180)


def test_a_hot_detection_runs_and_a_cool_one_does_not(job: Callable[..., Path]) -> None:
    """40 MW over 0.4 km is 0.368 * 18.6 * 100 = 684 kW/m, above 346; 4 MW is not."""
    grid = landscape.read(job() / "landscape.tif").grid

    def at(row: float, frp: float | None) -> Place:
        longitude, latitude = grid.coordinates(np.array(row), np.array(30.5))
        return Place(float(latitude), float(longitude), 0.4, 0.4, frp_mw=frp)

    assert fronts.intensity(at(10, 40.0)) == pytest.approx(684.5, abs=0.1)
    seen = fronts.burning(grid, [at(10.5, 40.0), at(30.5, 4.0), at(50.5, None)])
    running = fronts.running(seen, 346)
    assert running[10, 30]
    assert not running[30, 30]
    assert running[50, 30]
    cool = fronts.burning(grid, [at(10.5, 4.0), at(30.5, 2.0)])
    hottest = fronts.running(cool, 346)
    assert hottest[10, 30]
    assert not hottest[30, 30]
