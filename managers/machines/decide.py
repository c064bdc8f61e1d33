"""What the Machine Status Manager makes of a command: pure, like all of its kind."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from events import machines as e
from events.entry import entered
from events.jobs import JobRequest, token_of
from events.machines import MachineSettings
from events.operations import CheckUp, ConfigureMachine, EstimateJob, ForgetMachine, TryLogin
from events.simulations import PlaceSimulation, RefusePlacement
from events.values import Context
from managers.entries import refusing
from managers.machines.choice import Chosen, NotFound, choose
from managers.machines.state import Fleet, Machine, evolve
from managers.portions import GoOn, portion
from managers.runtime import Effect, Given, Rejected, Send
from managers.runtime.manager import Input

WhyWrong = Callable[[MachineSettings], str]
"""Why nobody could work on a machine of these settings, in a sentence; empty: somebody could."""


def nobody_knows(_settings: MachineSettings) -> str:
    return ""


def decide(why_wrong: WhyWrong, was: Fleet | None, input: Input, given: Given) -> Iterable[Effect]:
    """The effects of one command on the fleet."""
    fleet = was or Fleet()
    match input:
        case e.AddMachine():
            return _add(fleet, input, why_wrong)
        case e.ChangeMachine():
            return _change(fleet, input.settings)
        case e.EditMachine():
            return _change(fleet, _edited(fleet, input, why_wrong))
        case e.RemoveMachine():
            return _remove(fleet, input)
        case e.EnableMachine():
            return _see(fleet, e.MachineEnabled(name=input.name))
        case e.DisableMachine():
            return _see(fleet, e.MachineDisabled(name=input.name))
        case e.AllowLogin():
            return _allow(fleet, input)
        case e.CheckMachine():
            return _check(fleet, input)
        case e.EstimateStart():
            return _estimate(fleet, input)
        case e.SeeEstimate():
            return _estimated(fleet, input)
        case e.SeeCheckup():
            return _checked(fleet, input)
        case e.SeeMachine():
            return _see(fleet, e.MachineSeen(name=input.name, **input.condition))
        case e.SeeTrouble():
            trouble = e.TroubleSeen(name=input.name, reason=input.reason, full=input.full)
            return _see(fleet, trouble)
        case e.ChooseMachine():
            return _choose(fleet, input)
        case e.LeaveMachine():
            return _leave(fleet, input)
        case GoOn():
            return _judge_again(fleet)
        case e.RejoinMachine():
            return _rejoin(fleet, input)
    raise Rejected(f"machines do not take {type(input).__name__}")


def _add(fleet: Fleet, wanted: e.AddMachine, why_wrong: WhyWrong) -> Iterator[Effect]:
    name = wanted.settings.name
    with refusing(f"machine {name}"):
        entered(wanted.settings)
    _require_sense(wanted.settings, why_wrong)
    if name not in fleet.machines:
        added = e.MachineAdded(settings=wanted.settings)
        yield added
        yield Send(Context.OPERATIONS, name, ConfigureMachine(settings=wanted.settings))
        fleet = evolve(fleet, added) or fleet
    elif fleet.machines[name].settings != wanted.settings:
        raise Rejected(f"there is a machine {name} with other settings already")
    if wanted.enable:
        yield from _see(fleet, e.MachineEnabled(name=name))


def _edited(fleet: Fleet, wanted: e.EditMachine, why_wrong: WhyWrong) -> MachineSettings:
    was = _known(fleet, wanted.name).settings
    with refusing(f"machine {wanted.name}"):
        settings = wanted.changes.made_to(was)
    _require_sense(settings, why_wrong)
    return settings


def _require_sense(settings: MachineSettings, why_wrong: WhyWrong) -> None:
    if why := why_wrong(settings):
        raise Rejected(why)


def _change(fleet: Fleet, settings: MachineSettings) -> Iterator[Effect]:
    was = _known(fleet, settings.name).settings
    if was == settings:
        return
    moved = e.moved(was, settings)
    if moved and (count := fleet.jobs[settings.name]):
        raise Rejected(
            f"{count} of our jobs are on {settings.name}, or on their way there, and would not be"
            f" found by another {', '.join(moved)}: drain it first"
        )
    yield from _see(fleet, e.MachineChanged(settings=settings))
    yield Send(Context.OPERATIONS, settings.name, ConfigureMachine(settings=settings))


def _remove(fleet: Fleet, wanted: e.RemoveMachine) -> Iterator[Effect]:
    _known(fleet, wanted.name)
    if count := fleet.jobs[wanted.name]:
        where = f"on {wanted.name}, or on their way there"
        raise Rejected(f"{count} of our jobs are {where}: drain it first")
    removed = e.MachineRemoved(name=wanted.name)
    yield removed
    yield Send(Context.OPERATIONS, wanted.name, ForgetMachine())
    yield from _judge_again(evolve(fleet, removed) or fleet)


def _known(fleet: Fleet, name: str) -> Machine:
    if name not in fleet.machines:
        raise Rejected(f"there is no machine {name}")
    return fleet.machines[name]


_Seen = e.MachineEnabled | e.MachineDisabled | e.MachineSeen | e.TroubleSeen | e.MachineChanged


def _see(fleet: Fleet, event: _Seen) -> Iterator[Effect]:
    """Something about a machine changed."""
    _known(fleet, event.settings.name if isinstance(event, e.MachineChanged) else event.name)
    after = evolve(fleet, event)
    if after is None or after == fleet:
        return
    yield event
    yield from _judge_again(after)


def _judge_again(fleet: Fleet) -> Iterator[Effect]:
    """What waits for a place may have one now, or never get one."""
    effects, more = portion(_judged(fleet))
    yield from effects
    if more is not fleet.judging:
        yield e.PostponedJudged(more=more)


def _judged(fleet: Fleet) -> Iterator[Sequence[Effect]]:
    """What becomes of each that need not wait any more, where all before it have their places."""
    jobs = fleet.jobs
    for wanted in fleet.postponed.values():
        found = choose(fleet.machines, jobs, wanted)
        if effects := _placed(wanted, found):
            yield effects
        if isinstance(found, Chosen):
            jobs[found.name] += 1


def _allow(fleet: Fleet, input: e.AllowLogin) -> Iterator[Effect]:
    if _known(fleet, input.name).login_needed:
        yield e.LoginAllowed(name=input.name)
        yield Send(Context.OPERATIONS, input.name, TryLogin())


def _check(fleet: Fleet, wanted: e.CheckMachine) -> Iterator[Effect]:
    if _known(fleet, wanted.name).login_needed:
        raise Rejected(f"{wanted.name} lets nobody in: vestec machines login {wanted.name}")
    yield Send(Context.OPERATIONS, wanted.name, CheckUp(check=wanted.check))


def _estimate(fleet: Fleet, wanted: e.EstimateStart) -> Iterator[Effect]:
    if _known(fleet, wanted.name).login_needed:
        raise Rejected(f"{wanted.name} lets nobody in: vestec machines login {wanted.name}")
    with refusing("the job"):
        entered(wanted.resources)
        entered(wanted.options)
    request = JobRequest(
        token=token_of(wanted.estimate),
        executable="true",
        options=wanted.options,
        **wanted.resources.model_dump(),
    )
    ask = EstimateJob(estimate=wanted.estimate, request=request)
    yield Send(Context.OPERATIONS, wanted.name, ask)


def _estimated(fleet: Fleet, seen: e.SeeEstimate) -> Iterator[Effect]:
    _known(fleet, seen.name)
    yield e.StartEstimated(name=seen.name, estimate=seen.estimate)


def _checked(fleet: Fleet, seen: e.SeeCheckup) -> Iterator[Effect]:
    """For those who look at the machine; and how large an array it takes decides who gets one."""
    _known(fleet, seen.name)
    yield e.MachineChecked(name=seen.name, checkup=seen.checkup)


def _choose(fleet: Fleet, wanted: e.ChooseMachine) -> Iterable[Effect]:
    if wanted.simulation in fleet.places or wanted.simulation in fleet.postponed:
        return []
    found = choose(fleet.machines, fleet.jobs, wanted)
    if isinstance(found, NotFound) and not found.final:
        return [e.ChoicePostponed(wanted=wanted, reason=found.reason)]
    return _placed(wanted, found)


def _placed(wanted: e.ChooseMachine, found: Chosen | NotFound) -> Sequence[Effect]:
    """A place for a simulation, or that there will be none; nothing while it has to wait."""
    if isinstance(found, Chosen):
        return _chosen(wanted, found)
    if not found.final:
        return []
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


def _rejoin(fleet: Fleet, input: e.RejoinMachine) -> Iterator[Effect]:
    """It counts again; of a machine that was removed meanwhile nobody hears any more."""
    if input.name not in fleet.machines:
        reason = f"{input.name} was removed: nobody there can be asked what becomes of it"
        refusal = RefusePlacement(simulation=input.simulation, reason=reason)
        yield Send(Context.SIMULATIONS, input.incident, refusal)
    elif input.simulation not in fleet.places:
        yield e.MachineRejoined(simulation=input.simulation, name=input.name)
