"""Simulations of one incident."""

from typing import Any
from uuid import UUID

from events import simulations as e
from events.incidents import AnswerCall, Deliver
from events.jobs import JobId, JobReport, JobState, Token, Witness, token_of
from events.simulations import Resources, SimulationRequest
from events.values import Blob, Document, IncidentId, ReplyTo
from managers.runtime import Send
from managers.simulations import Simulation, Simulations, simulation_manager
from tests.managers.scenario import Scenario, scenario

ID = IncidentId("i-1")
RUN = UUID(int=77)
ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)
MAP = Blob.of(b"a map")
MANAGER = simulation_manager()


def reply(call: str) -> ReplyTo:
    return ReplyTo(incident=ID, run=RUN, call=call)


def create(id: UUID = ONE, *outputs: str, **more: Any) -> e.CreateSimulation:
    request = SimulationRequest(
        kind="fire", executable="fire", resources=Resources(walltime=60), outputs=outputs
    )
    return e.CreateSimulation(
        simulation=id, incident=ID, request=request, reply_to=reply(f"create {id.int}"), **more
    )


def place(id: UUID = ONE, machine: str = "local") -> e.PlaceSimulation:
    return e.PlaceSimulation(simulation=id, machine=machine, explanation="the only one")


def submit(id: UUID = ONE, *states: JobState) -> e.SubmitSimulation:
    """With stage `on_<state>` called back on each state."""
    callbacks = {state: f"on_{state.lower()}" for state in states}
    return e.SubmitSimulation(
        simulation=id,
        callbacks=callbacks,
        context=Document(json_value="mine"),
        reply_to=reply("submit"),
    )


def wait(id: UUID = ONE) -> e.AwaitSimulation:
    return e.AwaitSimulation(simulation=id, reply_to=reply(f"wait {id.int}"))


def report(state: JobState, id: UUID = ONE, attempt: int = 1, **more: Any) -> e.ReportJob:
    said = JobReport(
        token=token_of(id), state=state, witness=Witness.STATUS_FILE, attempt=attempt,
        job_id=JobId("17"), **more,
    )  # fmt: skip
    return e.ReportJob(simulation=id, report=said)


def keep(id: UUID = ONE, *missing: str) -> e.KeepOutputs:
    return e.KeepOutputs(simulation=id, outputs={"map": MAP}, missing=missing)


def submitted(*ids: UUID, on: tuple[JobState, ...] = (), outputs: tuple[str, ...] = ()) -> "Site":
    of = scenario(MANAGER)
    for id in ids:
        of.when(create(id, *outputs)).when(place(id)).when(submit(id, *on))
    return of


Site = Scenario[Simulations]


def one(of: Site, id: UUID = ONE) -> Simulation:
    assert of.state is not None
    return of.state.by_id[id]


def answers(of: Site) -> list[AnswerCall]:
    commands = [effect.command for effect in of.effects if isinstance(effect, Send)]
    return [command for command in commands if isinstance(command, AnswerCall)]


def called_back(of: Site) -> list[str]:
    commands = [effect.command for effect in of.effects if isinstance(effect, Send)]
    return [command.delivery.stage for command in commands if isinstance(command, Deliver)]


def token(id: UUID = ONE) -> Token:
    return token_of(id)
