"""The state of the fleet: nothing but the fold of its events."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar
from uuid import UUID

from pydantic import JsonValue

from events import machines as e
from events.machines import ChooseMachine, MachineLoad, MachineSettings
from events.values import Event

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine, and what its interface last said of it; None: nothing yet."""

    settings: MachineSettings
    enabled: bool = False
    reachable: bool | None = None
    reason: str = ""
    load: MachineLoad | None = None
    login_needed: bool = False
    notice: str = ""
    trouble: str = ""
    """What keeps work of ours there from going on."""
    learned: Mapping[str, JsonValue] = field(default_factory=dict)
    """What the newest check found out, as settings of its dialect."""
    full: bool = False
    """Whether it is that there is no room for files of ours."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """All machines, which simulation is where, and which still wait for a place."""

    machines: Mapping[str, Machine] = field(default_factory=dict)
    places: Mapping[UUID, str] = field(default_factory=dict)
    postponed: Mapping[UUID, ChooseMachine] = field(default_factory=dict)
    judging: bool = False
    """Whether some of these were not judged since a machine changed."""

    @property
    def jobs(self) -> Counter[str]:
        """How many of our jobs are on which machine."""
        return Counter(self.places.values())


def evolve(was: Fleet | None, event: Event) -> Fleet | None:
    """The fleet after an event."""
    was = was or Fleet()
    match event:
        case e.MachineAdded():
            return _with(was, Machine(event.settings))
        case e.MachineChanged():
            machine = was.machines[event.settings.name]
            return _with(was, replace(machine, settings=event.settings, learned={}))
        case e.MachineRemoved():
            left = {name: one for name, one in was.machines.items() if name != event.name}
            return replace(was, machines=left)
        case e.MachineEnabled():
            return _with(was, replace(was.machines[event.name], enabled=True))
        case e.MachineDisabled():
            return _with(was, replace(was.machines[event.name], enabled=False))
        case e.LoginAllowed():
            return _with(was, replace(was.machines[event.name], login_needed=False))
        case e.MachineSeen():
            machine = was.machines[event.name]
            return _with(
                was,
                replace(
                    machine,
                    reachable=event.reachable,
                    reason=event.reason,
                    load=event.load and event.load.after(machine.load),
                    login_needed=event.login_needed,
                    notice=event.notice,
                ),
            )
        case e.MachineChecked():
            learned = event.checkup.learned
            return _with(was, replace(was.machines[event.name], learned=learned))
        case e.TroubleSeen():
            machine = was.machines[event.name]
            return _with(was, replace(machine, trouble=event.reason, full=event.full))
        case e.MachineChosen():
            return replace(
                was,
                places={**was.places, event.simulation: event.name},
                postponed=_without(was.postponed, event.simulation),
            )
        case e.NoMachineFound():
            return replace(was, postponed=_without(was.postponed, event.simulation))
        case e.ChoicePostponed():
            wanted = event.wanted
            return replace(was, postponed={**was.postponed, wanted.simulation: wanted})
        case e.PostponedJudged():
            return replace(was, judging=event.more)
        case e.MachineLeft():
            return replace(
                was,
                places=_without(was.places, event.simulation),
                postponed=_without(was.postponed, event.simulation),
            )
        case e.MachineRejoined():
            return replace(was, places={**was.places, event.simulation: event.name})
    return was


def _with(was: Fleet, machine: Machine) -> Fleet:
    return replace(was, machines={**was.machines, machine.settings.name: machine})


def _without(known: Mapping[UUID, V], simulation: UUID) -> Mapping[UUID, V]:
    left = dict(known)
    left.pop(simulation, None)
    return left
