"""The key to the map, and north and the wind."""

import math

from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrow

from . import layers, words
from .column import Column
from .contents import Forecast, Verification
from .page import HEIGHT
from .reading import plain


def downwind(forecast: Forecast) -> float:
    """Where the wind blows to on average, degrees."""
    return (words.mean_direction(_directions(forecast)) + 180) % 360


def key(column: Column, forecast: Forecast, verification: Verification | None) -> None:
    """What colours, lines and points mean."""
    clock = forecast.clock
    time = verification.compared_at if verification else forecast.end
    column.y -= 0.11 * column.scale
    column.heading(f"Burned by {forecast.hour(time)} {clock.name(time)}, as forecast")
    column.swatch("almost certain: 9 of 10 runs or more", layers.CERTAIN)
    column.swatch("likely: 5 of 10 runs or more", layers.LIKELY)
    column.swatch("possible: 1 of 10 runs or more", layers.POSSIBLE)
    if forecast.summary["source"]["kind"] == "pass":
        column.swatch("seen burning or burned at the start", *layers.SEEN)
    column.swatch("beyond the terrain: not computed", *layers.BEYOND)
    _line(column)
    column.explain(f"edge of the likely fire at these hours ({clock.name(time)})")
    if forecast.summary["source"]["kind"] == "report":
        _point(column, marker="*", color="black", markersize=12)
        column.explain("fire reported here")
    if verification:
        _detections(column, verification)


def _detections(column: Column, verification: Verification) -> None:
    seen = verification.detections
    x, y = column.symbol
    column.page.box(x - 0.14, y - 0.08, 0.28, 0.16, "none", layers.DETECTION, 1.4)
    _point(column, marker="o", color=layers.DETECTION, markersize=3)
    beyond = len(seen.places) - verification.scores["observed"]["detections_in_terrain"]
    outside = f" ({beyond} beyond the terrain)" if beyond else ""
    column.explain(
        f"fire seen by {plain(seen.name)}: {len(seen.places)} detections{outside}, and the "
        "outline of their footprints"
    )


def _line(column: Column) -> None:
    x, y = column.symbol
    ends = [x - 0.17, x + 0.17]
    column.page.add(Line2D(ends, [HEIGHT - y] * 2, color=layers.FRONT, linewidth=1.8))


def _point(column: Column, marker: str, color: str, markersize: float) -> None:
    x, y = column.symbol
    point = Line2D([x], [HEIGHT - y], marker=marker, color=color, markersize=markersize)
    column.page.add(point)


def wind(column: Column, forecast: Forecast) -> None:
    """North and the wind as arrows, and the wind in words."""
    column.y += 0.16 * column.scale
    top, size = column.y, 0.56 * column.scale
    north = forecast.terrain.grid.projection.convergence(_middle(forecast))
    _arrow(column, 0.16, top, size, north, "white")
    _arrow(column, 0.72, top, size, downwind(forecast) + north, "black")
    for x, name in ((0.16, "N"), (0.72, "wind")):
        column.page.write(
            column.x + x, top + size, name, 9 * column.scale, bold=True, align="center"
        )
    speeds = [hour["wind_speed_20ft_mph"] for hour in forecast.summary["weather"]]
    for line in words.wind(speeds, _directions(forecast)):
        column.text(line, bold=True, indent=1.1, lines=1)
    column.text("at 20 ft, hourly means, no gusts", indent=1.1, lines=1)
    column.y = max(column.y, top + size + 0.17)


def _arrow(column: Column, x: float, top: float, size: float, degrees: float, face: str) -> None:
    """An arrow within a circle of a diameter `size`, to degrees clockwise from straight up."""
    east, north = (size * part(math.radians(degrees)) for part in (math.sin, math.cos))
    tail = column.x + x - east / 2, HEIGHT - top - size / 2 - north / 2
    arrow = FancyArrow(
        *tail, east, north, width=0.07, head_width=0.22, head_length=0.2, facecolor=face,
        edgecolor="black", length_includes_head=True,
    )  # fmt: skip
    column.page.add(arrow)


def _middle(forecast: Forecast) -> float:
    box = forecast.summary["grid"]
    return float(box["west"] + box["east"]) / 2


def _directions(forecast: Forecast) -> list[float]:
    return [hour["wind_from_deg"] for hour in forecast.summary["weather"]]
