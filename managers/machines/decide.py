"""What the Machine Status Manager makes of a command: pure, like all of its kind."""

from collections.abc import Iterable, Iterator

from events import machines as e
from events.operations import ConfigureMachine, TryLogin
from events.simulations import PlaceSimulation, RefusePlacement
from events.values import Context
from managers.machines.choice import Chosen, choose
from managers.machines.state import Fleet, evolve
from managers.runtime import Effect, Given, Rejected, Send
from managers.runtime.manager import Input


def decide(was: Fleet | None, input: Input, given: Given) -> Iterable[Effect]:
    """The effects of one command on the fleet."""
    fleet = was or Fleet()
    match input:
        case e.AddMachine():
            return _add(fleet, input)
        case e.EnableMachine():
            return _see(fleet, e.MachineEnabled(name=input.name))
        case e.DisableMachine():
            return _see(fleet, e.MachineDisabled(name=input.name))
        case e.AllowLogin():
            return _allow(fleet, input)
        case e.SeeMachine():
            seen = e.MachineSeen(
                name=input.name,
                reachable=input.reachable,
                reason=input.reason,
                load=input.load,
                login_needed=input.login_needed,
                notice=input.notice,
            )
            return _see(fleet, seen)
        case e.SeeTrouble():
            return _see(fleet, e.TroubleSeen(name=input.name, reason=input.reason))
        case e.ChooseMachine():
            return _choose(fleet, input)
        case e.LeaveMachine():
            return _leave(fleet, input)
    raise Rejected(f"machines do not take {type(input).__name__}")


def _add(fleet: Fleet, wanted: e.AddMachine) -> Iterator[Effect]:
    name = wanted.settings.name
    if name in fleet.machines:
        if fleet.machines[name].settings == wanted.settings:
            return
        raise Rejected(f"there is a machine {name} with other settings already")
    yield e.MachineAdded(settings=wanted.settings)
    yield Send(Context.OPERATIONS, name, ConfigureMachine(settings=wanted.settings))


def _see(
    fleet: Fleet, event: e.MachineEnabled | e.MachineDisabled | e.MachineSeen | e.TroubleSeen
) -> Iterator[Effect]:
    """Something about a machine changed: what waits for a place may have one now."""
    if event.name not in fleet.machines:
        raise Rejected(f"there is no machine {event.name}")
    after = evolve(fleet, event)
    if after is None or after == fleet:
        return
    yield event
    for wanted in after.postponed.values():
        found = choose(after, wanted)
        if isinstance(found, Chosen):
            chosen = _chosen(wanted, found)
            yield from chosen
            after = evolve(after, chosen[0]) or after


def _allow(fleet: Fleet, input: e.AllowLogin) -> Iterator[Effect]:
    machine = fleet.machines.get(input.name)
    if machine is None:
        raise Rejected(f"there is no machine {input.name}")
    if machine.login_needed:
        yield e.LoginAllowed(name=input.name)
        yield Send(Context.OPERATIONS, input.name, TryLogin())


def _choose(fleet: Fleet, wanted: e.ChooseMachine) -> Iterable[Effect]:
    if wanted.simulation in fleet.places or wanted.simulation in fleet.postponed:
        return []
    found = choose(fleet, wanted)
    if isinstance(found, Chosen):
        return _chosen(wanted, found)
    if not found.final:
        return [e.ChoicePostponed(wanted=wanted, reason=found.reason)]
    refusal = RefusePlacement(
        simulation=wanted.simulation, reason=f"no machine will do: {found.reason}"
    )
    return [
        e.NoMachineFound(
            simulation=wanted.simulation, incident=wanted.incident, reason=found.reason
        ),
        Send(Context.SIMULATIONS, wanted.incident, refusal),
    ]


def _chosen(wanted: e.ChooseMachine, found: Chosen) -> tuple[e.MachineChosen, Send]:
    place = PlaceSimulation(
        simulation=wanted.simulation, machine=found.name, explanation=found.explanation
    )
    chosen = e.MachineChosen(
        simulation=wanted.simulation,
        incident=wanted.incident,
        name=found.name,
        explanation=found.explanation,
    )
    return chosen, Send(Context.SIMULATIONS, wanted.incident, place)


def _leave(fleet: Fleet, input: e.LeaveMachine) -> Iterator[Effect]:
    name = fleet.places.get(input.simulation)
    if name is not None or input.simulation in fleet.postponed:
        yield e.MachineLeft(simulation=input.simulation, name=name)
