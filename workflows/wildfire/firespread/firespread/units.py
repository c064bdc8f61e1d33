"""Conversions. Rothermel's equations are in feet, pounds, Btu and minutes; everything outside them
is metric."""

FEET_PER_METRE = 1 / 0.3048
METRES_PER_FOOT = 0.3048
FEET_PER_MINUTE_PER_MPH = 88.0
"""1 mi/h is 88 ft/min."""
METRES_PER_SECOND_PER_MPH = 0.44704
KM_PER_HOUR_PER_MPH = 1.609344
POUNDS_PER_SQUARE_FOOT_PER_TON_PER_ACRE = 2000 / 43560
KJ_PER_SQUARE_METRE_PER_BTU_PER_SQUARE_FOOT = 1.05506 / 0.3048**2
WIND_10M_PER_20FT = 1.15
"""Wind at 10 m over wind at 20 ft in the open (Turner and Lawson 1978; Andrews 2012,
RMRS-GTR-266)."""
M2_PER_HECTARE = 10000.0
