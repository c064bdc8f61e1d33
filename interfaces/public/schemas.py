"""The public stream described for programs: JSON Schema of each event, AsyncAPI 3 of the topic."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue
from pydantic.json_schema import models_json_schema

from bus.kafka.address import Address
from interfaces.public.cloud_events import MEDIA_TYPE, TOPIC, retention_ms, schema_id
from interfaces.public.events import PUBLIC_EVENTS, PublicEvent

JsonObject = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: JsonObject = {"type": "string", "minLength": 1}
_ATTRIBUTES: Mapping[str, JsonObject] = {
    "content-type": {"const": MEDIA_TYPE},
    "ce_specversion": {"const": "1.0"},
    "ce_id": {
        **_TEXT,
        "description": "The event's place, context/partition/offset/index: the same however often"
        " it comes. Of one context/partition they grow; one that does not is a repetition.",
    },
    "ce_source": {**_TEXT, "format": "uri-reference", "description": "The system."},
    "ce_time": {"type": "string", "format": "date-time", "description": "When it happened."},
    "ce_subject": {**_TEXT, "description": "The incident's id; also the record's key."},
    "ce_correlationid": {
        "type": "string",
        "format": "uuid",
        "description": "The same for all that one command from outside led to.",
    },
    "ce_causationid": {
        **_TEXT,
        "description": "What was decided: context/partition/offset, as ids begin, where it was"
        " caused by other events.",
    },
    "ce_exercise": {"enum": ["true", "false"], "description": "Whether the incident is one."},
}


def event_schemas() -> dict[str, JsonObject]:
    """The JSON Schema of each event's value, by its type."""
    return {event.type(): _schema(event) for event in PUBLIC_EVENTS}


def _schema(event: type[PublicEvent]) -> JsonObject:
    schema = event.model_json_schema(mode="serialization")
    return {"$schema": _DIALECT, "$id": schema_id(event), **schema}


def asyncapi(
    *, days: float, partitions: int, source: str, log: str | None = None
) -> dict[str, JsonValue]:
    """The AsyncAPI document of a system's public stream; with its brokers where the log is known.

    Raises `LogError` for a URL of the log that is wrong.
    """
    address = Address.parse(log) if log else None
    prefix = address.prefix if address else ""
    _, schemas = models_json_schema(
        [(event, "serialization") for event in PUBLIC_EVENTS],
        ref_template="#/components/schemas/{model}",
    )
    names = [event.__name__ for event in PUBLIC_EVENTS]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "VESTEC's public events",
            "version": "1",
            "description": "What happened to incidents, as CloudEvents 1.0 in Kafka's binary mode."
            " Each event at least once, and nothing before what caused it.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": MEDIA_TYPE,
        **({"servers": _servers(address)} if address else {}),
        "channels": {
            "events": {
                "address": prefix + TOPIC,
                "description": "Keyed by the incident, so that its events are in one partition.",
                "messages": {name: _reference(f"messages/{name}") for name in names},
                "bindings": {
                    "kafka": {
                        "topic": prefix + TOPIC,
                        "partitions": partitions,
                        "topicConfiguration": {"retention.ms": retention_ms(days)},
                        "bindingVersion": "0.5.0",
                    }
                },
            }
        },
        "operations": {
            "publish": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "summary": "Tell outsiders what counts.",
            }
        },
        "components": {
            "schemas": schemas["$defs"],
            "messages": {event.__name__: _message(event, source) for event in PUBLIC_EVENTS},
        },
    }


def _servers(address: Address) -> JsonObject:
    brokers = address.client["bootstrap_servers"]
    encrypted = "ssl_context" in address.client
    protocol = "kafka-secure" if encrypted else "kafka"
    return {
        f"broker{number}": {"host": broker, "protocol": protocol}
        for number, broker in enumerate(brokers, 1)
    }


def _message(event: type[PublicEvent], source: str) -> JsonObject:
    properties = {
        **_ATTRIBUTES,
        "ce_source": {**_ATTRIBUTES["ce_source"], "const": source},
        "ce_type": {"const": event.type()},
        "ce_dataschema": {"const": schema_id(event)},
    }
    summary = " ".join((event.__doc__ or "").split())
    return {
        "name": event.type(),
        "title": event.__name__,
        "summary": summary,
        "contentType": MEDIA_TYPE,
        "headers": {"type": "object", "required": [*properties], "properties": properties},
        "payload": _reference(f"schemas/{event.__name__}"),
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
    }


def _reference(name: str) -> JsonObject:
    return {"$ref": f"#/components/{name}"}
