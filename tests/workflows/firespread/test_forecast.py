"""The program as it is run: in a job's folder, on small plains."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from firespread.__main__ import main

OUTPUTS = (
    "probability.tif", "arrival.tif", "intensity.tif", "perimeters.geojson", "forecast.json",
    "members.npz",
)  # fmt: skip
Job = Callable[..., Path]


def run(folder: Path, *options: str) -> int:
    return main([*options, "--folder", str(folder)])


def forecast(folder: Path, processes: int = 1) -> int:
    return run(folder, "forecast", "--processes", str(processes))


def test_a_north_wind_drives_fire_south_in_the_written_geotiff(job: Job) -> None:
    folder = job(wind_mph=10, wind_from=0)
    assert forecast(folder) == 0
    with tifffile.TiffFile(folder / "probability.tif") as tiff:
        page = tiff.pages.first
        probability = tiff.asarray()[-1]
        _, _, _, _, north, _ = page.tags[33922].value
        step = page.tags[33550].value[1]
    rows, _ = np.nonzero(probability >= 0.5)
    latitudes = north - (rows + 0.5) * step
    assert len(rows) > 20
    assert 38.5 - latitudes.min() > 5 * (latitudes.max() - 38.5)


def test_another_reader_finds_the_fire_in_the_south(job: Job) -> None:
    rasterio = pytest.importorskip("rasterio", reason="rasterio is needed for this test only")
    folder = job(wind_mph=10, wind_from=0)
    forecast(folder)
    with rasterio.open(folder / "arrival.tif") as raster:
        assert raster.crs.to_epsg() == 4326
        arrival = raster.read(1, masked=True)
        rows, _ = np.nonzero(~arrival.mask)
        latitudes = [raster.xy(row, 0)[1] for row in rows]
        start = raster.index(-122.7, 38.5)
    row, column = start
    assert arrival[row - 1 : row + 2, column - 1 : column + 2].min() == 0
    assert 38.5 - min(latitudes) > 5 * (max(latitudes) - 38.5)


def test_the_same_input_gives_the_same_bytes_on_any_number_of_processes(job: Job) -> None:
    runs = [job(f"job{n}", request={"members": 12}, bands={"fuel model [Scott-Burgan 40]": 145})
            for n in (1, 2)]  # fmt: skip
    for processes, folder in enumerate(runs, start=1):
        assert forecast(folder, processes) == 0
    for name in OUTPUTS:
        assert (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes(), name


def test_the_name_of_the_incident_changes_no_map_but_the_start_does(job: Job) -> None:
    other = {"id": "2", "name": "Another", "exercise": False}
    folders = [
        job("a"), job("b", request={"incident": other}),
        job("c", request={"start": "2020-07-01T13:00:00Z"}),
    ]  # fmt: skip
    for folder in folders:
        forecast(folder)
    maps = [(folder / "arrival.tif").read_bytes() for folder in folders]
    assert maps[0] == maps[1] != maps[2]


def test_every_start_leaves_one_line(job: Job) -> None:
    folder = job()
    forecast(folder)
    (folder / "request.json").write_text("{")
    assert forecast(folder) == 2
    lines = (folder / "program-starts.txt").read_text().splitlines()
    assert len(lines) == 2
    assert all(line.split()[0].endswith("Z") and line.split()[2].isdigit() for line in lines)


def test_perimeters_grow_with_the_hours_and_shrink_with_probability(job: Job) -> None:
    folder = job(request={"members": 10})
    forecast(folder)
    features = json.loads((folder / "perimeters.geojson").read_text())["features"]
    area = {(f["properties"]["hour"], f["properties"]["probability"]): f["properties"]["area_ha"]
            for f in features}  # fmt: skip
    assert sorted(area) == [(hour, level) for hour in (1, 2) for level in (0.1, 0.5, 0.9)]
    assert area[1, 0.9] <= area[1, 0.5] <= area[1, 0.1] <= area[2, 0.1]
    summary = json.loads((folder / "forecast.json").read_text())
    assert summary["areas_ha"][1]["p50"] == area[2, 0.5]
    ring = features[0]["geometry"]["coordinates"][0][0]
    assert all(abs(lon + 122.7) < 0.05 and abs(lat - 38.5) < 0.05 for lon, lat in ring)


def test_fire_that_reaches_the_edge_of_the_terrain_is_said(job: Job) -> None:
    folder = job(wind_mph=20, size=20)
    forecast(folder)
    warnings = json.loads((folder / "forecast.json").read_text())["warnings"]
    assert [warning["code"] for warning in warnings] == ["few_members", "edge"]


def test_burned_ground_counts_and_stops_fire(job: Job) -> None:
    strip = {"latitude": 38.494, "longitude": -122.7, "scan_km": 6.0, "track_km": 0.4}
    folder = job(wind_mph=8, request={"burned": [strip], "parameters": {"embers": False}})
    assert forecast(folder) == 0
    arrays = np.load(folder / "members.npz")
    burned = np.nonzero(arrays["burned"].sum(axis=1) > 2)[0]
    assert len(burned) in (4, 5)
    assert (arrays["arrival"][:, burned.max() + 1 :] == 65535).all()


SENTENCES = {
    "weather": ({"start": "2020-07-01T17:00:00Z"}, "weather.csv covers 2020-07-01T12:00:00Z"),
    "outside": ({"ignition": [{"latitude": 40.0, "longitude": -122.7}]}, "outside the terrain"),
    "nowhere": ({"ignition": []}, "ignition is empty"),
    "no zone": ({"start": "2020-07-01T12:00:00"}, "has no zone"),
    "unknown field": ({"wind": 3}, "'wind' is not known"),
    "unknown parameter": ({"parameters": {"crowns": True}}, "'crowns' is not known"),
    "wrong type": ({"hours": "six"}, "'hours' is 'six'"),
    "too long": ({"hours": 1000}, "hours is 1 to 48"),
    "place": ({"ignition": [{"latitude": 138.0, "longitude": 0}]}, "no place on earth"),
    "kind": ({"source": {"kind": "rumour", "name": ""}}, "'report' or 'pass'"),
    "rate": ({"parameters": {"ember_rate_per_kj": [0, 1]}}, "a range"),
    "negative": ({"parameters": {"wind_factor_sd": -1}}, "below what it may be"),
    "substitute": ({"parameters": {"fuel_substitutes": {"91": 98}}}, "98 does not burn"),
    "no number": ({"parameters": {"foliar_moisture": float("nan")}}, "NaN is not a number"),
    "list": ({"ignition": 3}, "'ignition' is not a list"),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_bad_requests_get_one_sentence(
    job: Job, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changes, expected = SENTENCES[case]
    assert forecast(job(request=changes)) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.startswith("firespread: ")
    assert said.count("\n") == 1


def test_ignition_on_water_is_refused(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    assert forecast(job(bands={"fuel model [Scott-Burgan 40]": 98})) == 2
    assert "does not burn (fuel 98)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("request.json", "not json", "request.json"),
        ("request.json", "[]", "firespread-request/1"),
        ("weather.csv", "time_utc\n2020-07-01T12:00:00Z\n", "no column"),
        ("weather.csv", "", "at least one row"),
        ("landscape.tif", "not a picture", "landscape.tif cannot be read"),
    ],
)
def test_broken_files_get_one_sentence(
    job: Job, name: str, content: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = job()
    (folder / name).write_text(content)
    assert forecast(folder) == 2
    assert expected in capsys.readouterr().err
    assert not (folder / "forecast.json").exists()


@pytest.mark.parametrize("name", ["request.json", "weather.csv", "landscape.tif"])
def test_missing_files_are_named(job: Job, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = job()
    (folder / name).unlink()
    assert forecast(folder) == 2
    assert name in capsys.readouterr().err


def test_a_line_of_weather_that_is_no_number_is_named(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = job()
    lines = (folder / "weather.csv").read_text().splitlines()
    lines[2] = lines[2].replace(",5,", ",dry,")
    (folder / "weather.csv").write_text("\n".join(lines))
    assert forecast(folder) == 2
    assert "line 3" in capsys.readouterr().err


def test_the_last_row_of_weather_holds_for_an_hour(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    for hours, code in ((1, 0), (2, 2)):
        folder = job(f"{hours} hours", request={"hours": hours})
        header, first, *_ = (folder / "weather.csv").read_text().splitlines()
        (folder / "weather.csv").write_text(f"{header}\n{first}\n")
        assert forecast(folder) == code
    assert "to 2020-07-01T13:00:00Z" in capsys.readouterr().err


def test_weather_without_a_zone_is_in_utc(job: Job) -> None:
    folder = job()
    assert forecast(folder) == 0
    used = json.loads((folder / "forecast.json").read_text())["weather"]
    rows = (folder / "weather.csv").read_text()
    (folder / "weather.csv").write_text(rows.replace("Z,", ","))
    assert forecast(folder) == 0
    assert json.loads((folder / "forecast.json").read_text())["weather"] == used


def test_scores_need_a_forecast_and_a_later_pass(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = job()
    detections = {"format": "firespread-detections/1", "name": "p", "detections": []}
    seen = folder / "detections.json"
    assert run(folder, "verify") == 2
    assert "detections.json is missing" in capsys.readouterr().err
    seen.write_text(json.dumps(detections | {"time": "2020-07-01T11:00:00Z"}))
    assert run(folder, "verify") == 2
    assert "not newer" in capsys.readouterr().err
    seen.write_text(json.dumps(detections | {"time": "2020-07-01T13:00:00Z"}))
    assert run(folder, "verify") == 2
    assert "no whole forecast" in capsys.readouterr().err
    forecast(folder)
    assert run(folder, "verify") == 0
    scores = json.loads((folder / "scores.json").read_text())
    assert scores["best"] == "no_change"
    assert scores["verdict"].startswith("No change agrees best")
    assert scores["no_change"]["iou"] == 1
