"""Machines by their settings: connections and dialects by name, ours and those of other packages.

A package adds its own under the entry points `vestec.connections` and `vestec.dialects`.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from events.jobs import Text, VariableName
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


def _absolute(path: PurePosixPath) -> PurePosixPath:
    return Layout(path).base


class MachineSettings(BaseModel):
    """What an administrator says of a machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")
    connection: str = "local"
    dialect: str = "processes"
    """`simulated` is a model without connection or processes."""
    base_directory: Annotated[PurePosixPath, AfterValidator(_absolute)]
    """Where jobs have their folders; on the machine, absolute, seen by its compute nodes."""
    slots: int = Field(default=1, gt=0)
    """Jobs at once, where the dialect does not leave that to a batch system."""
    nodes: int | None = Field(default=None, gt=0)
    """None where it is not known."""
    cores_per_node: int | None = Field(default=None, gt=0)
    sessions: int = Field(default=8, gt=0)
    """Commands at once over its connection."""
    environment: dict[VariableName, Text] = {}
    """Variables for every job; those of a job itself come first."""
    test_mode: bool = False
    """Run no real job: simulate them."""
    seed: int = 0
    """Of the simulation."""


class UnknownName(MachineError):
    """The settings of a machine name a connection or dialect that nobody brought."""


ConnectionFactory = Callable[[MachineSettings], Connection]
DialectFactory = Callable[[MachineSettings], Dialect]

CONNECTIONS: Mapping[str, ConnectionFactory] = {
    "local": lambda settings: LocalConnection(settings.sessions),
}
DIALECTS: Mapping[str, DialectFactory] = {
    "processes": lambda settings: Processes(Layout(settings.base_directory), settings.slots),
}


def connect(
    settings: MachineSettings, *, clock: Clock | None = None, results: Results | None = None
) -> BatchSystem:
    """The batch system of a machine, yet to be opened; raises `UnknownName`.

    Clock and results are those of the simulation, and unused for a real machine.
    """
    if settings.test_mode or settings.dialect == SIMULATED:
        return SimulatedBatchSystem(
            Seeded(settings.seed),
            clock=clock,
            slots=settings.slots,
            results=results,
            folder=Path(settings.base_directory),
        )
    connection = _named("connection", settings.connection, CONNECTIONS)(settings)
    dialect = _named("dialect", settings.dialect, DIALECTS)(settings)
    return ShellBatchSystem(
        connection, dialect, Layout(settings.base_directory), environment=settings.environment
    )


Factory = TypeVar("Factory")


def _named(kind: str, name: str, ours: Mapping[str, Factory]) -> Factory:
    if name in ours:
        return ours[name]
    others = entry_points(group=f"vestec.{kind}s")
    if name in others.names:
        factory: Factory = others[name].load()
        return factory
    known = ", ".join(sorted({*ours, *others.names}))
    raise UnknownName(f"there is no {kind} {name!r}; there are: {known}")
