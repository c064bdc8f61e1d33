"""The wildfire workflow, rehearsed on the Tubbs fire with canned results of the model."""

import asyncio
import csv
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import requires
from pathlib import Path

import pytest

import workflows.wildfire.workflow as under_test
from events.incidents import IncidentStatus
from events.sensors import Finding, ReadingId
from events.simulations import SimulationCreated
from events.values import Context, IncidentId
from interfaces.machines.simulated.fates import Fate
from managers.blobs import open_document
from workflows.testing import Kit, rehearse
from workflows.wildfire import wildfire
from workflows.wildfire.model import FORECAST_OUTPUTS, VERIFY_OUTPUTS
from workflows.wildfire.state import FireState

TUBBS = Path(under_test.__file__).parent / "data" / "tubbs_2017"
PASSES = sorted((TUBBS / "passes").glob("*.csv"))
UNCOVERED = "no forecast: the weather ends 05:45 UTC on 2017-10-10 (pass of 2017-10-10 09:56 UTC)"
RESULTS = {"fire-spread": {name: f"canned {name}".encode() for name in FORECAST_OUTPUTS}}


@pytest.fixture(autouse=True)
def canned_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        under_test,
        "verify",
        lambda files: {name: sorted(files)[0].encode() for name in VERIFY_OUTPUTS},
    )


async def begin(kit: Kit) -> IncidentId:
    incident = await kit.start()
    await kit.push(incident, "landscape", (TUBBS / "landscape.tif").read_bytes())
    await kit.push(incident, "weather", (TUBBS / "weather.csv").read_bytes())
    report = '{"latitude": 38.60895, "longitude": -122.62879, "time": "2017-10-09T04:45:00Z"}'
    await kit.push(incident, "report", report)
    return incident


async def refused(kit: Kit, incident: IncidentId, endpoint: str, content: bytes | str) -> str:
    """Why something is refused, which leaves the incident well and costs no job."""
    before, jobs = len(await kit.notes(incident)), await started(kit, incident)
    await kit.push(incident, endpoint, content)
    state = await kit.incident(incident)
    assert (state.status, dict(state.failed)) == (IncidentStatus.ACTIVE, {})
    assert await started(kit, incident) == jobs
    (why,) = (await kit.notes(incident))[before:]
    return why


async def started(kit: Kit, incident: IncidentId) -> list[str]:
    """What the simulations are said to be from, in order."""
    return [
        event.event.request.comment
        for event in await kit.events(incident, Context.SIMULATIONS)
        if isinstance(event.event, SimulationCreated)
    ]


async def state(kit: Kit, incident: IncidentId) -> FireState:
    """What the workflow knows."""
    stored = (await kit.incident(incident)).state
    opened = {name: await open_document(kit.blobs, one) for name, one in stored.items()}
    return FireState.model_validate(opened)


async def forecasting(kit: Kit, incident: IncidentId) -> None:
    """Wait until a forecast is under way."""
    async with asyncio.timeout(60):
        while "forecast" not in [
            run.message.stage for run in (await kit.incident(incident)).runs.values()
        ]:
            await asyncio.sleep(1)


@rehearse(wildfire, results=RESULTS)
async def test_the_tubbs_fire_from_report_to_all_clear(kit: Kit) -> None:
    incident = await begin(kit)
    await kit.push(incident, "hotspots", PASSES[0].read_bytes())
    await kit.push(incident, "hotspots", PASSES[1].read_bytes(), settle=False)
    for one in PASSES[2:]:
        await kit.push(incident, "hotspots", one.read_bytes())
    await kit.push(incident, "all-clear", "contained")
    assert (await kit.incident(incident)).status == IncidentStatus.COMPLETE
    assert await started(kit, incident) == [
        "report of 04:45 UTC",
        "satellite pass of 10:15 UTC",
        "satellite pass of 19:56 and 21:36 UTC",
    ]
    names = set(await kit.data_sets(incident))
    assert "probability_2017-10-09T2136Z.tif" in names
    assert "probability_2017-10-09T1015Z.tif" not in names
    assert {name for name in names if name.startswith("scores")} == {
        "scores_2017-10-09T0445Z.json",
        "scores_2017-10-09T1015Z.json",
        "scores_2017-10-09T2136Z.json",
    }
    assert UNCOVERED in await kit.notes(incident)


@rehearse(wildfire, results=RESULTS)
async def test_malformed_rows_are_refused_with_their_reason(kit: Kit) -> None:
    incident = await begin(kit)
    rows = PASSES[0].read_text().splitlines()
    rows[3] = rows[3].replace("2017-10-09", "yesterday")
    rows[5] = "38.6,-122.6"
    await kit.push(incident, "hotspots", "\n".join(rows))
    refused = [note for note in await kit.notes(incident) if note.startswith("row")]
    assert [note.split(":")[0] for note in refused] == ["row 4", "row 6"]
    assert len((await kit.incident(incident)).runs) == 0


@rehearse(wildfire, results=RESULTS)
async def test_a_malformed_file_in_a_burst_hurts_no_other(kit: Kit) -> None:
    incident = await begin(kit)
    poison = PASSES[0].read_text().splitlines()[0] + "\n" + "9" * 200_000
    await kit.push(incident, "hotspots", PASSES[0].read_bytes(), settle=False)
    await kit.push(incident, "hotspots", poison, settle=False)
    await kit.push(incident, "hotspots", "9" * 200_000, settle=False)
    await kit.push(incident, "hotspots", PASSES[3].read_bytes())
    state = await kit.incident(incident)
    assert (state.status, dict(state.failed)) == (IncidentStatus.ACTIVE, {})
    refused = [note for note in await kit.notes(incident) if "field limit" in note]
    assert [note.split(":")[0] for note in refused] == ["row 2", "not a FIRMS table"]
    observed = (await kit.data_sets(incident))["observed.geojson"]
    assert observed.comment == "seen by 2 satellite passes"


@rehearse(wildfire, results=RESULTS, fates={"fire-spread": Fate(wait=5.0, run=120.0)})
async def test_a_pass_that_comes_while_a_forecast_runs_scores_it(kit: Kit) -> None:
    incident = await begin(kit)
    await kit.push(incident, "hotspots", PASSES[0].read_bytes(), settle=False)
    await forecasting(kit, incident)
    await kit.push(incident, "hotspots", PASSES[3].read_bytes())
    assert UNCOVERED in await kit.notes(incident)
    assert "scores_2017-10-09T1015Z.json" in await kit.data_sets(incident)


@rehearse(wildfire, results=RESULTS)
async def test_the_forecast_of_a_corrected_report_is_the_one_that_is_scored(kit: Kit) -> None:
    incident = await begin(kit)
    corrected = '{"latitude": 38.61, "longitude": -122.62, "time": "2017-10-09T04:45:00Z"}'
    await kit.push(incident, "report", corrected)
    await kit.push(incident, "hotspots", PASSES[0].read_bytes())
    known = await state(kit, incident)
    assert [one.name[:6] for one in known.forecasts] == ["report", "report", "satell"]
    assert [one.forecast for one in known.scores] == [known.forecasts[1].id]
    scores = [name for name in await kit.data_sets(incident) if name.startswith("scores_")]
    assert scores == ["scores_2017-10-09T0445Z.json"]


@rehearse(wildfire, results=RESULTS)
async def test_a_report_without_a_zone_is_in_utc(kit: Kit) -> None:
    incident = await kit.start()
    report = '{"latitude": 38.60895, "longitude": -122.62879, "time": "2017-10-09T04:45:00"}'
    await kit.push(incident, "report", report)
    await kit.push(incident, "landscape", (TUBBS / "landscape.tif").read_bytes())
    await kit.push(incident, "weather", (TUBBS / "weather.csv").read_bytes())
    assert (await kit.incident(incident)).status == IncidentStatus.ACTIVE
    assert "probability_2017-10-09T0445Z.tif" in await kit.data_sets(incident)


LANDSCAPE = (TUBBS / "landscape.tif").read_bytes()
REPORT = '{{"latitude": {}, "longitude": {}, "time": "2017-10-09T04:45:00Z"}}'
FAR = REPORT.format(10, 10)
AWAY = PASSES[0].read_text().replace("38.", "28.")


@rehearse(wildfire, results=RESULTS)
async def test_bad_ground_data_is_refused_when_it_arrives(kit: Kit) -> None:
    incident = await begin(kit)
    good = await kit.data_sets(incident)
    half = LANDSCAPE[: len(LANDSCAPE) // 2]
    assert "beyond its end" in await refused(kit, incident, "landscape", half)
    assert "not a list of places" in await refused(kit, incident, "places", "{}")
    huge = '[{"name": "a", "latitude": 1e999, "longitude": 0, "rank": 1}]'
    assert "0.latitude" in await refused(kit, incident, "places", huge)
    away = await refused(kit, incident, "report", FAR)
    assert re.fullmatch(r"the report lies [\d,.]+ km outside the landscape", away)
    nowhere = await refused(kit, incident, "report", REPORT.format("NaN", 10))
    assert "not a report: latitude" in nowhere
    assert await kit.data_sets(incident) == good


@rehearse(wildfire, results=RESULTS)
async def test_a_landscape_that_comes_later_and_lies_elsewhere_costs_no_job(kit: Kit) -> None:
    incident = await kit.start()
    await kit.push(incident, "report", FAR)
    await kit.push(incident, "weather", (TUBBS / "weather.csv").read_bytes())
    await kit.push(incident, "landscape", LANDSCAPE)
    assert any("push a landscape around it" in note for note in await kit.notes(incident))
    assert await started(kit, incident) == []
    await kit.push(incident, "report", REPORT.format(38.60895, -122.62879))
    assert await started(kit, incident) == ["report of 04:45 UTC"]


@rehearse(wildfire, results=RESULTS)
async def test_a_pass_elsewhere_costs_no_job(kit: Kit) -> None:
    incident = await begin(kit)
    await kit.push(incident, "hotspots", AWAY)
    (why,) = (note for note in await kit.notes(incident) if "no forecast" in note)
    assert why.startswith("no forecast: what burned lies")
    assert why.endswith("(pass of 2017-10-09 10:15 UTC)")
    assert await started(kit, incident) == ["report of 04:45 UTC"]


@rehearse(wildfire, results=RESULTS)
async def test_ground_data_that_comes_after_a_pass_leads_to_its_forecast(kit: Kit) -> None:
    incident = await kit.start()
    await kit.push(incident, "hotspots", PASSES[0].read_bytes())
    await kit.push(incident, "landscape", LANDSCAPE)
    assert await started(kit, incident) == []
    await kit.push(incident, "weather", (TUBBS / "weather.csv").read_bytes())
    assert await started(kit, incident) == ["satellite pass of 10:15 UTC"]
    await kit.push(incident, "weather", (TUBBS / "weather.csv").read_bytes())
    assert await started(kit, incident) == ["satellite pass of 10:15 UTC"]


@rehearse(wildfire, fates={"fire-spread": Fate(run=60.0, exit_code=2)})
async def test_input_that_the_model_cannot_use_is_refused_and_not_tried_again(kit: Kit) -> None:
    incident = await begin(kit)
    state = await kit.incident(incident)
    assert (state.status, dict(state.failed)) == (IncidentStatus.ACTIVE, {})
    assert any("the fire model cannot use its input" in note for note in await kit.notes(incident))
    assert await started(kit, incident) == ["report of 04:45 UTC"]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "America", "", "a\0"])
def test_a_time_zone_that_there_is_not_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match=r"there is no time zone .*; one is called like Europe"):
        wildfire.plan.check({"timezone": zone})


def test_time_zones_are_known_on_a_machine_that_has_none(tmp_path: Path) -> None:
    """As a small Debian: without its package tzdata."""
    code = (
        "from workflows.wildfire import wildfire; wildfire.plan.check({'timezone': 'Asia/Tokyo'})"
    )
    environment = {**os.environ, "PYTHONTZPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    assert "tzdata" in [re.split(r"\W", name)[0] for name in requires("vestec") or ()]


def test_misspelt_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="no parameter membres; wildfire has area, hours, members"):
        wildfire.plan.check({"membres": 50})
    with pytest.raises(ValueError, match=r"area\.eats: Extra inputs are not permitted"):
        wildfire.plan.check({"area": {"west": 1, "south": 1, "east": 2, "north": 2, "eats": 2}})


def found(
    rule: str, *values: float, field: str = "wind_from_deg", key: str = "KSTS", minute: int = 0
) -> str:
    """What a feed of weather stations tells; each reading a minute after the one before."""
    begin = datetime(2017, 10, 9, 6, tzinfo=UTC)
    taken = begin + timedelta(minutes=minute)
    return Finding(
        feed="weather",
        rule=rule,
        key=key,
        start=begin,
        end=begin + timedelta(minutes=30),
        field=field,
        values=values,
        readings=(ReadingId(topic="vestec.sensors.weather", partition=0, offset=17),),
        times=tuple(taken + timedelta(minutes=n) for n in range(len(values))),
    ).model_dump_json()


@rehearse(wildfire, results=RESULTS)
async def test_a_wind_shift_starts_a_new_forecast_with_the_wind_turned(kit: Kit) -> None:
    incident = await begin(kit)
    before = await kit.data_sets(incident)
    await kit.push(incident, "stations", found("wind-shift", 20, 80))
    assert len(await started(kit, incident)) == 2
    assert "the wind at station KSTS has turned from 20 to 80 degrees" in await kit.notes(incident)
    assert (await kit.data_sets(incident))["weather.csv"] != before["weather.csv"]


@rehearse(wildfire, results=RESULTS)
async def test_a_small_shift_another_station_and_other_news_start_none(kit: Kit) -> None:
    incident = await kit.start({"stations": ["KSTS"]})
    await kit.push(incident, "landscape", (TUBBS / "landscape.tif").read_bytes())
    await kit.push(incident, "weather", (TUBBS / "weather.csv").read_bytes())
    await kit.push(incident, "stations", found("wind-shift", 20, 80))
    report = '{"latitude": 38.60895, "longitude": -122.62879, "time": "2017-10-09T04:45:00Z"}'
    await kit.push(incident, "report", report)
    await kit.push(incident, "stations", found("wind-shift", 350, 10))
    await kit.push(incident, "stations", found("wind-shift", 20, 80, key="KOAK"))
    await kit.push(incident, "stations", found("silent"))
    await kit.push(incident, "stations", found("gusts", 45, 60, 90, field="wind_speed_mph"))
    assert len(await started(kit, incident)) == 1
    assert {"silent at station KSTS", "gusts at station KSTS"} <= {*await kit.notes(incident)}


def winds(table: str) -> list[str]:
    return [row["wind_from_deg"] for row in csv.DictReader(table.splitlines())]


@rehearse(wildfire, results=RESULTS)
async def test_a_shift_is_compared_with_the_weather_of_when_it_was_seen(kit: Kit) -> None:
    """It comes as it was forecast; when its window begins, another wind is."""
    incident, forecast = await begin(kit), (TUBBS / "weather.csv").read_text()
    await kit.push(incident, "stations", found("wind-shift", 0, 36, minute=44))
    seen = (await kit.data_sets(incident))["weather.csv"]
    assert winds((await kit.blobs.get(seen.blob)).decode()) == winds(forecast)


@rehearse(wildfire, results=RESULTS)
async def test_a_shift_that_a_worker_of_before_tells_turns_the_wind_as_it_did(kit: Kit) -> None:
    """It says neither of what field its values are nor when they were read."""
    incident = await begin(kit)
    older = Finding.model_validate_json(found("wind-shift", 20, 80))
    told = older.model_dump_json(exclude={"field", "times"})
    await kit.push(incident, "stations", told)
    assert len(await started(kit, incident)) == 2


@rehearse(wildfire, results=RESULTS)
async def test_what_no_feed_found_is_refused(kit: Kit) -> None:
    incident = await kit.start()
    await kit.push(incident, "stations", '{"wind": 20}')
    assert any("not a finding" in note for note in await kit.notes(incident))
