"""What is told is described, and the description is kept.

`schemas.json` is what consumers rely on: fields are added to it, and nothing else.
"""

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from interfaces.public.cloud_events import TOPIC
from interfaces.public.events import PUBLIC_EVENTS
from interfaces.public.schemas import asyncapi, event_schemas
from tests.interfaces.cli.vestec import complaint, vestec

HERE = Path(__file__).parent
URL = "kafka://me:hidden@one:9093,two/fires?tls=on"


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Draft7Validator:
    """AsyncAPI's own schema of version 3, which a package of npm's brings."""
    folder = tmp_path_factory.mktemp("npm")
    fetch = ["npm", "pack", "--silent", "@asyncapi/specs@6.11.1"]
    try:
        subprocess.run(fetch, cwd=folder, check=True, timeout=120, capture_output=True)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"without npm: {error}")
    (package,) = folder.glob("*.tgz")
    with tarfile.open(package) as files:
        schema = files.extractfile("package/schemas/3.0.0.json")
        assert schema is not None
        return Draft7Validator(json.load(schema))


@pytest.mark.parametrize("log", [None, URL])
def test_the_document_is_asyncapi_3(log: str | None, official: Draft7Validator) -> None:
    document = asyncapi(days=7, partitions=4, source="/vestec", log=log)
    assert [fault.message for fault in official.iter_errors(document)] == []
    assert not official.is_valid({**document, "chanels": {}})


def test_every_reference_in_it_leads_somewhere() -> None:
    document = asyncapi(days=7, partitions=4, source="/vestec")

    def follow(part: Any) -> None:
        match part:
            case {"$ref": str(reference)}:
                found: Any = document
                for name in reference.removeprefix("#/").split("/"):
                    found = found[name]
            case dict():
                for value in part.values():
                    follow(value)
            case list():
                for value in part:
                    follow(value)

    follow(document)
    messages: Any = document["channels"]
    assert len(messages["events"]["messages"]) == len(PUBLIC_EVENTS)


def test_every_message_says_what_it_means_and_what_its_headers_are() -> None:
    document: Any = asyncapi(days=7, partitions=4, source="/here")
    for message in document["components"]["messages"].values():
        assert message["summary"].endswith(".")
        Draft7Validator.check_schema(message["headers"])
        assert message["headers"]["properties"]["ce_source"]["const"] == "/here"


@pytest.mark.parametrize("event", PUBLIC_EVENTS, ids=lambda event: event.name)
def test_every_event_has_a_schema_under_its_type(event: Any) -> None:
    schema = as_json_of("schema", "events", event.type())
    Draft202012Validator.check_schema(schema)
    assert schema == event_schemas()[event.type()]
    assert schema["$id"] == f"urn:vestec:schema:{event.name}:{event.version}"


def as_json_of(*arguments: str) -> Any:
    return json.loads(vestec(*arguments))


def test_all_schemas_are_printed_by_their_types() -> None:
    assert as_json_of("schema", "events").keys() == {event.type() for event in PUBLIC_EVENTS}
    assert "vestec.incident.created.v1" in complaint("schema", "events", "vestec.incident.burnt.v1")


def test_a_log_on_kafka_is_named_without_its_password() -> None:
    document = as_json_of("schema", "asyncapi", "--log", URL)
    assert [one["host"] for one in document["servers"].values()] == ["one:9093", "two:9092"]
    assert {one["protocol"] for one in document["servers"].values()} == {"kafka-secure"}
    assert document["channels"]["events"]["address"] == f"fires.{TOPIC}"
    assert "hidden" not in json.dumps(document)
    assert "servers" not in as_json_of("schema", "asyncapi")


def test_what_consumers_rely_on_is_still_so() -> None:
    """Whoever adds a field or an event adds it to the file; for all else there is a new version."""
    relied_on = json.loads((HERE / "schemas.json").read_bytes())
    assert _without_prose(event_schemas()) == relied_on


def _without_prose(part: Any) -> Any:
    match part:
        case dict():
            prose = {"title", "description"}
            return {
                name: _without_prose(value)
                for name, value in part.items()
                if name not in prose or not isinstance(value, str)
            }
        case list():
            return [_without_prose(value) for value in part]
    return part
