"""Fuels and surface fire against figures of the publications and of another program."""

import numpy as np
import pytest
from firespread.fuels import STANDARD
from firespread.surface import Moistures, surface_tables

DRY = Moistures(0.05, 0.06, 0.07, 0.30, 0.60)
GREEN = Moistures(0.05, 0.06, 0.07, 1.20, 0.90)

# pyretechnics 2026.8.10 (figures only), at DRY: model, no-wind rate of spread m/min,
# intensity kW/m, wind factor's coefficient (of m/min) and exponent, slope factor / tan^2
REFERENCE = [
    (101, 0.32366, 4.6767, 0.011634, 1.5531, 37.579),
    (102, 0.71459, 30.693, 0.01914, 1.45505, 36.541),
    (122, 0.54912, 52.6972, 0.015887, 1.45825, 31.878),
    (142, 0.28639, 74.4873, 0.01236, 1.38972, 19.892),
    (145, 1.03795, 336.2664, 0.075102, 1.18868, 33.752),
    (147, 0.8515, 374.492, 0.06257, 1.1791, 28.916),
    (162, 0.31803, 25.6199, 0.013077, 1.43176, 24.448),
    (165, 0.40359, 211.7151, 0.028509, 1.17425, 17.035),
    (183, 0.06951, 2.7005, 0.012196, 1.3263, 15.71),
    (188, 0.27542, 38.6633, 0.006351, 1.4334, 13.886),
    (204, 1.3589, 390.2755, 0.008953, 1.49199, 22.95),
]


def row_of(number: int) -> int:
    return int(np.flatnonzero(STANDARD.numbers == number)[0])


@pytest.mark.parametrize("reference", REFERENCE, ids=lambda reference: str(reference[0]))
def test_figures_of_another_program(reference: tuple[float, ...]) -> None:
    number, rate, intensity, coefficient, exponent, slope = reference
    tables, row = surface_tables(STANDARD, DRY), row_of(int(number))
    assert tables.base_rate[row] == pytest.approx(rate, rel=0.005)
    assert tables.heat_per_area[row] * rate / 60 == pytest.approx(intensity, rel=0.005)
    assert tables.wind_exponent[row] == pytest.approx(exponent, rel=0.005)
    per_minute = tables.wind_coefficient[row] * 3.28084 ** tables.wind_exponent[row]
    assert per_minute == pytest.approx(coefficient, rel=0.005)
    assert tables.slope_coefficient[row] == pytest.approx(slope, rel=0.005)


@pytest.mark.parametrize(("number", "rate"), [(102, 0.09093), (122, 0.08818), (165, 0.2402)])
def test_half_cured_fuel_as_in_another_program(number: int, rate: float) -> None:
    half_cured = Moistures(0.08, 0.09, 0.10, 0.90, 1.20)
    tables = surface_tables(STANDARD, half_cured)
    assert tables.base_rate[row_of(number)] == pytest.approx(rate, rel=0.005)


# RMRS-GTR-153 prints with each model its characteristic SAV (1/ft) and packing ratio, uncured.
@pytest.mark.parametrize(
    ("number", "ratio", "packing"),
    [
        (101, 2054, 0.00143),
        (102, 1820, 0.00158),
        (104, 1826, 0.00154),
        (145, 1252, 0.00206),
        (161, 1606, 0.00885),
        (181, 1716, 0.04878),
    ],
)
def test_the_fuel_beds_printed_with_the_models(number: int, ratio: int, packing: float) -> None:
    tables, row = surface_tables(STANDARD, GREEN), row_of(number)
    characteristic = (tables.wind_exponent[row] / 0.02526) ** (1 / 0.54)
    assert round(characteristic) == ratio
    packed = (tables.slope_coefficient[row] / 5.275) ** (-1 / 0.3)
    assert round(packed, 5) == packing


def test_all_forty_models_are_there_and_burn() -> None:
    assert len(STANDARD.numbers) == 40
    assert (surface_tables(STANDARD, DRY).base_rate > 0.04).all()


def test_curing_moves_load_and_loses_none() -> None:
    total = STANDARD.loads.sum(axis=1)
    for moisture in (0.2, 0.3, 0.75, 1.2, 2.0):
        cured = STANDARD.cured(moisture)
        assert cured.sum(axis=1) == pytest.approx(total)
    grass = row_of(102)
    assert STANDARD.cured(0.30)[grass, 4] == pytest.approx(0, abs=1e-12)
    assert STANDARD.cured(1.20)[grass, 3] == 0
    assert STANDARD.cured(0.30)[row_of(144), 3] == 0  # SH4 is static


def test_wetter_fuel_is_slower_and_soaked_fuel_does_not_burn() -> None:
    damp = surface_tables(STANDARD, Moistures(0.10, 0.11, 0.12, 0.30, 0.60)).base_rate
    soaked = surface_tables(STANDARD, Moistures(0.6, 0.6, 0.6, 3.0, 3.0)).base_rate
    assert (damp < surface_tables(STANDARD, DRY).base_rate).all()
    assert soaked == pytest.approx(0, abs=1e-9)


def test_built_up_land_burns_as_grass_and_water_does_not() -> None:
    fuel = np.array([91, 101, 98, -9999])
    rows = STANDARD.rows(fuel, {91: 101})
    assert rows.tolist() == [row_of(101), row_of(101), -1, -1]
