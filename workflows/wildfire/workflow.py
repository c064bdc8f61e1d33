"""The stages of a wildfire: ground and weather, the report, satellite passes, forecasts, scores."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel, JsonValue, ValidationError

from events.datasets import DataSet
from events.prose import describe
from events.sensors import Finding
from events.values import Blob
from workflows import Arrival, Incident, Reject, Retry, SimulationFailed, Workflow, minutes, seconds
from workflows.wildfire.detections import Area, Detection, Pass, Read, merge, read_feed
from workflows.wildfire.model import FORECAST, FORECAST_OUTPUTS, WRONG_INPUT, as_json, verify
from workflows.wildfire.observed import observed_map
from workflows.wildfire.places import read_places
from workflows.wildfire.request import forecast_inputs, point, utc
from workflows.wildfire.state import (
    FireParameters,
    FireState,
    Forecast,
    Report,
    Scored,
    Sources,
)
from workflows.wildfire.terrain import Terrain, read_terrain
from workflows.wildfire.weather import WIND_FROM, Span, angle, read_weather, turned

A = TypeVar("A")
B = TypeVar("B")

Fire = Incident[FireParameters, FireState]

wildfire = Workflow(
    "wildfire", version=1, title="Wildfire", parameters=FireParameters, state=FireState
)

_TYPES = {"tif": "2D_FIRE", "geojson": "GEOJSON", "json": "SCORES", "png": "PICTURE"}
_MEDIA = {
    "tif": "image/tiff",
    "geojson": "application/geo+json",
    "json": "application/json",
    "png": "image/png",
}
_REGISTERED = tuple(name for name in FORECAST_OUTPUTS if not name.endswith((".npz", ".json")))


@wildfire.on_activate
async def start(incident: Fire) -> None:
    """Open an endpoint for everything that may arrive."""
    await incident.gather(
        incident.endpoints.push("landscape", to=landscape),
        incident.endpoints.push("weather", to=weather),
        incident.endpoints.push("places", to=places),
        incident.endpoints.push("report", to=report),
        incident.endpoints.push("hotspots", to=hotspots),
        incident.endpoints.push("stations", to=stations),
        incident.endpoints.push("all-clear", to=all_clear),
    )


# The ground, the weather, and the report.


def _accepted(read: Callable[[A], B], given: A, wrong: str = "") -> B:
    """What was read of an arrival, which is refused where that cannot be; `wrong` says of what."""
    try:
        return read(given)
    except ValidationError as error:
        raise Reject(f"{wrong}: {describe(error)}".removeprefix(": ")) from error
    except ValueError as error:
        raise Reject(str(error)) from error


@wildfire.stage(lane="ground")
async def landscape(incident: Fire, arrival: Arrival) -> None:
    """The terrain, as the model reads it (a GeoTIFF of eight bands)."""
    incident.state.terrain = await incident.step(read_landscape, arrival)
    incident.state.landscape = await _keep(incident, "landscape.tif", arrival.content)
    _forecast_from_what_is_known(incident)


def read_landscape(arrival: Arrival) -> Terrain:
    """Where the landscape of an arrival lies; refuses the arrival if it is none."""
    return _accepted(read_terrain, arrival.bytes())


@wildfire.stage(lane="ground")
async def weather(incident: Fire, arrival: Arrival) -> None:
    """Hourly weather, as the model reads it."""
    span = _accepted(read_weather, arrival.text())
    incident.state.weather = await _keep(incident, "weather.csv", arrival.content)
    incident.state.weather_span = span
    _forecast_from_what_is_known(incident)


@wildfire.stage(lane="ground")
async def places(incident: Fire, arrival: Arrival) -> None:
    """Names for the pictures."""
    _accepted(read_places, arrival.bytes())
    incident.state.places = await _keep(incident, "places.json", arrival.content)


@wildfire.stage(lane="ground")
async def report(incident: Fire, arrival: Arrival) -> None:
    """Somebody saw fire: JSON with `latitude`, `longitude` and `time`."""
    seen = _accepted(Report.model_validate_json, arrival.bytes(), "not a report")
    if away := _outside(incident, seen):
        raise Reject(f"the report lies {away:,.1f} km outside the landscape")
    incident.state.report = seen
    if not (incident.state.landscape and incident.state.weather):
        incident.note("the forecast waits for the landscape and the weather", "warning")
    _forecast_from_what_is_known(incident)


@wildfire.stage(lane="ground")
async def stations(incident: Fire, arrival: Arrival) -> None:
    """A weather station's feed found something: where the wind has turned, forecast anew."""
    found = _accepted(
        Finding.model_validate_json, arrival.bytes(), "not a finding of a sensor feed"
    )
    state, wanted = incident.state, incident.parameters
    if wanted.stations and found.key not in wanted.stations:
        return
    # Only the wind's: an endpoint may be told of whatever a feed looks at. A worker of before that
    # did not say of what.
    told = found.values if found.field in (WIND_FROM, "") else ()
    was, now = (told[0], told[-1]) if told else (None, None)
    if was is None or now is None or angle(was, now) < wanted.wind_shift:
        incident.note(f"{found.rule} at station {found.key}")
        return
    incident.note(f"the wind at station {found.key} has turned from {was:g} to {now:g} degrees")
    if state.landscape is None or state.weather is None or not (state.report or state.passes):
        return

    def turn(known: Blob, since: datetime, wind_from: float) -> Blob:
        table = incident.data.get_now(known).decode()
        return incident.data.put_now(turned(table, since, wind_from).encode())

    since = found.times[-1] if found.times else found.start
    turned_table = await incident.step(turn, state.weather, since, now)
    comment = f"input of the forecasts, its wind turned at station {found.key}"
    registered = await incident.data.register("weather.csv", turned_table, comment=comment)
    state.weather = registered.blob
    if state.passes:
        _forecast_from_passes(incident, state.passes, state.passes[-1:])
    else:
        _forecast_from_report(incident, state.report)


def _forecast_from_what_is_known(incident: Fire) -> None:
    """As soon as landscape and weather are there: from what a satellite saw, else the report."""
    state = incident.state
    if state.landscape is None or state.weather is None:
        return
    if not state.passes:
        _forecast_from_report(incident, state.report)
    elif all(made.start != state.passes[-1].time for made in state.forecasts):
        _forecast_from_passes(incident, state.passes, state.passes[-1:])


def _forecast_from_report(incident: Fire, seen: Report | None) -> None:
    if seen is None or not _covered(incident, "report", seen.time):
        return
    if away := _outside(incident, seen):
        lies = f"the place lies {away:,.1f} km outside the landscape"
        hint = "push a landscape around it, or another report"
        _no_forecast(incident, "report", seen.time, f"{lies}; {hint}")
        return
    point: dict[str, JsonValue] = {"latitude": seen.latitude, "longitude": seen.longitude}
    name = f"report of {seen.time:%H:%M} UTC"
    incident.send(forecast, Sources(kind="report", name=name, start=seen.time, ignition=[point]))


def _outside(incident: Fire, place: Report | Detection) -> float:
    """How many kilometres a place lies outside the landscape, as far as that is known."""
    terrain = incident.state.terrain
    return terrain.outside(place.latitude, place.longitude) if terrain else 0.0


async def _keep(incident: Fire, name: str, content: bytes | Blob) -> Blob:
    return (await incident.data.register(name, content, comment="input of the forecasts")).blob


# Satellite passes.


class Feed(BaseModel):
    """What the files of a burst held; a file that is no feed has an error instead."""

    read: Read | None = None
    error: str = ""


@wildfire.stage(lane="feed", debounce=(seconds(5), minutes(1)))
async def hotspots(incident: Fire, arrivals: list[Arrival]) -> None:
    """Merge what satellites saw; score what was forecast; forecast from what is new."""
    feeds = await incident.step(read_arrivals, arrivals, incident.parameters.area)
    _refuse(incident, arrivals, feeds)
    known = incident.state.passes
    new = [one for feed in feeds if feed.read for one in feed.read.passes]
    passes = merge(known, new)
    gained = [one for one in passes if one not in known]
    if not gained:
        return
    incident.state.passes = passes
    observed = await incident.data.register(
        "observed.geojson",
        as_json(observed_map(passes)),
        type="GEOJSON",
        media_type="application/geo+json",
        comment=f"seen by {len(passes)} satellite passes",
        supersedes=incident.state.observed,
    )
    incident.state.observed = [observed]
    newest = max((one.time for one in known), default=None)
    fresh = [one for one in gained if newest is None or one.time >= newest]
    if fresh:
        _forecast_from_passes(incident, passes, fresh)
    else:
        late = " and ".join(f"{one.time:%Y-%m-%d %H:%M}" for one in gained)
        incident.note(f"late passes of {late} UTC joined the burned area; no forecast starts there")
    incident.send(score)


def read_arrivals(arrivals: list[Arrival], area: Area | None) -> list[Feed]:
    """Each arrival's detections, or why it is no feed."""
    return [_read_one(arrival, area) for arrival in arrivals]


def _read_one(arrival: Arrival, area: Area | None) -> Feed:
    try:
        return Feed(read=read_feed(arrival.text(), area))
    except ValueError as error:
        return Feed(error=str(error))


def _refuse(incident: Fire, arrivals: list[Arrival], feeds: list[Feed]) -> None:
    for arrival, feed in zip(arrivals, feeds, strict=True):
        if feed.read is None:
            incident.reject(arrival, feed.error)
            continue
        for refused in feed.read.refused:
            incident.reject(arrival, f"row {refused.row}: {refused.reason}")
        left = feed.read.not_credible, feed.read.outside
        if any(left):
            incident.note(f"left out: {left[0]} of low confidence, {left[1]} outside the area")


def _forecast_from_passes(incident: Fire, passes: list[Pass], fresh: list[Pass]) -> None:
    state, begin = incident.state, fresh[-1].time
    if state.landscape is None:
        _no_forecast(incident, "pass", begin, "there is no landscape")
        return
    if not _covered(incident, "pass", begin):
        return
    burning = [d for one in fresh for d in one.detections]
    if away := min(_outside(incident, d) for d in burning):
        why = f"what burned lies {away:,.1f} km outside the landscape; push a landscape around it"
        _no_forecast(incident, "pass", begin, why)
        return
    burned = [d for one in passes if one not in fresh for d in one.detections]
    named = " and ".join(f"{one.time:%H:%M}" for one in fresh)
    incident.send(
        forecast,
        Sources(
            kind="pass",
            name=f"satellite pass of {named} UTC",
            start=begin,
            ignition=[point(d) for d in burning],
            burned=burned,
        ),
    )


def _covered(incident: Fire, source: str, begin: datetime) -> bool:
    """Whether the weather reaches over the forecast; says so if it does not."""
    span: Span | None = incident.state.weather_span
    end = begin + timedelta(hours=incident.parameters.hours)
    if span is None:
        why = "there is no weather"
    elif begin < span.begins:
        why = f"the weather begins {span.begins:%H:%M UTC on %Y-%m-%d}"
    elif end > span.ends:
        why = f"the weather ends {span.ends:%H:%M UTC on %Y-%m-%d}"
    else:
        return True
    _no_forecast(incident, source, begin, why)
    return False


def _no_forecast(incident: Fire, source: str, begin: datetime, why: str) -> None:
    incident.note(f"no forecast: {why} ({source} of {begin:%Y-%m-%d %H:%M} UTC)", "warning")


# Forecasts and their scores.


@wildfire.stage(lane="forecast", latest=True, retry=Retry(times=1, wait=5.0))
async def forecast(incident: Fire, sources: Sources) -> None:
    """One job: an ensemble on two processes, and its picture."""
    state = incident.state
    inputs = forecast_inputs(incident, sources)
    try:
        done = await incident.simulations.run(
            "fire-spread",
            FORECAST,
            inputs=inputs,
            outputs=FORECAST_OUTPUTS,
            walltime=minutes(10),
            cpus_per_task=2,
            comment=sources.name,
        )
    except SimulationFailed as error:
        if error.result.exit_code != WRONG_INPUT:
            raise
        raise Reject(f"the fire model cannot use its input: {error.result.reason}") from error
    older = state.forecasts[-1].data_sets if state.forecasts else []
    comment = f"forecast from the {sources.name}"
    made = [
        await _register(
            incident, name, done.outputs[name], sources.start, comment, done.simulation, older
        )
        for name in _REGISTERED
    ]
    files = {name: await incident.simulations.stored(content) for name, content in inputs.items()}
    forecast_made = Forecast(
        start=sources.start,
        name=sources.name,
        files={**files, **done.outputs},
        data_sets=made,
    )
    state.forecasts = [*state.forecasts, forecast_made]
    incident.send(score)


async def _register(
    incident: Fire,
    name: str,
    blob: Blob,
    start: datetime,
    comment: str,
    simulation: UUID | None,
    older: list[DataSet],
) -> DataSet:
    """Named after the forecast's start; it takes the place of its like among the older ones."""
    stem, _, kind = name.rpartition(".")
    full = f"{stem}_{start:%Y-%m-%dT%H%MZ}.{kind}"
    return await incident.data.register(
        full,
        blob,
        type=_TYPES[kind],
        media_type=_MEDIA[kind],
        comment=comment,
        simulation=simulation,
        supersedes=[one for one in older if one.name.startswith(f"{stem}_")],
    )


@wildfire.stage(lane="score")
async def score(incident: Fire) -> None:
    """Score every forecast by the first pass after it, once both are there, and draw both.

    Sent after every pass and after every forecast, since either may come last. Of forecasts with
    the same start, as after a corrected report, the last one counts.
    """
    state = incident.state
    for made in {one.start: one for one in state.forecasts}.values():
        observed = next((one for one in state.passes if one.time > made.start), None)
        if observed and made.id not in [one.forecast for one in state.scores]:
            state.scores = [*state.scores, await _score(incident, made, observed)]


async def _score(incident: Fire, made: Forecast, observed: Pass) -> Scored:
    def scored(forecast: Forecast, observed: Pass) -> dict[str, Blob]:
        files = {name: incident.data.get_now(blob) for name, blob in forecast.files.items()}
        files["detections.json"] = as_json(
            {
                "format": "firespread-detections/1",
                "name": f"satellite pass of {observed.time:%H:%M} UTC",
                "time": utc(observed.time),
                "detections": [point(d) for d in observed.detections],
            }
        )
        outputs = verify(files)
        return {name: incident.data.put_now(content) for name, content in outputs.items()}

    outputs = await incident.step(scored, made, observed)
    older = [
        one for was in incident.state.scores if was.start == made.start for one in was.data_sets
    ]
    comment = f"forecast from the {made.name}, scored by the pass of {observed.time:%H:%M}"
    return Scored(
        forecast=made.id,
        start=made.start,
        data_sets=[
            await _register(incident, name, blob, made.start, comment, None, older)
            for name, blob in outputs.items()
        ],
    )


@wildfire.stage(lane="all-clear")
async def all_clear(incident: Fire, arrival: Arrival) -> None:
    """A responder says that it is over."""
    incident.complete(arrival.text() or "all clear")
