"""Simulations, as stages ask for them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypedDict, TypeVar, Unpack
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, JsonValue

from events import simulations as e
from events.datasets import DataSet
from events.jobs import After, Dependency, JobOptions, JobState, Mail, token_of
from events.simulations import Resources, SimulationRequest, SimulationResult
from events.values import Blob, Context, Document, ReplyTo
from managers.blobs import keep_document, open_document
from workflows.asking import Asking
from workflows.errors import SimulationFailed
from workflows.own import own_name

P = TypeVar("P", bound=BaseModel)
S = TypeVar("S", bound=BaseModel)

if TYPE_CHECKING:
    from workflows.workflow import Stage

Input = bytes | str | BaseModel | Path | Blob | DataSet
"""What a job can read: bytes, text, a model as JSON, a file of ours, or what is stored already."""


class Simulation(BaseModel):
    """A simulation that was created, and the machine that was chosen for it."""

    model_config = ConfigDict(frozen=True)

    simulation: UUID
    machine: str


class SimulationCallback(BaseModel):
    """The message that a stage gets when a simulation reaches a state it was to be called for.

    It gets another one for the same state when the job is `stuck` in it, or is so no more, and of
    an array whenever one of its `instances` has got on.
    """

    simulation: SimulationResult
    context: Document


class Needs(TypedDict, total=False):
    """What a simulation may need besides its walltime; for more, see `JobOptions`."""

    instances: int
    """How often its line is run, as one array of jobs, each with what follows; each finds its
    number, from 0, in `VESTEC_INSTANCE`."""
    nodes: int
    tasks: int
    cpus_per_task: int
    memory_mib: int
    """Of each node."""
    gpus: int
    """Of each node."""
    exclusive: bool
    constraint: str
    queue: str
    account: str
    qos: str
    reservation: str
    template: str
    """A directory on its machine, below the machine's templates, of which its folder is a copy
    before its inputs are put there."""
    after: Mapping["Simulation", After]
    """Others on the same machine, and what has to become of them first."""
    hold: bool
    mail: Mail
    native: Sequence[str]
    modules: Sequence[str]
    prologue: str
    launcher: str
    warning: timedelta
    """How long before the end of its walltime it gets TERM."""
    machine: str
    """Where it must run."""
    environment: Mapping[str, str]
    comment: str


class Simulations(Asking, Generic[P, S]):
    """Create, submit, group and cancel simulations; `run` does all of it and waits."""

    _context = Context.SIMULATIONS

    async def run(
        self,
        kind: str,
        executable: str | None = None,
        *,
        inputs: Mapping[str, Input] | None = None,
        outputs: Sequence[str] = (),
        walltime: timedelta,
        attempts: int = 2,
        **more: Unpack[Needs],
    ) -> SimulationResult:
        """Create, submit and wait; the result names the outputs in the blob store.

        A job of which nobody on its machine knows the end is `LOST`. It is cancelled, so that it
        does not start should it come back, and another simulation is run in its stead, `attempts`
        in all, unless somebody else had wished its end. Raises `SimulationFailed` for every other
        end, and when an output is missing. `more` is as for `create`.

        The program of one simulation is started at most once; those of two are not kept apart while
        the machine of a lost one cannot be told to cancel it.
        """
        request = await self._requested(kind, executable, inputs, outputs, walltime, more)
        while True:
            created, simulation = await self._create(request)
            submitted = await self._submit(simulation, {}, Document())
            waited, result = await self._wait(simulation)
            if result.state == JobState.COMPLETED and not result.missing:
                return result
            lost = result.state == JobState.LOST
            if lost:
                await self.cancel(simulation, "it is lost: should it come back, it is not wanted")
            attempts -= 1
            if not lost or result.unwanted or attempts < 1:
                raise SimulationFailed(kind, result, (created, submitted, waited))

    async def create(
        self,
        kind: str,
        executable: str | None = None,
        *,
        inputs: Mapping[str, Input] | None = None,
        outputs: Sequence[str] = (),
        walltime: timedelta,
        **more: Unpack[Needs],
    ) -> Simulation:
        """A simulation on the machine that was chosen for it, not submitted yet.

        `executable` is a line for `/bin/sh`, run in the job's folder with the inputs in it; without
        one it is the program that the machine knows as `kind`. `more`: see `Needs`.
        """
        request = await self._requested(kind, executable, inputs, outputs, walltime, more)
        return (await self._create(request))[1]

    async def submit(
        self,
        simulation: Simulation,
        on: "Mapping[JobState, Stage[P, S, SimulationCallback]] | None" = None,
        context: JsonValue = None,
    ) -> None:
        """Submit it; each state in `on` gives its stage a message with the context."""
        callbacks = {state: own_name(stage, self._kind) for state, stage in (on or {}).items()}
        kept = await keep_document(self._talk.blobs, context, "the context of a simulation")
        await self._submit(simulation, callbacks, kept)

    async def wait(self, simulation: Simulation) -> SimulationResult:
        """What came of a submitted simulation when it is over, whatever it was."""
        return (await self._wait(simulation))[1]

    async def cancel(self, simulation: Simulation, reason: str = "") -> None:
        """Wish its end."""

        def command(reply_to: ReplyTo) -> e.CancelSimulation:
            return e.CancelSimulation(
                simulation=simulation.simulation, reason=reason, reply_to=reply_to
            )

        await self._ask("simulations.cancel", command, simulation.simulation)

    async def group(self, simulations: Sequence[Simulation]) -> UUID:
        """The first completion among them counts, the others are cancelled then."""
        ids = tuple(simulation.simulation for simulation in simulations)
        group = uuid5(self._talk.run.id, f"group {ids}")

        def command(reply_to: ReplyTo) -> e.GroupSimulations:
            return e.GroupSimulations(group=group, simulations=ids, reply_to=reply_to)

        await self._ask("simulations.group", command, ids)
        return group

    async def context(self, callback: SimulationCallback) -> JsonValue:
        """The context that was given when the simulation was submitted."""
        return await open_document(self._talk.blobs, callback.context)

    async def _requested(
        self,
        kind: str,
        executable: str | None,
        inputs: Mapping[str, Input] | None,
        outputs: Sequence[str],
        walltime: timedelta,
        more: Needs,
    ) -> SimulationRequest:
        if unknown := more.keys() - Needs.__annotations__.keys():
            raise TypeError(f"a simulation has no {', '.join(sorted(unknown))}")
        needs = {name: value for name, value in more.items() if name in Resources.model_fields}
        options = {name: value for name, value in more.items() if name in JobOptions.model_fields}
        rest = {k: value for k, value in more.items() if k not in needs and k not in options}
        if after := more.get("after"):
            options["after"] = [
                Dependency(token=token_of(other.simulation), on=on) for other, on in after.items()
            ]
        if warning := more.get("warning"):
            options["warning"] = int(warning.total_seconds())
        return SimulationRequest.model_validate(
            {
                "kind": kind,
                "executable": kind if executable is None else executable,
                "resources": {"walltime": int(walltime.total_seconds()), **needs},
                "options": options,
                "inputs": {
                    name: await self.stored(given) for name, given in (inputs or {}).items()
                },
                "outputs": tuple(outputs),
                **rest,
            }
        )

    async def _create(self, request: SimulationRequest) -> tuple[str, Simulation]:
        """Asked again it is the same simulation, unless that one was part of a failure."""
        run = self._talk.run

        def command(reply_to: ReplyTo) -> e.CreateSimulation:
            before = run.forgotten.get(reply_to.call, 0)
            return e.CreateSimulation(
                simulation=uuid5(run.id, f"{reply_to.call} {before}"),
                incident=self._incident,
                request=request,
                exercise=self._exercise,
                reply_to=reply_to,
            )

        # What a later version lets stages say besides makes it no other call.
        said = request.model_dump(mode="json", exclude_defaults=True)
        key, placed = await self._ask("simulations.create", command, said)
        return key, Simulation.model_validate(placed)

    async def _submit(
        self, simulation: Simulation, callbacks: Mapping[JobState, str], context: Document
    ) -> str:
        def command(reply_to: ReplyTo) -> e.SubmitSimulation:
            return e.SubmitSimulation(
                simulation=simulation.simulation,
                callbacks=dict(callbacks),
                context=context,
                reply_to=reply_to,
            )

        return (await self._ask("simulations.submit", command, simulation.simulation))[0]

    async def _wait(self, simulation: Simulation) -> tuple[str, SimulationResult]:
        def command(reply_to: ReplyTo) -> e.AwaitSimulation:
            return e.AwaitSimulation(simulation=simulation.simulation, reply_to=reply_to)

        key, value = await self._ask("simulations.wait", command, simulation.simulation)
        return key, SimulationResult.model_validate(value)

    async def stored(self, given: Input) -> Blob:
        """What a job can read, in the blob store."""
        match given:
            case Blob():
                return given
            case DataSet():
                return given.blob
            case BaseModel():
                data = given.model_dump_json().encode()
            case Path():
                data = given.read_bytes()
            case str():
                data = given.encode()
            case bytes():
                data = given
        return await self._talk.working(self._talk.blobs.put(data))
