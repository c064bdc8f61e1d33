"""The API's description (OpenAPI 3.1), made of the table of routes and the models in it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from interfaces.gateway.exchange import IDEMPOTENCY_KEY
from interfaces.gateway.problems import ProblemDetails
from interfaces.gateway.routes import Route
from interfaces.gateway.writes import NotKnownYet

JsonObject = dict[str, Any]
Schemas = Mapping[Any, JsonObject]
"""By model and mode."""

_IDEMPOTENCY_KEY: JsonObject = {
    "name": IDEMPOTENCY_KEY,
    "in": "header",
    "schema": {"type": "string", "format": "uuid"},
    "description": "Send the same key with a request that is sent again: it acts once. The same key"
    " for anything else is refused (409).",
}


def describe(routes: Sequence[Route]) -> JsonObject:
    """The OpenAPI document of these routes."""
    schemas, definitions = models_json_schema(
        list(dict.fromkeys(_models(routes))), ref_template="#/components/schemas/{model}"
    )
    paths: JsonObject = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "VESTEC", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _models(routes: Iterable[Route]) -> Iterable[tuple[type[BaseModel], JsonSchemaMode]]:
    yield from ((model, "serialization") for model in (ProblemDetails, NotKnownYet))
    for route in routes:
        if route.body:
            yield route.body, "validation"
        if not isinstance(route.answer, str):
            yield route.answer, "serialization"


def _operation(route: Route, schemas: Schemas) -> JsonObject:
    operation: JsonObject = {
        "summary": route.summary,
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}.{route.handler.__name__}",
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(route),
            *([_IDEMPOTENCY_KEY] if route.writes else []),
        ],
        "responses": _responses(route, schemas),
        "security": [] if route.anonymous else [{"token": []}],
    }
    if route.body:
        body = _content("application/json", schemas[route.body, "validation"])
        operation["requestBody"] = {"content": body}
    return operation


def _responses(route: Route, schemas: Schemas) -> JsonObject:
    if isinstance(route.answer, str):
        content = _content(route.answer, {"type": "string"})
    else:
        content = _content("application/json", schemas[route.answer, "serialization"])
    problem = _content("application/problem+json", schemas[ProblemDetails, "serialization"])
    responses = {
        str(route.status): {"description": route.summary, "content": content},
        "default": {"description": "What went wrong", "content": problem},
    }
    if route.writes or route.later:
        later = _content("application/json", schemas[NotKnownYet, "serialization"])
        responses["202"] = {"description": "Accepted, not known yet", "content": later}
    return responses


def _content(media_type: str, schema: JsonObject) -> JsonObject:
    return {media_type: {"schema": schema}}


def _path_parameters(route: Route) -> list[JsonObject]:
    id: JsonObject = {"type": "string", "format": "uuid"}
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": id if name == "id" else {"type": "string"},
        }
        for name in re.findall(r"{(\w+)}", route.path)
    ]


def _query_parameters(route: Route) -> list[JsonObject]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema()
    definitions = schema.get("$defs", {})
    return [
        {"name": name, "in": "query", "schema": _inlined(field, definitions)}
        for name, field in schema["properties"].items()
    ]


def _inlined(schema: Any, definitions: JsonObject) -> Any:
    """The schema with references to `definitions` replaced by what they refer to."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(value, definitions) for name, value in schema.items()}
