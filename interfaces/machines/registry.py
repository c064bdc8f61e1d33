"""Machines by their settings: connections and dialects by name, ours and those of other packages.

A package adds its own under the entry points `vestec.connections` and `vestec.dialects`.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from events.jobs import Text, VariableName
from events.machines import MachineSettings
from interfaces.machines.batch import BatchSystem
from interfaces.machines.connection import Connection, MachineError
from interfaces.machines.dialect import Dialect
from interfaces.machines.fates import Results, Seeded
from interfaces.machines.layout import Layout
from interfaces.machines.local import LocalConnection
from interfaces.machines.processes import Processes
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.simulated import Clock, SimulatedBatchSystem

SIMULATED = "simulated"
"""The dialect that is a model, without connection or processes."""
_variables = TypeAdapter(dict[VariableName, Text])


class WrongSettings(MachineError):
    """The settings of a machine cannot work; the text says which and why."""


ConnectionFactory = Callable[[MachineSettings], Connection]
DialectFactory = Callable[[MachineSettings], Dialect]

CONNECTIONS: Mapping[str, ConnectionFactory] = {
    "local": lambda settings: LocalConnection(),
}
DIALECTS: Mapping[str, DialectFactory] = {
    "processes": lambda settings: Processes(_layout(settings), settings.slots),
}


def connect(
    settings: MachineSettings, *, clock: Clock | None = None, results: Results | None = None
) -> BatchSystem:
    """The batch system of a machine, yet to be opened; raises `WrongSettings`.

    Clock and results are those of the simulation, and unused for a real machine.
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
    connection = _named("connection", settings.connection, CONNECTIONS)(settings)
    dialect = _named("dialect", settings.dialect, DIALECTS)(settings)
    return ShellBatchSystem(connection, dialect, layout, environment=environment)


def _layout(settings: MachineSettings) -> Layout:
    try:
        return Layout(PurePosixPath(settings.base_directory))
    except ValueError as error:
        raise WrongSettings(f"machine {settings.name}: {error}") from error


def _environment(settings: MachineSettings) -> dict[str, str]:
    try:
        return _variables.validate_python(settings.environment)
    except ValidationError as error:
        raise WrongSettings(f"machine {settings.name}: {error}") from error


Factory = TypeVar("Factory")


def _named(kind: str, name: str, ours: Mapping[str, Factory]) -> Factory:
    if name in ours:
        return ours[name]
    others = entry_points(group=f"vestec.{kind}s")
    if name in others.names:
        factory: Factory = others[name].load()
        return factory
    known = ", ".join(sorted({*ours, *others.names}))
    raise WrongSettings(f"there is no {kind} {name!r}; there are: {known}")
