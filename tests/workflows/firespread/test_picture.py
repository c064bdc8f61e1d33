"""The pictures: that they say what they must, that nothing is cut off or overlaps, and that the
same input gives the same bytes. The forecasts are made up here, so that no model has to run."""

import json
import math
import shutil
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from firespread.__main__ import main
from firespread.errors import InputError
from firespread.picture import contents, draw, layers
from firespread.picture.draw import compose, style
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

SIZE = 150
CENTRE = 38.5, -122.7
MET = {"latitude": CENTRE[0], "longitude": CENTRE[1]}
EDGE = {
    "code": "edge",
    "text": "In 9 of 20 runs fire reaches the edge of the terrain: what lies beyond is not shown "
    "and not safe.",
}  # fmt: skip
VERDICT = (
    "No change agrees best with what the pass 2 saw (overlap 0.83; the forecast 0.51, the wind "
    "ellipse 0.20). For this step the map of what had burned was a better guide than a model."
)


def summary(**changes: Any) -> dict[str, Any]:
    """A forecast.json, of two hours from 2020-07-01 12:00 UTC unless `hours` says otherwise."""
    hours = changes.get("hours", 2)
    days = [divmod(12 + hour, 24) for hour in range(hours + 1)]
    times = [f"2020-07-{1 + day:02d}T{hour:02d}:00:00Z" for day, hour in days]
    return {
        "format": "firespread-forecast/1",
        "incident": {"id": "1", "name": "Plain fire", "exercise": True},
        "source": {"kind": "report", "name": "report"},
        "start": times[0], "end": times[-1], "hours": hours, "members": 20,
        "ignition": [MET],
        "grid": {"west": -122.8, "east": -122.6, "south": 38.4, "north": 38.6},
        "areas_ha": [
            {"hour": hour, "time": time, "p10": 9.4e4, "p50": 900.0 * hour, "p90": 3.0, "mean": 1.0}
            for hour, time in enumerate(times) if hour
        ],
        "burned_at_start_ha": 0.8,
        "weather": [
            {"time": time, "wind_speed_20ft_mph": 27.0, "wind_from_deg": 24.0} for time in times
        ],
        "weather_first": times[0],
        "warnings": [],
        "chosen_on_tubbs_2017": ["ember_rate_per_kj"],
    } | changes  # fmt: skip


def arrivals(reach: float, north: float = 0.0) -> np.ndarray[Any, Any]:
    """Minutes at which 20 fires reach each cell; they burn `reach` cells in two hours, from the
    centre or `north` cells north of it, some faster than others."""
    row, column = np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2
    distance = np.hypot(row + north, column)
    speeds = np.linspace(0.5, 1.5, 20)[:, None, None]
    return np.asarray(120 * distance / (reach * speeds))


def scores(**changes: Any) -> dict[str, Any]:
    row = {"iou": 0.51, "kappa": 0.6, "area_ha": 1.0, "new_ha": 1.0, "hits_ha": 12345.6,
           "false_alarms_ha": 98765.4}  # fmt: skip
    return {
        "format": "firespread-scores/1", "start": "2020-07-01T12:00:00Z",
        "observed_at": "2020-07-01T13:30:00Z", "compared_at": "2020-07-01T13:30:00Z",
        "forecast": row | {"new_detections_inside_p10": 0.94},
        "no_change": row | {"iou": 0.83}, "ellipse": row | {"iou": 0.2},
        "ember_sensitivity": [{"iou": iou} for iou in (0.3, 0.5, 0.4)],
        "observed": {"detections_in_terrain": 3},
        "best": "no_change", "verdict": VERDICT,
    } | changes  # fmt: skip


def detections(count: int) -> dict[str, Any]:
    seen = [
        {"latitude": CENTRE[0] + 0.003 * (n % 20 - 10), "longitude": CENTRE[1] + 0.004 * (n // 20),
         "scan_km": 0.42, "track_km": 0.38}
        for n in range(count)
    ]  # fmt: skip
    return {"format": "firespread-detections/1", "name": "pass 2", "time": "2020-07-01T13:30:00Z",
            "detections": seen}  # fmt: skip


def places(count: int, spread: float = 0.05) -> list[dict[str, Any]]:
    """Places around the centre, the first ones the largest."""
    return [
        {"name": f"Saint Somewhere {n}" * (1 + n % 2), "rank": 1 + n // 4,
         "latitude": CENTRE[0] + spread * math.sin(2.4 * n) * math.sqrt(n / count),
         "longitude": CENTRE[1] + spread * math.cos(2.4 * n) * math.sqrt(n / count)}
        for n in range(count)
    ]  # fmt: skip


PACIFIC = {"format": "firespread-picture/1", "time_zone": {"name": "PDT", "utc_offset_hours": -7}}


@pytest.fixture
def folder(job: Callable[..., Path]) -> Callable[..., Path]:
    """A job's folder with a forecast; names of JSON files as arguments change or add one."""

    def make(
        name: str = "drawn", *, arrival: np.ndarray[Any, Any] | None = None, **given: Any
    ) -> Path:
        ridges = (200 * np.sin(np.mgrid[0:SIZE, 0:SIZE].sum(axis=0) / 9)).astype(int)
        made = job(name, size=SIZE, bands={"elevation [m]": ridges})
        minutes = arrivals(30) if arrival is None else arrival
        known = minutes.min(axis=0) < 4
        tenths = np.where(known, 0, np.minimum(minutes * 10, 65535))
        np.savez(made / "members.npz", arrival=tenths.astype(np.uint16), burned=known)
        for file, content in ({"forecast": summary()} | given).items():
            (made / f"{file}.json").write_text(json.dumps(content))
        return made

    return make


SCENARIOS: dict[str, dict[str, Any]] = {
    "plain, in UTC": {},
    "in a local zone, with a warning": {"picture": PACIFIC, "forecast": summary(warnings=[EDGE])},
    "long names": {
        "picture": PACIFIC,
        "forecast": summary(
            incident={"id": "1", "name": "North Complex of the " + "very " * 60 + "long $name$_{x}",
                      "exercise": False},
            source={"kind": "report", "name": "a caller " * 40},
            warnings=[EDGE, {"code": "outside", "text": "Some places lie outside. " * 9}],
        ),
    },
    "twenty places": {"places": places(20)},
    "twenty places close together": {"places": places(20, spread=0.01)},
    "a tiny fire": {"arrival": arrivals(2), "places": places(3)},
    "a fire at the edge": {"arrival": arrivals(30, north=70), "forecast": summary(warnings=[EDGE])},
    "two days": {"forecast": summary(hours=48), "picture": PACIFIC},
    "scored": {
        "scores": scores(), "detections": detections(300), "places": places(9),
        "forecast": summary(warnings=[EDGE], source={"kind": "pass", "name": "pass 1"}),
    },
    "nothing seen": {
        "scores": scores(observed={"detections_in_terrain": 0}), "detections": detections(0),
    },
    "wordy inputs": {
        "picture": PACIFIC | {
            "inputs": {
                name: {"text": "measured by hand " * 30, "time": "2020-06-01T00:00:00Z"}
                for name in ("fire", "weather", "terrain")
            }
        },
        "scores": scores(), "detections": detections(3),
    },
}  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_text_is_cut_off_and_no_two_overlap(folder: Callable[..., Path], scenario: str) -> None:
    forecast = contents.read(folder(**SCENARIOS[scenario]))
    figure = compose(forecast, forecast.verification)
    with style():
        boxes = {text: text.get_window_extent() for text in shown(figure)}
    paper, map_ = figure.bbox.padded(-20), figure.axes[0].bbox
    for text, box in boxes.items():
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
        assert paper.x0 <= box.x0 < box.x1 <= paper.x1, text
        assert not map_.overlaps(box) or text in figure.axes[0].texts, text
    overlapping = [
        (one.get_text(), two.get_text())
        for (one, a), (two, b) in combinations(boxes.items(), 2)
        if a.overlaps(b)
    ]
    assert overlapping == []


def test_ordinary_words_are_shown_whole(folder: Callable[..., Path]) -> None:
    seen = detections(300) | {"name": "satellite pass of 19:56 and 21:36 UTC"}
    source = {"kind": "pass", "name": "satellite pass of 10:15 UTC"}
    made = folder(
        picture=PACIFIC,
        scores=scores(),
        detections=seen,
        forecast=summary(warnings=[EDGE], source=source),
    )
    said = of(made, verified=True)
    assert "the satellite pass of 19:56 and 21:36 UTC saw" in said
    assert "…" not in said


def shown(figure: Figure) -> list[Text]:
    texts = figure.findobj(Text)
    return [text for text in texts if text.get_text().strip() and text.get_visible()]


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in shown(figure))


def of(made: Path, verified: bool = False) -> str:
    forecast = contents.read(made)
    return words(compose(forecast, forecast.verification if verified else None))


def test_both_pictures_are_written_in_full_size(folder: Callable[..., Path]) -> None:
    made = folder(scores=scores(), detections=detections(40))
    assert main(["draw", "--folder", str(made)]) == 0
    for name in ("map.png", "map-verified.png"):
        assert imread(made / name).shape[:2] == (1350, 1800)


def test_same_input_same_bytes_whatever_the_users_settings(folder: Callable[..., Path]) -> None:
    made = folder(picture=PACIFIC, places=places(5))
    draw(made)
    assert [path.name for path in made.glob("*.png")] == ["map.png"]
    again = shutil.copytree(made, made.with_name("again"))
    (again / "map.png").unlink()
    with matplotlib.rc_context({"font.size": 30, "figure.dpi": 50, "hatch.linewidth": 9}):
        draw(again)
    assert (again / "map.png").read_bytes() == (made / "map.png").read_bytes()


def test_title_and_fronts_are_in_local_time(folder: Callable[..., Path]) -> None:
    said = of(folder(picture=PACIFIC))
    assert "Where the fire may be by Wed 01 Jul 2020 07:00 PDT (14:00 UTC)" in said
    assert "06:00" in said
    assert "possible: 1 of 10 runs or more" in said


def test_a_date_that_differs_in_utc_is_said(folder: Callable[..., Path]) -> None:
    late = summary(hours=14)
    assert "Wed 01 Jul 2020 19:00 PDT (Thu 02 Jul 02:00 UTC)" in of(
        folder(picture=PACIFIC, forecast=late)
    )


def test_a_zone_by_its_name(folder: Callable[..., Path]) -> None:
    zone = PACIFIC | {"time_zone": "America/Los_Angeles"}
    assert "07:00 PDT" in of(folder(picture=zone))


@pytest.mark.parametrize("exercise", [True, False])
def test_exercise_is_written_above_and_below(folder: Callable[..., Path], exercise: bool) -> None:
    incident = {"id": "1", "name": "Plain fire", "exercise": exercise}
    forecast = contents.read(folder(forecast=summary(incident=incident)))
    said = [text for text in shown(compose(forecast, None)) if "EXERCISE" in text.get_text()]
    assert len(said) == (2 if exercise else 0)


def test_what_must_be_said(folder: Callable[..., Path]) -> None:
    said = of(folder(forecast=summary(warnings=[EDGE])))
    assert "No fire-fighting in the model. No colour does not mean safe." in said
    assert "Not for operational use." in said
    assert f"WARNING: {EDGE['text']}" in said
    assert "27 mph (43 km/h)" in said
    assert "Wind from the north-east (24°)" in said
    assert "5 km" in said


def test_parameters_chosen_on_this_fire_are_called_that(folder: Callable[..., Path]) -> None:
    tubbs = {"format": "firespread-picture/1", "fire": "tubbs_2017"}
    assert "Chosen on this very fire: rate of embers." in of(folder("tubbs", picture=tubbs))
    assert "Chosen on another fire (Tubbs 2017): rate of embers." in of(folder("other"))


def test_where_no_change_wins_the_picture_says_so(folder: Callable[..., Path]) -> None:
    said = of(folder(scores=scores(), detections=detections(40)), verified=True)
    assert "NO CHANGE BEATS THIS FORECAST." in said
    assert "better guide than a model" in said
    assert "no change, best" in said
    assert "40 detections (37 beyond the terrain)" in said


def test_the_fire_is_drawn_where_it_burns(folder: Callable[..., Path]) -> None:
    """A fire 40 cells north of the centre: its ground is dark there and light to the south."""
    made = folder(arrival=arrivals(20, north=40), forecast=summary(ignition=[]))
    forecast = contents.read(made)
    figure = compose(forecast, None)
    draw(made)
    picture = imread(made / "map.png")[::-1, :, :3]
    grid = forecast.terrain.grid

    def colour(row: float, column: float) -> np.ndarray[Any, Any]:
        metres = grid.left + column * grid.cell[0], grid.top - row * grid.cell[1]
        x, y = figure.axes[0].transData.transform(metres)
        return np.asarray(picture[int(y), int(x)])

    assert np.allclose(colour(35 + 5, 75), to_rgb(layers.CERTAIN), atol=0.02)
    assert colour(35 + 40, 75).min() > 0.75


def test_classes_stay_apart_on_a_grey_print() -> None:
    """Contrast (WCAG 2.2) of each class to the next lighter one, and of the lightest to flat
    ground."""
    ground = layers.hillshade(np.zeros((9, 9)), (90, 90)).min()
    colours = [(ground,) * 3, *map(to_rgb, (layers.POSSIBLE, layers.LIKELY, layers.CERTAIN))]
    light = [luminance(colour) + 0.05 for colour in colours]
    contrasts = [lighter / darker for lighter, darker in pairwise(light)]
    assert contrasts[0] >= 1.25
    assert min(contrasts[1:]) >= 1.8


def luminance(colour: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_slopes_to_the_north_west_are_lit() -> None:
    row, column = np.mgrid[0:9, 0:9].astype(float)
    facing_north_west = layers.hillshade(10 * (row + column), (90, 90))
    facing_south_east = layers.hillshade(-10 * (row + column), (90, 90))
    assert facing_north_west.mean() > facing_south_east.mean()


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "places without a name": ({"places": [{"latitude": 1, "longitude": 2}]}, "'name' is missing"),
    "a place off the earth": (
        {"places": [{"name": "Nowhere", "latitude": 99, "longitude": 2}]}, "'Nowhere' at 99.0",
    ),
    "places that are no list": ({"places": {}}, "not a list"),
    "an unknown zone": (
        {"picture": PACIFIC | {"time_zone": "Mars/Olympus"}}, "Mars/Olympus is not known here",
    ),
    "an unknown input": ({"picture": PACIFIC | {"inputs": {"moon": {}}}}, "not moon"),
    "another file": ({"picture": {"format": "firespread-request/1"}}, "firespread-picture/1"),
    "a forecast that is not whole": (
        {"forecast": {"format": "firespread-forecast/1", "incident": {}}}, "'source' is missing",
    ),
    "scores of another forecast": (
        {"scores": scores(start="2019-07-01T12:00:00Z"), "detections": detections(3)},
        "run 'firespread verify' again",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_explained(folder: Callable[..., Path], case: str) -> None:
    given, sentence = BAD[case]
    with pytest.raises(InputError, match=sentence):
        draw(folder(**given))


def test_a_folder_without_a_forecast(
    job: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", "--folder", str(job())]) == 2
    assert "forecast.json is missing; run 'firespread forecast' first." in capsys.readouterr().err


def test_a_forecast_that_was_cut_off(folder: Callable[..., Path]) -> None:
    made = folder()
    members = made / "members.npz"
    members.write_bytes(members.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"members.npz cannot be read"):
        draw(made)
