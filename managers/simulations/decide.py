"""What the Simulation Manager makes of a command: pure, like all of its kind."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from pydantic import JsonValue

from events import simulations as e
from events.entry import entered
from events.jobs import Dependency, JobRequest, JobState
from events.machines import FLEET, ChooseMachine
from events.operations import HoldJob, RefreshJob, RetrySubmission, SubmitJob
from events.values import Context
from managers.answers import answer
from managers.entries import refusing
from managers.portions import GoOn
from managers.runtime import Effect, Given, Rejected, Send
from managers.runtime.manager import Input
from managers.simulations import ending
from managers.simulations.ending import by_ourselves, call_back, leave, to_machine
from managers.simulations.state import Simulation, Simulations, changed


def decide(was: Simulations | None, input: Input, given: Given) -> Iterable[Effect]:
    """The effects of one command on an incident's simulations."""
    if isinstance(input, e.CreateSimulation):
        return _create(was, input)
    if was is None or getattr(input, "simulation", None) not in {None, *was.by_id}:
        return _nobody_asks(input)
    match input:
        case e.CancelAllSimulations():
            return ending.cancel_all(was, e.CancellationContinues(reason=input.reason))
        case e.CloseSimulations():
            return ending.close(was, input.reason)
        case e.CancelSimulationsOf():
            of_run = e.CancellationContinues(run=input.run, reason=input.reason)
            return ending.cancel_all(was, of_run)
        case GoOn():
            return ending.go_on(was)
        case e.GroupSimulations():
            return ending.group(was, input)
    return _of_one(was, input)


def _of_one(was: Simulations, input: Input) -> Iterable[Effect]:
    id: UUID | None = getattr(input, "simulation", None)
    if id is None:
        raise Rejected(f"simulations do not take {type(input).__name__}")
    simulation = was.by_id[id]
    match input:
        case e.PlaceSimulation():
            return _place(simulation, input)
        case e.RefusePlacement():
            return _refuse(was, simulation, input)
        case e.SubmitSimulation():
            return _submit(was, simulation, input)
        case e.AwaitSimulation():
            return _await(simulation, input)
        case e.ReportJob():
            return ending.report(was, simulation, input.report)
        case e.ForeseeStart(expected=expected):
            return _foresee(simulation, expected)
        case e.KeepOutputs():
            return ending.keep(was, simulation, input)
        case e.CancelSimulation():
            return _cancel(was, simulation, input)
        case e.RetrySimulation():
            return _retry(simulation)
        case e.HoldSimulation():
            return _hold(simulation, True, input.reason)
        case e.ReleaseSimulation():
            return _hold(simulation, False, input.reason)
        case e.RefreshSimulation():
            return to_machine(simulation, RefreshJob(token=simulation.token))
    raise Rejected(f"simulations do not take {type(input).__name__}")


def _nobody_asks(input: Input) -> Iterable[Effect]:
    """What others still say of a simulation that was forgotten is not news."""
    match input:
        case e.PlaceSimulation():
            return leave(input.simulation, JobState.CANCELLED)
        case (
            e.ReportJob()
            | e.ForeseeStart()
            | e.KeepOutputs()
            | e.RefusePlacement()
            | e.CancelAllSimulations()
            | e.CancelSimulationsOf()
            | e.CloseSimulations()
            | GoOn()
        ):
            return []
        case e.GroupSimulations():
            raise Rejected("there are no simulations in this incident")
    id = getattr(input, "simulation", None)
    if id is None:
        raise Rejected(f"simulations do not take {type(input).__name__}")
    raise Rejected(f"there is no simulation {id} in this incident")


# Creation and placement.


def _create(was: Simulations | None, wanted: e.CreateSimulation) -> Iterator[Effect]:
    if was and (known := was.by_id.get(wanted.simulation)):
        yield from _created_before(known, wanted)
        return
    with refusing("the simulation"):
        entered(wanted.request)
    yield e.SimulationCreated(
        simulation=wanted.simulation,
        incident=wanted.incident,
        request=wanted.request,
        exercise=wanted.exercise,
        urgency=wanted.urgency,
        owner=wanted.owner,
        reply_to=wanted.reply_to,
    )
    choose = ChooseMachine(
        simulation=wanted.simulation,
        incident=wanted.incident,
        resources=wanted.request.resources,
        wanted=wanted.request.machine or _beside_others(was, wanted.request),
        owner=wanted.owner,
        account=wanted.request.options.account,
    )
    yield Send(Context.MACHINES, FLEET, choose)


def _beside_others(was: Simulations | None, request: e.SimulationRequest) -> str | None:
    """The one machine on which all is that it comes after, and that is not over yet."""
    after = {other.token for other in request.options.after}
    others = was.by_id.values() if was and after else ()
    machines = {it.machine for it in others if it.token in after and not it.state.final}
    return machines.pop() if len(machines) == 1 else None


def _created_before(known: Simulation, wanted: e.CreateSimulation) -> Iterator[Effect]:
    """A stage that runs again asks again, and gets the same answer, now or when it is known."""
    if known.machine is not None:
        yield from answer(wanted.reply_to, _placed(known.id, known.machine))
    elif known.state.ended:
        yield from answer(wanted.reply_to, error=known.reason)


def _placed(simulation: UUID, machine: str) -> JsonValue:
    return {"simulation": str(simulation), "machine": machine}


def _place(simulation: Simulation, input: e.PlaceSimulation) -> Iterator[Effect]:
    if simulation.state.ended:
        yield from leave(simulation.id, simulation.state)
        return
    yield e.SimulationPlaced(
        simulation=simulation.id, machine=input.machine, explanation=input.explanation
    )
    yield from answer(simulation.created_by, _placed(simulation.id, input.machine))


def _refuse(was: Simulations, simulation: Simulation, input: e.RefusePlacement) -> Iterator[Effect]:
    """No machine will run it; or it came back on one that was removed, and is lost again."""
    if simulation.state.ended:
        return
    state = JobState.LOST if simulation.submitted else JobState.FAILED
    over = by_ourselves(simulation, state, input.reason)
    yield over
    if not simulation.submitted:
        yield from answer(simulation.created_by, error=input.reason)
    yield from ending.follow_up(was, changed(was, over))


# Submission.


def _submit(
    was: Simulations, simulation: Simulation, input: e.SubmitSimulation
) -> Iterator[Effect]:
    if simulation.submitted:
        if (simulation.callbacks, simulation.context) != (input.callbacks, input.context):
            raise Rejected(f"simulation {simulation.id} was submitted already")
        yield from answer(input.reply_to, {"state": simulation.state})
        return
    if simulation.machine is None or simulation.state != JobState.CREATED:
        raise Rejected(f"simulation {simulation.id} is {simulation.state}, it cannot be submitted")
    submitted = e.SimulationSubmitted(
        simulation=simulation.id, callbacks=input.callbacks, context=input.context
    )
    yield submitted
    job = SubmitJob(
        incident=was.incident,
        simulation=simulation.id,
        request=_job(was, simulation),
        inputs=simulation.request.inputs,
        owner=simulation.owner,
    )
    yield from to_machine(simulation, job)
    yield from answer(input.reply_to, {"state": JobState.PENDING})
    yield from call_back(was, changed(was, submitted))


def _job(was: Simulations, simulation: Simulation) -> JobRequest:
    request = simulation.request
    exercise = "EXERCISE " if simulation.exercise else ""
    return JobRequest(
        token=simulation.token,
        kind=request.kind,
        executable=request.executable,
        template=request.template,
        options=request.options.model_copy(update={"after": tuple(_others(was, simulation))}),
        environment=request.environment,
        comment=f"{exercise}{request.comment}".strip(),
        urgency=simulation.urgency,
        **request.resources.model_dump(),
    )


def _others(was: Simulations, simulation: Simulation) -> Iterator[Dependency]:
    """What it comes after, with what is known of that: its machine may have forgotten it."""
    after = simulation.request.options.after
    known = {other.token: other for other in was.by_id.values()} if after else {}
    for other in after:
        if it := known.get(other.token):
            over = it.state.final
            update = {
                "instances": it.request.resources.instances,
                "end": it.state if over else None,
                "expected": not (over or it.submitted) and it.machine == simulation.machine,
            }
            other = other.model_copy(update=update)
        yield other


def _await(simulation: Simulation, input: e.AwaitSimulation) -> Iterator[Effect]:
    if simulation.settled:
        yield from answer(input.reply_to, simulation.result.model_dump(mode="json"))
    elif not ending.may_be_awaited(simulation):
        raise Rejected(
            f"the end of simulation {simulation.id} is too long to be told to"
            f" {len(simulation.waiting) + 1} calls at once: wait in fewer, or when it has ended"
        )
    else:
        yield e.SimulationAwaited(simulation=simulation.id, reply_to=input.reply_to)


def _cancel(
    was: Simulations, simulation: Simulation, input: e.CancelSimulation
) -> Iterator[Effect]:
    yield from ending.cancel(was, simulation, input.reason)
    yield from answer(input.reply_to, {"state": simulation.state})


def _retry(simulation: Simulation) -> Iterable[Effect]:
    if simulation.state != JobState.PENDING or simulation.stuck is None:
        raise Rejected(f"simulation {simulation.id} does not wait for somebody to submit it again")
    return to_machine(simulation, RetrySubmission(token=simulation.token))


def _foresee(simulation: Simulation, expected: float) -> Iterator[Effect]:
    if simulation.state.in_line:
        yield e.StartForeseen(simulation=simulation.id, expected=expected)


def _hold(simulation: Simulation, held: bool, reason: str) -> Iterator[Effect]:
    """A wish about a job that its machine has: one on its way there might start before it."""
    in_a_queue = simulation.state.waits and simulation.state is not JobState.PENDING
    if not in_a_queue or simulation.cancelling:
        what = "held" if held else "released"
        state = "is cancelled" if simulation.cancelling else f"is {simulation.state}"
        raise Rejected(f"simulation {simulation.id} {state}: only what waits in a queue is {what}")
    yield e.HoldRequested(simulation=simulation.id, held=held, reason=reason)
    hold = HoldJob(token=simulation.token, held=held, reason=reason)
    yield from to_machine(simulation, hold)
