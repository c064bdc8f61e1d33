"""The column beside the map: the key, the wind, hours or scores, and what the forecast rests on."""

import math
from collections.abc import Callable

from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrow

from ..request import time_of
from . import layers, words
from .column import Column
from .contents import Forecast, Verification, plain
from .page import HEIGHT, Page

_SCALES = (1.15, 1.1, 1.05, 1.0, 0.95, 0.9, 0.85, 0.8)
_CHOSEN = {"ember_rate_per_kj": "rate of embers"}
_ROWS = {"forecast": "this forecast", "no_change": "no change", "ellipse": "wind ellipse"}
_MOST_HOURS = 6


def sidebar(
    page: Page, forecast: Forecast, verification: Verification | None,
    x: float, y: float, width: float, bottom: float,
) -> None:  # fmt: skip
    """Fill a column (inches); everything becomes smaller until it fits."""
    mark = page.mark
    for scale in _SCALES:
        page.undo(mark)
        column = Column(page, x, y, width, scale)
        _key(column, forecast, verification)
        _wind(column, forecast)
        if verification:
            _scores(column, verification)
        else:
            _hours(column, forecast)
        _basis(column, forecast)
        if column.y <= bottom and not column.crowded:
            return


def downwind(forecast: Forecast) -> float:
    """Where the wind blows to on average, degrees."""
    return (words.mean_direction(_directions(forecast)) + 180) % 360


def _key(column: Column, forecast: Forecast, verification: Verification | None) -> None:
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
    _line(column, 1.8)
    column.explain(f"edge of the likely fire, hour by hour ({clock.name(time)}), smoothed")
    if forecast.summary["source"]["kind"] == "report":
        _point(column, marker="*", color="black", markersize=12)
        column.explain("fire reported here")
    if verification:
        seen = verification.detections
        _point(
            column, marker="o", color=layers.DETECTION, markersize=3.2, markeredgecolor="white",
            markeredgewidth=0.4,
        )  # fmt: skip
        box_x, box_y = column.symbol
        column.page.box(box_x - 0.14, box_y - 0.08, 0.28, 0.16, "none", layers.DETECTION, 1.4)
        beyond = len(seen.places) - verification.scores["observed"]["detections_in_terrain"]
        outside = f" ({beyond} beyond the terrain)" if beyond else ""
        column.explain(
            f"fire seen by {plain(seen.name)}: {len(seen.places)} detections{outside}, and the "
            "outline of their footprints"
        )


def _line(column: Column, width: float) -> None:
    x, y = column.symbol
    column.page.add(
        Line2D([x - 0.17, x + 0.17], [HEIGHT - y] * 2, color=layers.FRONT, linewidth=width)
    )


def _point(column: Column, **style: object) -> None:
    x, y = column.symbol
    column.page.add(Line2D([x], [HEIGHT - y], **style))  # type: ignore[arg-type]


def _wind(column: Column, forecast: Forecast) -> None:
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


def _hours(column: Column, forecast: Forecast) -> None:
    hours = forecast.summary["areas_ha"]
    edges, step = [0.54, 1.0], -(-len(hours) // _MOST_HOURS)
    start = forecast.summary["burned_at_start_ha"]
    column.heading("Burned area, hour by hour")
    column.row([forecast.clock.name(forecast.end), "likely", "possible"], edges, bold=True)
    column.row([forecast.hour(forecast.start), words.area(start), words.area(start)], edges)
    for hour in hours[::-step][::-1]:
        time = forecast.hour(time_of(hour["time"]))
        column.row([time, words.area(hour["p50"]), words.area(hour["p10"])], edges)


def _scores(column: Column, verification: Verification) -> None:
    scores, edges = verification.scores, [0.46, 0.59, 0.77, 1.0]
    column.heading(f"How well it agrees with what {plain(verification.detections.name)} saw")
    column.row(["", "overlap", "kappa", "hits", "false alarms"], edges, bold=True)
    for name, title in _ROWS.items():
        best = name == scores["best"]
        column.row([f"{title}, best" if best else title, *_cells(scores[name])], edges, bold=best)
    column.y += 0.03
    column.text(_explanation(scores), lines=4)


def _cells(score: dict[str, float]) -> list[str]:
    figures = [f"{score['iou']:.2f}", f"{score['kappa']:.2f}"]
    return figures + [f"{score[name]:,.0f} ha" for name in ("hits_ha", "false_alarms_ha")]


def _explanation(scores: dict[str, object]) -> str:
    inside = scores["forecast"]["new_detections_inside_p10"]  # type: ignore[index]
    thirds = ", ".join(f"{third['iou']:.2f}" for third in scores["ember_sensitivity"])  # type: ignore[attr-defined]
    text = "Overlap and kappa: 1 is perfect. Hits and false alarms: ground new since the start. "
    if inside is not None:
        text += f"{100 * inside:.0f}% of the new detections lie in possible ground. "
    return text + f"Overlap with few, some, many embers: {thirds}."


def _basis(column: Column, forecast: Forecast) -> None:
    column.heading("What it rests on")
    for name, describe in _DESCRIBED.items():
        given = (forecast.options.inputs or {}).get(name)
        text = given.text if given else describe(forecast)
        time = given.time if given else None
        old = f" ({words.age(forecast.start - time)} old at the start)" if time else ""
        column.text(f"{name.capitalize()}: {text}{old}", lines=2)
    if chosen := _chosen(forecast):
        column.y += 0.04
        column.text(chosen, bold=True, lines=3)


def _fire(forecast: Forecast) -> str:
    times = [time_of(place["time"]) for place in forecast.summary["ignition"] if place.get("time")]
    oldest = forecast.start - min(times, default=forecast.start)
    old = f"oldest sighting {words.age(oldest)} old at the start" if oldest else "seen at the start"
    return f"{plain(forecast.summary['source']['name'])}, {old}"


def _weather(forecast: Forecast) -> str:
    first = time_of(forecast.summary["weather_first"])
    clock = forecast.clock
    return f"hourly, from {clock.moment(first)}; when it was made is not stated"


def _terrain(forecast: Forecast) -> str:
    return f"cells of {forecast.terrain.grid.cell[1]:.0f} m; age not stated"


_DESCRIBED: dict[str, Callable[[Forecast], str]] = {
    "fire": _fire,
    "weather": _weather,
    "terrain": _terrain,
}


def _chosen(forecast: Forecast) -> str:
    """Which parameters were chosen on the Tubbs fire, and what that means for this picture."""
    chosen = forecast.summary.get("chosen_on_tubbs_2017", [])
    if not chosen:
        return ""
    names = ", ".join(_CHOSEN.get(name, name.replace("_", " ")) for name in chosen)
    if forecast.options.fire == "tubbs_2017":
        return f"Chosen on this very fire: {names}. Expect less of it on another fire."
    return f"Chosen on another fire (Tubbs 2017): {names}."
