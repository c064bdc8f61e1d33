"""The head and the foot of a picture: EXERCISE, the title in words, warnings, and what the picture
must not be used for."""

from typing import NamedTuple

from .contents import Forecast, Verification
from .page import HEIGHT, WIDTH, Page
from .reading import plain

SIDE = 0.35
"""inches of white at the sides"""
_ROOM = WIDTH - 2 * SIDE
_TITLE_SIZES = (20.0, 19.0, 18.0, 17.0, 16.0, 15.0)
_CAVEAT = "No fire-fighting in the model. No colour does not mean safe. Not for operational use."
_BEATEN = {"no_change": "NO CHANGE", "ellipse": "A PLAIN WIND ELLIPSE"}


class _Band(NamedTuple):
    face: str
    ink: str
    words: str


def head(page: Page, forecast: Forecast, verification: Verification | None) -> float:
    """Set all above the map; gives the y below it."""
    y = _exercise(page, 0) if forecast.summary["incident"]["exercise"] else 0.0
    title, subtitle = _titles(forecast, verification)
    size = page.largest(title, _TITLE_SIZES, _ROOM, True)
    y = page.write(SIDE, y + 0.06, page.cut(title, size, _ROOM, True), size, bold=True)
    named = page.cut(forecast.name, 13, _ROOM, True)
    y = page.write(SIDE, y, named, 13, bold=True)
    y = page.paragraph(SIDE, y, subtitle, 10, _ROOM, lines=2) + 0.08
    for band in _bands(forecast, verification):
        y = _banner(page, y, band)
    return y


def foot(page: Page, forecast: Forecast) -> float:
    """Set all below the map; gives the y above it."""
    y = HEIGHT
    if forecast.summary["incident"]["exercise"]:
        y -= 0.3
        _exercise(page, y)
    y -= 0.36
    page.box(0, y, WIDTH, 0.36, "black")
    page.write(WIDTH / 2, y + 0.055, _CAVEAT, 13, bold=True, colour="white", align="center")
    return y


def _exercise(page: Page, y: float) -> float:
    page.box(0, y, WIDTH, 0.3, "#ffe600")
    page.write(
        WIDTH / 2, y + 0.02, "EXERCISE      EXERCISE      EXERCISE      EXERCISE", 14, bold=True,
        align="center",
    )  # fmt: skip
    return y + 0.3


def _titles(forecast: Forecast, verification: Verification | None) -> tuple[str, str]:
    summary, clock = forecast.summary, forecast.clock
    runs = f"{summary['hours']} h ahead, {summary['members']} runs"
    subtitle = (
        f"Forecast from {plain(summary['source']['name'])}, {clock.moment(forecast.start)}; {runs}."
    )
    if verification is None:
        return f"Where the fire may be by {clock.moment(forecast.end)}", subtitle
    seen, compared = verification.detections, verification.compared_at
    if seen.time > compared:
        subtitle += f" Seen {clock.moment(seen.time)}, after its end."
    return f"Forecast and fire seen, {clock.moment(compared)}", subtitle


def _bands(forecast: Forecast, verification: Verification | None) -> list[_Band]:
    bands = []
    if verification:
        best, verdict = verification.scores["best"], plain(verification.scores["verdict"])
        if best in _BEATEN:
            words = f"{_BEATEN[best]} BEATS THIS FORECAST. {verdict}"
            bands.append(_Band("#5b0f8b", "white", words))
        else:
            bands.append(_Band("#dbe9f6", "black", verdict))
    warnings = sorted(forecast.summary["warnings"], key=lambda each: each["code"] != "edge")
    if warnings:
        words = " ".join(plain(warning["text"]) for warning in warnings)
        bands.append(_Band("#ffb000", "black", f"WARNING: {words}"))
    return bands


def _banner(page: Page, y: float, band: _Band) -> float:
    below = page.paragraph(
        SIDE + 0.1, y + 0.04, band.words, 11, _ROOM - 0.2, bold=True, colour=band.ink, lines=2
    )
    page.box(SIDE, y, _ROOM, below + 0.04 - y, band.face)
    return below + 0.11
