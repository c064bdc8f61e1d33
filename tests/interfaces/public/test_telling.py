"""What outsiders are told of each event, and what they are not."""

import json
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from bus import Record
from bus.clock import timestamp
from events import datasets, endpoints, incidents, simulations
from events.datasets import DataSet
from events.envelope import Commit, Recorded, decode
from events.incidents import Arrival, Ending, IncidentStatus
from events.jobs import JobId, JobState, Witness
from events.simulations import Resources, SimulationRequest
from events.values import Blob, Content, Context, Event, IncidentId, ReplyTo
from interfaces.public.cloud_events import place_in, record_of
from interfaces.public.events import PUBLIC_EVENTS
from interfaces.public.schemas import event_schemas
from interfaces.public.telling import told
from tests.events.golden_log import EVENTS, lines

SECRET = "private"
ID = UUID("11111111-1111-4111-8111-111111111111")
OTHER = UUID("22222222-2222-4222-8222-222222222222")
INCIDENT = IncidentId("33333333-3333-4333-8333-333333333333")
BLOB = Blob.of(b"fire")
ARRIVAL = Arrival(
    id=ID,
    endpoint=SECRET,
    received=1.5,
    content=Content(media_type="text/csv", size=7, inline=SECRET.encode()),
    source=f"https://example.org/?key={SECRET}",
)
REQUEST = SimulationRequest(
    kind="fire-spread",
    executable=f"./{SECRET}",
    resources=Resources(nodes=2, tasks=4, walltime=60),
    inputs={SECRET: BLOB},
    environment={"TOKEN": SECRET},
    comment=SECRET,
)
DATA_SET = DataSet(
    id=ID, name="map.png", type="MAP", media_type="image/png", blob=BLOB, comment=SECRET
)

TOLD: list[tuple[Event, dict[str, object]]] = [
    (
        incidents.IncidentCreated(
            incident=INCIDENT,
            kind="wildfire",
            workflow_version=3,
            name="Tubbs",
            parameters={"mail": f"{SECRET}@example.org"},
            exercise=True,
            owner=SECRET,
        ),
        {"kind": "wildfire", "workflow_version": 3, "title": "Tubbs", "exercise": True},
    ),
    (incidents.IncidentActivated(), {}),
    (
        incidents.IncidentEnded(ending=Ending(outcome=IncidentStatus.CANCELLED, reason=SECRET)),
        {"outcome": "CANCELLED"},
    ),
    (incidents.IncidentArchived(), {}),
    (
        endpoints.DataArrived(arrival=ARRIVAL, etag=SECRET),
        {
            "arrival": str(ID),
            "received": 1.5,
            "media_type": "text/csv",
            "size": 7,
            "sha256": Blob.of(SECRET.encode()).sha256,
        },
    ),
    (
        incidents.ArrivalRejected(arrival=ID, reason=SECRET, endpoint=SECRET, run=OTHER),
        {"arrival": str(ID)},
    ),
    (
        simulations.SimulationCreated(
            simulation=ID,
            incident=INCIDENT,
            request=REQUEST,
            exercise=True,
            reply_to=ReplyTo(incident=INCIDENT, run=OTHER, call=SECRET),
        ),
        {
            "simulation": str(ID),
            "kind": "fire-spread",
            "instances": 1,
            "nodes": 2,
            "tasks": 4,
            "cpus_per_task": 1,
            "walltime": 60,
        },
    ),
    (
        simulations.SimulationPlaced(simulation=ID, machine="archer2", explanation=SECRET),
        {"simulation": str(ID), "machine": "archer2"},
    ),
    (
        simulations.SimulationStateChanged(
            simulation=ID,
            state=JobState.FAILED,
            witness=Witness.STATUS_FILE,
            job_id=JobId(SECRET),
            attempt=2,
            exit_code=1,
            host=SECRET,
            started=1.0,
            instances={JobState.FAILED: 1, JobState.COMPLETED: 1},
            reason=SECRET,
        ),
        {
            "simulation": str(ID),
            "state": "FAILED",
            "witness": "status file",
            "attempt": 2,
            "exit_code": 1,
            "started": 1.0,
            "ended": None,
            "instances": {"FAILED": 1, "COMPLETED": 1},
        },
    ),
    (
        simulations.OutputsKept(
            simulation=ID, outputs={"map.png": BLOB}, missing=("score.json",), reason=SECRET
        ),
        {
            "simulation": str(ID),
            "results": {"map.png": {"sha256": BLOB.sha256, "size": 4}},
            "missing": ["score.json"],
        },
    ),
    (
        datasets.DataSetRegistered(incident=INCIDENT, data_set=DATA_SET),
        {
            "data_set": str(ID),
            "title": "map.png",
            "kind": "MAP",
            "media_type": "image/png",
            "size": 4,
            "sha256": BLOB.sha256,
            "simulation": None,
        },
    ),
    (
        datasets.DataSetSuperseded(data_set=ID, by=OTHER),
        {"data_set": str(ID), "by": str(OTHER)},
    ),
]


def recorded(event: Event) -> Recorded:
    commit = Commit(
        id=OTHER,
        time=timestamp(1_700_000_000.25),
        key=INCIDENT,
        incident=INCIDENT,
        cause="simulations/3/16",
        correlation=ID,
        actor=SECRET,
        events=(event,),
    )
    return Recorded(Context.INCIDENTS, 3, 17, 2, 5, commit, event)


def published(event: Event) -> Record:
    it = recorded(event)
    public = told(it)
    assert public is not None
    return record_of(it, public, "/vestec", exercise=True)


@pytest.mark.parametrize(("event", "data"), TOLD, ids=lambda it: type(it).__name__)
def test_exactly_this_is_told(event: Event, data: dict[str, object]) -> None:
    record = published(event)
    assert json.loads(record.value) == {"incident": INCIDENT, **data}
    schema = event_schemas()[record.headers["ce_type"]]
    Draft202012Validator(schema).validate(json.loads(record.value))


@pytest.mark.parametrize("event", [event for event, _ in TOLD], ids=lambda it: type(it).__name__)
def test_nothing_private_is_told(event: Event) -> None:
    record = published(event)
    assert SECRET.encode() not in record.value
    assert SECRET not in str(record.headers)


def test_every_public_event_is_told_of_something() -> None:
    types = [published(event).headers["ce_type"] for event, _ in TOLD]
    assert types == [event.type() for event in PUBLIC_EVENTS]


def test_nothing_else_is_told() -> None:
    public = {type(event) for event, _ in TOLD}
    for line in lines(EVENTS):
        (event,) = decode(Record("incident", line.encode(), {})).events
        assert (told(recorded(event)) is not None) == (type(event) in public)


def test_the_record_is_a_cloud_event_in_binary_mode() -> None:
    record = published(incidents.IncidentActivated())
    assert record.key == INCIDENT
    assert record.headers == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": "incidents/3/17/2",
        "ce_source": "/vestec",
        "ce_type": "vestec.incident.activated.v1",
        "ce_time": "2023-11-14T22:13:20.250Z",
        "ce_subject": INCIDENT,
        "ce_dataschema": "urn:vestec:schema:incident.activated:1",
        "ce_correlationid": str(ID),
        "ce_causationid": "simulations/3/16",
        "ce_exercise": "true",
    }


def test_a_place_is_read_back_from_our_records_only() -> None:
    record = published(incidents.IncidentActivated())
    assert place_in(record, "/vestec") == ("incidents/3", (17, 2))
    assert place_in(record, "/other") is None
    for id in ("", "x", "1/2", "a/b/c/d", "/1/2"):
        strange = Record("k", b"", {**record.headers, "ce_id": id})
        assert place_in(strange, "/vestec") is None
