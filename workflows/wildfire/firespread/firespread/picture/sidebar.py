"""The column beside the map: the key, the wind, hours or scores, and what the forecast rests on."""

from collections.abc import Callable
from typing import Any

from ..request import time_of
from . import words
from .column import Column
from .contents import Forecast, Verification
from .key import key, wind
from .options import Input
from .page import Page
from .reading import plain

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
        key(column, forecast, verification)
        wind(column, forecast)
        if verification:
            _scores(column, verification)
        else:
            _hours(column, forecast)
        _basis(column, forecast)
        if column.y <= bottom and not column.crowded:
            return


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
    column.heading(f"How well it agrees with what the {plain(verification.detections.name)} saw")
    column.row(["", "overlap", "kappa", "hits", "false alarms"], edges, bold=True)
    for name, title in _ROWS.items():
        best = name == scores["best"]
        column.row([f"{title}, best" if best else title, *_cells(scores[name])], edges, bold=best)
    column.y += 0.03
    column.text(_explanation(scores), lines=4)


def _cells(score: dict[str, float]) -> list[str]:
    figures = [f"{score['iou']:.2f}", f"{score['kappa']:.2f}"]
    return figures + [f"{score[name]:,.0f} ha" for name in ("hits_ha", "false_alarms_ha")]


def _explanation(scores: dict[str, Any]) -> str:
    inside = scores["forecast"]["new_detections_inside_p10"]
    thirds = ", ".join(f"{third['iou']:.2f}" for third in scores["ember_sensitivity"])
    text = "Overlap and kappa: 1 is perfect. Hits and false alarms: ground new since the start. "
    if inside is not None:
        text += f"{100 * inside:.0f}% of the new detections lie in possible ground. "
    return text + f"Overlap with few, some, many embers: {thirds}."


def _basis(column: Column, forecast: Forecast) -> None:
    column.heading("What it rests on")
    for name, describe in _DESCRIBED.items():
        given = forecast.options.inputs.get(name)
        text = _aged(given, forecast) if given else describe(forecast)
        column.text(f"{name.capitalize()}: {text}", lines=2)
    if chosen := _chosen(forecast):
        column.y += 0.04
        column.text(chosen, bold=True, lines=3)


def _aged(given: Input, forecast: Forecast) -> str:
    if given.time is None:
        return given.text
    return f"{given.text} ({words.age(forecast.start - given.time)} old at the start)"


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
