"""What the Simulation Manager makes of a command: pure, like all of its kind."""

from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

from pydantic import JsonValue

from events import simulations as e
from events.incidents import Deliver, Delivery
from events.jobs import JobRequest, JobState, Witness
from events.machines import FLEET, ChooseMachine, LeaveMachine
from events.operations import CancelJob, CollectOutputs, RefreshJob, ReleaseJob, SubmitJob
from events.values import Command, Context, Document
from managers.answers import answer
from managers.runtime import Effect, Given, Rejected, Send
from managers.runtime.manager import Input
from managers.simulations.state import Simulation, Simulations, evolve


def decide(was: Simulations | None, input: Input, given: Given) -> Iterable[Effect]:
    """The effects of one command on an incident's simulations."""
    match input:
        case e.CreateSimulation():
            return _create(was, input, given)
        case e.CancelAllSimulations():
            return _cancel_where(was, lambda _: True, input.reason)
        case e.CancelSimulationsOf():
            return _cancel_where(was, lambda s: _run_of(s) == input.run, input.reason)
        case e.PlaceSimulation():
            return _place(_find(was, input.simulation), input)
        case e.RefusePlacement():
            return _refuse(_find(was, input.simulation), input)
        case e.SubmitSimulation():
            return _submit(was, _find(was, input.simulation), input)
        case e.AwaitSimulation():
            return _await(_find(was, input.simulation), input)
        case e.ReportJob():
            return _report(was, _find(was, input.simulation), input)
        case e.KeepOutputs():
            return _keep(was, _find(was, input.simulation), input)
        case e.CancelSimulation():
            return _cancel_one(_find(was, input.simulation), input)
        case e.GroupSimulations():
            return _group(was, input)
        case e.RefreshSimulation():
            simulation = _find(was, input.simulation)
            return _to_machine(simulation, RefreshJob(token=simulation.token))
    raise Rejected(f"simulations do not take {type(input).__name__}")


def _find(was: Simulations | None, id: UUID) -> Simulation:
    if was is None or id not in was.by_id:
        raise Rejected(f"there is no simulation {id} in this incident")
    return was.by_id[id]


# Creation and placement.


def _create(was: Simulations | None, wanted: e.CreateSimulation, given: Given) -> Iterator[Effect]:
    if was and wanted.simulation in was.by_id:
        return
    yield e.SimulationCreated(
        simulation=wanted.simulation,
        incident=wanted.incident,
        request=wanted.request,
        exercise=wanted.exercise,
        reply_to=wanted.reply_to,
    )
    choose = ChooseMachine(
        simulation=wanted.simulation,
        incident=wanted.incident,
        resources=wanted.request.resources,
        wanted=wanted.request.machine,
    )
    yield Send(Context.MACHINES, FLEET, choose)


def _place(simulation: Simulation, input: e.PlaceSimulation) -> Iterator[Effect]:
    if simulation.state.ended:
        yield from _leave(simulation)
        return
    yield e.SimulationPlaced(
        simulation=simulation.id, machine=input.machine, explanation=input.explanation
    )
    placed: JsonValue = {"simulation": str(simulation.id), "machine": input.machine}
    yield from answer(simulation.created_by, placed)


def _refuse(simulation: Simulation, input: e.RefusePlacement) -> Iterator[Effect]:
    if not simulation.state.ended:
        yield _by_ourselves(simulation, JobState.FAILED, input.reason)
    yield from answer(simulation.created_by, error=input.reason)


# Submission.


def _submit(
    was: Simulations | None, simulation: Simulation, input: e.SubmitSimulation
) -> Iterator[Effect]:
    if simulation.submitted:
        raise Rejected(f"simulation {simulation.id} was submitted already")
    if simulation.machine is None or simulation.state != JobState.CREATED:
        raise Rejected(f"simulation {simulation.id} is {simulation.state}, it cannot be submitted")
    submitted = e.SimulationSubmitted(
        simulation=simulation.id, callbacks=input.callbacks, context=input.context
    )
    yield submitted
    request, resources = simulation.request, simulation.request.resources
    job = JobRequest(
        token=simulation.token,
        kind=request.kind,
        executable=request.executable,
        walltime=resources.walltime,
        nodes=resources.nodes,
        tasks=resources.tasks,
        cpus_per_task=resources.cpus_per_task,
        memory_mib=resources.memory_mib,
        environment=request.environment,
        comment=f"EXERCISE {request.comment}".strip() if simulation.exercise else request.comment,
    )
    assert was is not None
    yield from _to_machine(
        simulation,
        SubmitJob(
            incident=was.incident, simulation=simulation.id, request=job, inputs=request.inputs
        ),
    )
    yield from answer(input.reply_to, {"state": JobState.PENDING})
    after = evolve(was, submitted)
    yield from _call_back(was.incident, _find(after, simulation.id))


def _await(simulation: Simulation, input: e.AwaitSimulation) -> Iterator[Effect]:
    if simulation.settled:
        yield from answer(input.reply_to, simulation.result.model_dump(mode="json"))
    else:
        yield e.SimulationAwaited(simulation=simulation.id, reply_to=input.reply_to)


# What the machine says.


def _report(
    was: Simulations | None, simulation: Simulation, input: e.ReportJob
) -> Iterator[Effect]:
    report = input.report
    over = simulation.state.ended and simulation.state != JobState.LOST
    same = (report.state, report.attempt) == (simulation.state, simulation.attempt)
    if over or same or report.attempt < simulation.attempt:
        return
    changed = e.SimulationStateChanged(
        simulation=simulation.id,
        state=report.state,
        witness=report.witness,
        job_id=report.job_id,
        attempt=report.attempt,
        exit_code=report.exit_code,
        host=report.host,
        started=report.started,
        ended=report.ended,
        reason=report.reason,
    )
    yield changed
    after = evolve(was, changed)
    now = _find(after, simulation.id)
    if now.state == JobState.COMPLETED and now.request.outputs:
        collect = CollectOutputs(token=now.token, names=now.request.outputs)
        yield from _to_machine(now, collect)
    else:
        yield from _follow_up(after, now)


def _keep(
    was: Simulations | None, simulation: Simulation, input: e.KeepOutputs
) -> Iterator[Effect]:
    if simulation.outputs is not None:
        return
    kept = e.OutputsKept(simulation=simulation.id, outputs=input.outputs, missing=input.missing)
    yield kept
    after = evolve(was, kept)
    yield from _follow_up(after, _find(after, simulation.id))


def _follow_up(after: Simulations | None, now: Simulation) -> Iterator[Effect]:
    """Tell everybody who wanted to know of the state that was reached."""
    assert after is not None
    earlier = [s for s in after.of_group(now.group) if s.id != now.id]
    beaten = any(s.state == JobState.COMPLETED for s in earlier)
    if not (beaten and now.state == JobState.COMPLETED):
        yield from _call_back(after.incident, now)
    if not now.settled:
        return
    for waiting in now.waiting:
        yield from answer(waiting, now.result.model_dump(mode="json"))
    yield from _leave(now)
    if now.state != JobState.LOST:
        yield from _to_machine(now, ReleaseJob(token=now.token))
    if now.state == JobState.COMPLETED and not beaten:
        for other in earlier:
            yield from _cancel(other, f"simulation {now.id} of its group completed first")


def _call_back(incident: str, simulation: Simulation) -> Iterator[Effect]:
    stage = simulation.callbacks.get(simulation.state)
    if stage is None:
        return
    told: JsonValue = {
        "simulation": simulation.result.model_dump(mode="json"),
        "context": simulation.context.model_dump(mode="json"),
    }
    delivery = Delivery(stage=stage, message=Document(json_value=told))
    yield Send(Context.INCIDENTS, incident, Deliver(delivery=delivery))


# Cancellation and groups.


def _cancel_one(simulation: Simulation, input: e.CancelSimulation) -> Iterator[Effect]:
    yield from _cancel(simulation, input.reason)
    yield from answer(input.reply_to, {"state": simulation.state})


def _cancel_where(
    was: Simulations | None, wanted: Callable[[Simulation], bool], reason: str
) -> Iterator[Effect]:
    for simulation in was.by_id.values() if was else ():
        if wanted(simulation):
            yield from _cancel(simulation, reason)


def _cancel(simulation: Simulation, reason: str) -> Iterator[Effect]:
    """Ours at once while it is ours alone; afterwards a wish until a witness confirms it."""
    if simulation.state.ended or simulation.cancelling:
        return
    if simulation.submitted:
        yield e.CancellationRequested(simulation=simulation.id, reason=reason)
        yield from _to_machine(simulation, CancelJob(token=simulation.token, reason=reason))
        return
    yield _by_ourselves(simulation, JobState.CANCELLED, reason)
    yield from _leave(simulation)


def _group(was: Simulations | None, input: e.GroupSimulations) -> Iterator[Effect]:
    for id in input.simulations:
        if _find(was, id).group is not None:
            raise Rejected(f"simulation {id} is in a group already")
    yield e.SimulationsGrouped(group=input.group, simulations=input.simulations)
    yield from answer(input.reply_to, {"group": str(input.group)})


# Small things.


def _by_ourselves(simulation: Simulation, state: JobState, reason: str) -> e.SimulationStateChanged:
    return e.SimulationStateChanged(
        simulation=simulation.id, state=state, witness=Witness.OURSELVES, reason=reason
    )


def _run_of(simulation: Simulation) -> UUID | None:
    return simulation.created_by.run if simulation.created_by else None


def _to_machine(simulation: Simulation, command: Command) -> Iterator[Effect]:
    if simulation.machine is not None:
        yield Send(Context.OPERATIONS, simulation.machine, command)


def _leave(simulation: Simulation) -> Iterator[Effect]:
    leave = LeaveMachine(simulation=simulation.id, state=simulation.state)
    yield Send(Context.MACHINES, FLEET, leave)
