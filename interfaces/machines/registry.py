"""Machines by their settings: connections and dialects by name.

All of them, ours as well as those of other packages, are found under the entry points
`vestec.connections` and `vestec.dialects`: functions that make one of a machine's settings. What
has no shell is both at once, under `vestec.batch_systems`: a function of settings and toll.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from events.machines import MachineSettings
from events.prose import describe, faults_of
from events.words import Text, VariableName
from interfaces.machines.batch import BatchSystem
from interfaces.machines.budget import Toll, free
from interfaces.machines.connection import Connection, WrongSettings
from interfaces.machines.dialect import Dialect
from interfaces.machines.scripts.layout import Layout, layout_of
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.simulated.batch_system import Clock, SimulatedBatchSystem
from interfaces.machines.simulated.fates import Results, Seeded

SIMULATED = "simulated"
"""The dialect that is a model, without connection or processes."""
_WHOLE = "batch system"
_variables = TypeAdapter(dict[VariableName, Text])


def connect(
    settings: MachineSettings,
    toll: Toll = free,
    *,
    clock: Clock | None = None,
    results: Results | None = None,
) -> BatchSystem:
    """The batch system of a machine, yet to be opened; raises `WrongSettings`.

    It waits for the toll before each command that it runs. Clock and results are those of the
    simulation, and unused for a real machine.
    """
    layout, environment = _layout(settings), _environment(settings)
    if settings.test_mode or settings.dialect == SIMULATED:
        return SimulatedBatchSystem(
            Seeded(settings.seed),
            clock=clock,
            slots=settings.slots,
            results=results,
            folder=Path(layout.base),
        )
    if settings.connection in entry_points(group=_group(_WHOLE)).names:
        whole: BatchSystem = _made(_WHOLE, settings.connection, settings, toll)
        return whole
    connection: Connection = _made("connection", settings.connection, settings)

    def learning(learned: Mapping[str, JsonValue]) -> Dialect:
        site = settings.model_copy(update={"batch": {**learned, **settings.batch}})
        dialect: Dialect = _made("dialect", settings.dialect, site)
        return dialect

    return ShellBatchSystem(
        connection,
        learning({}),
        layout,
        environment=environment,
        toll=toll,
        learning=learning,
    )


def why_wrong(settings: MachineSettings) -> str:
    """Why there is no such batch system, in a sentence; empty: there is."""
    try:
        connect(settings)
    except WrongSettings as error:
        return str(error)
    return ""


def _layout(settings: MachineSettings) -> Layout:
    try:
        return layout_of(settings)
    except ValueError as error:
        fault = ("base_directory", str(error))
        raise WrongSettings(f"machine {settings.name}: {error}", fault) from error


def _environment(settings: MachineSettings) -> dict[str, str]:
    try:
        return _variables.validate_python(settings.environment)
    except ValidationError as error:
        faults = ((f"environment.{where}", what) for where, what in faults_of(error))
        raise WrongSettings(f"machine {settings.name}: {describe(error)}", *faults) from error


def _made(kind: str, name: str, settings: MachineSettings, *more: object) -> Any:
    factory = _named(kind, name)
    try:
        return factory(settings, *more)
    except WrongSettings:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        text = f"machine {settings.name}: {kind} {name}: {said}"
        raise WrongSettings(text, (kind, said)) from error


def _group(kind: str) -> str:
    return f"vestec.{kind.replace(' ', '_')}s"


def _named(kind: str, name: str) -> Callable[..., Any]:
    installed = entry_points(group=_group(kind))
    match [*installed.select(name=name)]:
        case []:
            known = ", ".join(sorted(installed.names)) or "none"
            text = f"there is no {kind} {name!r}; there are: {known}"
            raise WrongSettings(text, (kind, text))
        case [point]:
            return _loaded(kind, point)
        case _:
            raise WrongSettings(f"two packages bring the {kind} {name}: remove one of them")


def _loaded(kind: str, point: EntryPoint) -> Callable[..., Any]:
    try:
        factory: Callable[..., Any] = point.load()
    except Exception as error:
        raise WrongSettings(f"{kind} {point.name} ({point.value}): {error}") from error
    return factory
