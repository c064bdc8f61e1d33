"""What the fire model is given for a forecast, as `firespread/README.md` describes it."""

from datetime import datetime

from pydantic import JsonValue

from events.values import Blob
from workflows import Incident, Reject
from workflows.wildfire.detections import Detection
from workflows.wildfire.model import as_json
from workflows.wildfire.state import FireParameters, FireState, Sources


def forecast_inputs(
    incident: Incident[FireParameters, FireState], sources: Sources
) -> dict[str, bytes | Blob]:
    """Files by name; raises `Reject` without landscape or weather."""
    state, parameters = incident.state, incident.parameters
    if state.landscape is None or state.weather is None:
        raise Reject("a forecast needs a landscape and weather")
    request: JsonValue = {
        "format": "firespread-request/1",
        "incident": {"id": incident.id, "name": incident.name, "exercise": incident.exercise},
        "source": {"kind": sources.kind, "name": sources.name},
        "start": utc(sources.start),
        "hours": parameters.hours,
        "members": parameters.members,
        "ignition": list(sources.ignition),
        "burned": [point(d) for d in sources.burned],
        "parameters": {},
    }
    inputs: dict[str, bytes | Blob] = {
        "request.json": as_json(request),
        "landscape.tif": state.landscape,
        "weather.csv": state.weather,
        "picture.json": as_json(_picture(parameters)),
    }
    if state.places:
        inputs["places.json"] = state.places
    return inputs


def _picture(parameters: FireParameters) -> JsonValue:
    """What the pictures say besides the forecast."""
    told: dict[str, JsonValue] = {name: {"text": text} for name, text in parameters.made_of.items()}
    return {
        "format": "firespread-picture/1",
        "time_zone": parameters.timezone,
        "fire": parameters.known_fire,
        "inputs": told,
    }


def point(detection: Detection) -> dict[str, JsonValue]:
    """A detection as the model reads it."""
    return {
        "latitude": detection.latitude,
        "longitude": detection.longitude,
        "scan_km": detection.scan_km,
        "track_km": detection.track_km,
        "time": utc(detection.time),
        "frp_mw": detection.frp_mw,
    }


def utc(moment: datetime) -> str:
    """A moment as the model reads it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
