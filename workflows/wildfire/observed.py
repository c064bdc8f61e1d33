"""The map of what was seen to burn, as GeoJSON for any client."""

import math
from collections.abc import Sequence

from pydantic import JsonValue

from workflows.wildfire.detections import Detection, Pass

_KM_PER_DEGREE = 111.195
"""Of latitude, on a sphere of 6,371 km."""


def observed_map(passes: Sequence[Pass]) -> JsonValue:
    """A FeatureCollection (RFC 7946): each detection's footprint, with its time and satellite."""
    return {
        "type": "FeatureCollection",
        "features": [_feature(d) for one in passes for d in one.detections],
    }


def _feature(detection: Detection) -> JsonValue:
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [_footprint(detection)]},
        "properties": {
            "time": detection.time.isoformat().replace("+00:00", "Z"),
            "satellite": detection.satellite,
            "frp_mw": detection.frp_mw,
        },
    }


def _footprint(detection: Detection) -> JsonValue:
    """The pixel's box, counter-clockwise, in degrees."""
    up = detection.track_km / 2 / _KM_PER_DEGREE
    right = detection.scan_km / 2 / (_KM_PER_DEGREE * math.cos(math.radians(detection.latitude)))
    west, east = detection.longitude - right, detection.longitude + right
    south, north = detection.latitude - up, detection.latitude + up
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return [[round(x, 6), round(y, 6)] for x, y in corners]
