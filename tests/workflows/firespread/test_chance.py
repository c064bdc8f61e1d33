"""Random numbers and embers."""

import numpy as np
import pytest
from firespread import chance, embers
from firespread.ensemble import members
from firespread.request import Parameters

KEYS = chance.key(np.array(11, np.uint64), np.arange(50_000, dtype=np.uint64))


def test_uniform_and_normal_have_their_moments() -> None:
    even, bell = chance.uniform(KEYS), chance.normal(KEYS)
    assert (even > 0).all()
    assert (even < 1).all()
    assert even.mean() == pytest.approx(0.5, abs=0.01)
    assert (bell.mean(), bell.std()) == pytest.approx((0, 1), abs=0.02)


@pytest.mark.parametrize("mean", [0.01, 1.0, 25.0])
def test_poisson_counts(mean: float) -> None:
    counts = chance.poisson(KEYS, np.full(len(KEYS), mean))
    assert counts.mean() == pytest.approx(mean, rel=0.1)
    assert counts.var() == pytest.approx(mean, rel=0.1)


def test_a_number_depends_on_what_it_is_for_and_not_on_its_neighbours() -> None:
    seed = np.array(11, np.uint64)
    alone = chance.key(seed, np.array([40_000], np.uint64))
    assert alone[0] == KEYS[40_000]
    assert len(np.unique(KEYS)) == len(KEYS)


def test_embers_fly_as_far_as_sardoy_says() -> None:
    """Median exp(1.47 * 20^0.54 * 15^-0.55 + 1.14) = 16.6 m for 20 MW/m in a wind of 15 m/s."""
    flown = embers.distances(KEYS, np.full(len(KEYS), 20_000.0), np.full(len(KEYS), 15.0))
    assert np.median(flown) == pytest.approx(16.6, rel=0.05)


def test_members_sample_the_decade_evenly() -> None:
    ensemble = members(20, "ab" * 32, Parameters())
    exponents = np.sort(np.log10([member.ember_rate_per_kj for member in ensemble]) + 8)
    assert (np.floor(exponents * 20).astype(int) == np.arange(20)).all()
    assert len({member.seed for member in ensemble}) == 20


def test_members_spread_as_asked() -> None:
    many = members(2000, "cd" * 32, Parameters())
    factor = np.array([member.wind_factor for member in many])
    shift = np.array([member.wind_direction_shift_deg for member in many])
    assert (factor.mean(), factor.std()) == pytest.approx((1, 0.15), abs=0.02)
    assert (shift.mean(), shift.std()) == pytest.approx((0, 10), abs=0.8)
