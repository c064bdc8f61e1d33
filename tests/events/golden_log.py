"""The golden log: a record of every version of every event and command, as it was written then.

`python -m tests.events.golden_log` adds a line for each that has none. What is there is never
written again: it stands for the logs that people keep.
"""

import json
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from events.envelope import AnyCommand, AnyEvent, Commit, Issued, Message
from events.values import Command, Context, Event, IncidentId

FOLDER = Path(__file__).parent / "golden"
EVENTS, COMMANDS = FOLDER / "events.jsonl", FOLDER / "commands.jsonl"

_TEXTS = ("word", "12345678-1234-4234-8234-123456789abc", "0f" * 32, "https://feed.example/a.csv")
_SCALARS: dict[object, JsonValue] = {bool: True, int: 7, float: 7.5, bytes: "AP8="}


def event_types() -> list[type[Event]]:
    """Every type of event of every context."""
    return _members(AnyEvent)


def command_types() -> list[type[Command]]:
    """Every type of command of every context."""
    return _members(AnyCommand)


def lines(file: Path) -> list[str]:
    """The records of a golden file, as JSON."""
    return file.read_text().splitlines() if file.exists() else []


def kinds_in(file: Path) -> list[str]:
    """The kinds that have a line, in order."""
    return [_kind_of(json.loads(line)) for line in lines(file)]


def kind(type: type[Event | Command]) -> str:
    """A type and the version that is written today."""
    version = type.model_fields.get("version")
    return _kind(type.__name__, version.default if version else 1)


def write_what_is_missing() -> None:
    """Add a line for each kind that has none."""
    FOLDER.mkdir(exist_ok=True)
    _add(EVENTS, {kind(one): _commit_with(one) for one in event_types()})
    _add(COMMANDS, {kind(one): _issued_with(one) for one in command_types()})


def _add(file: Path, records: Mapping[str, BaseModel]) -> None:
    known = kinds_in(file)
    with file.open("a") as golden:
        for name, record in records.items():
            if name not in known:
                golden.write(record.model_dump_json() + "\n")


def sample(hint: Any) -> JsonValue:
    """JSON that a type takes, with something in every field."""
    bare = _bare(hint)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return {name: _field(bare, name) for name in bare.model_fields}
    origin, arguments = get_origin(bare), [x for x in get_args(bare) if x is not NoneType]
    if origin in (Union, UnionType):
        return sample(arguments[0])
    if origin is dict:
        return {str(sample(arguments[0])): sample(arguments[1])}
    if origin is Literal:
        return str(arguments[0])
    if origin in (tuple, list):
        return [sample(arguments[0])]
    return _scalar(hint, bare)


def _field(model: type[BaseModel], name: str) -> JsonValue:
    field = model.model_fields[name]
    if name == "version":
        return int(field.default)
    return sample(
        Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    )


def _scalar(hint: Any, bare: Any) -> JsonValue:
    if hint is JsonValue:
        return {"any": ["value", 1, None]}
    if bare in _SCALARS:
        return _SCALARS[bare]
    if isinstance(bare, type) and issubclass(bare, Enum):
        return str(next(iter(bare)).value)
    return next(text for text in _TEXTS if _takes(hint, text))


def _takes(hint: Any, text: str) -> bool:
    try:
        TypeAdapter(hint).validate_python(text)
    except ValidationError:
        return False
    return True


def _bare(hint: Any) -> Any:
    """A type without what is only said about it."""
    if hint is JsonValue:
        return object
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    return _bare(hint.__supertype__) if isinstance(hint, NewType) else hint


def _members(union: Any) -> list[Any]:
    bare = _bare(union)
    return [m for part in get_args(bare) for m in _members(part)] if get_args(bare) else [bare]


def _kind_of(record: dict[str, Any]) -> str:
    one = (record.get("events") or [record["command"]])[0]
    return _kind(one["type"], one.get("version", 1))


def _kind(name: str, version: int) -> str:
    return name if version == 1 else f"{name} {version}"


def _commit_with(event: type[Event]) -> Commit:
    message = Message(
        context=Context.INCIDENTS,
        key="incident",
        command=TypeAdapter[Any](AnyCommand).validate_python({"type": "ActivateIncident"}),
    )
    return Commit(
        id=UUID(int=1),
        time=1_700_000_000_000_000,
        key="incident",
        incident=IncidentId("incident"),
        cause="incidents.commands/0/1",
        correlation=UUID(int=1),
        actor="somebody",
        events=(TypeAdapter[Any](event).validate_json(json.dumps(sample(event))),),
        messages=(message,),
    )


def _issued_with(command: type[Command]) -> Issued:
    return Issued(
        id=UUID(int=1),
        time=1_700_000_000_000_000,
        actor="somebody",
        correlation=UUID(int=1),
        command=TypeAdapter[Any](command).validate_json(json.dumps(sample(command))),
    )


if __name__ == "__main__":
    write_what_is_missing()
