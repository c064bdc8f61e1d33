"""Wind at the flame and crown fire, against published figures."""

import numpy as np
import pytest
from firespread import crown, wind

NONE = np.zeros(1)


# Unsheltered factors by depth of fuel: Andrews (2012), RMRS-GTR-266; Baughman and Albini (1980).
@pytest.mark.parametrize(
    ("depth_ft", "factor"),
    [(0.2, 0.28), (1.0, 0.36), (2.0, 0.42), (2.5, 0.44), (3.0, 0.46), (6.0, 0.55)],
)
def test_unsheltered_wind(depth_ft: float, factor: float) -> None:
    found = wind.adjustment(np.array([depth_ft]), NONE, NONE, NONE)
    assert round(float(found[0]), 2) == factor


def test_a_dense_canopy_shelters_and_a_thin_one_does_not() -> None:
    depth, height, base = np.ones(1), np.array([20.0]), np.array([2.0])
    dense = wind.adjustment(depth, np.array([0.8]), height, base)
    thin = wind.adjustment(depth, np.array([0.05]), height, base)
    assert 0.05 < dense[0] < 0.15
    assert thin == pytest.approx(wind.adjustment(depth, NONE, NONE, NONE))


def test_crowning_needs_the_intensity_of_van_wagner() -> None:
    """(0.010 CBH (460 + 25.9 m))^1.5 at 100 % foliar moisture: 168 kW/m at 1 m, 875 at 3 m."""
    found = crown.initiation_intensity(np.array([1.0, 3.0]), 1.00)
    assert found == pytest.approx([168.4, 875.2], abs=0.5)


def test_an_active_crown_fire_runs_at_the_rate_of_cruz() -> None:
    """By hand: 11.02 * 30^0.90 * 0.2^0.19 * exp(-0.17 * 5) = 74.1 m/min, criterion 74.1 / 15."""
    rate, criterion = crown.spread(30.0, np.array([0.2]), 0.05)
    assert rate[0] == pytest.approx(74.1, abs=0.1)
    assert criterion[0] == pytest.approx(4.94, abs=0.01)


def test_a_passive_crown_fire_is_slower_than_an_active_one() -> None:
    rate, criterion = crown.spread(10.0, np.array([0.05]), 0.08)
    assert criterion[0] < 1
    assert rate[0] == pytest.approx(criterion[0] * 3 / 0.05 * np.exp(-criterion[0]))
