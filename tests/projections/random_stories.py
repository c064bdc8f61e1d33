"""Logs that tell random stories of several incidents, with writers deposed now and then."""

from collections.abc import Awaitable, Callable
from random import Random
from uuid import UUID

from events import endpoints, incidents, machines, operations, simulations, users
from events.datasets import DataSet, DataSetRegistered, DataSetSuperseded
from events.endpoints import Endpoint
from events.incidents import Ending, IncidentStatus
from events.jobs import JobState, Token, Witness
from events.machines import MachineSettings
from events.values import Blob, Content, Context, Event, IncidentId, Note
from tests.projections.story import Story

KEYS = ("one", "two", "three")


class Teller:
    """Adds one random step after the other to a story."""

    def __init__(self, story: Story, chance: Random) -> None:
        self.story, self.chance = story, chance
        self.runs: dict[str, list[UUID]] = {}
        self.sims: dict[str, list[UUID]] = {}
        self.sets: dict[str, list[UUID]] = {}
        self.steps: list[Callable[[str], Awaitable[None]]] = [
            self.message,
            self.start,
            self.end_run,
            self.end_all,
            self.simulation,
            self.job,
            self.data_set,
            self.endpoint,
            self.machine,
            self.aside,
            self.refusal,
            self.ghost,
        ]

    async def tell(self, steps: int) -> None:
        for key in KEYS:
            await self.story.commit(Context.INCIDENTS, key, _created(key), command=0)
            await self.story.commit(Context.INCIDENTS, key, incidents.IncidentActivated())
        for _ in range(steps):
            await self.chance.choice(self.steps)(self.chance.choice(KEYS))
        ending = Ending(outcome=IncidentStatus.COMPLETE, reason="all told")
        await self.story.commit(
            Context.INCIDENTS,
            "one",
            incidents.IncidentEnding(ending=ending),
            incidents.IncidentEnded(ending=ending),
        )

    async def message(self, key: str) -> None:
        run, known = self.story.id(), self.runs.setdefault(key, [])
        sender = self.chance.choice(known) if known else None
        known.append(run)
        await self._of_incident(
            key, incidents.MessageQueued(message=run, stage=f"s{len(known) % 3}", sender=sender)
        )

    async def start(self, key: str) -> None:
        if self.runs.get(key):
            run = self.chance.choice(self.runs[key])
            await self._of_incident(key, incidents.StageStarted(run=run, attempt=1, at=0.0))

    async def end_run(self, key: str) -> None:
        if not self.runs.get(key):
            return
        run = self.chance.choice(self.runs[key])
        await self._of_incident(
            key,
            self.chance.choice(
                [
                    incidents.StageCompleted(run=run),
                    incidents.StageFailed(run=run, error="it\0broke"),
                    incidents.StageRetried(run=run),
                    incidents.StageStopped(run=run, reason="superseded"),
                ]
            ),
        )

    async def end_all(self, key: str) -> None:
        if len(self.runs.get(key, ())) > 3:
            ending, last = Ending(outcome=IncidentStatus.CANCELLED), self.story.id()
            await self._of_incident(
                key,
                incidents.IncidentEnding(ending=ending, stopped=2, dropped=1),
                incidents.MessageQueued(message=last, stage="clean"),
                incidents.StageStarted(run=last, attempt=1, at=0.0),
            )

    async def simulation(self, key: str) -> None:
        id = self.story.id()
        self.sims.setdefault(key, []).append(id)
        request = simulations.SimulationRequest(
            kind="fire", executable="true", resources=simulations.Resources(walltime=60)
        )
        await self.story.commit(
            Context.SIMULATIONS,
            key,
            simulations.SimulationCreated(
                simulation=id,
                incident=IncidentId(key),
                request=request,
                exercise=False,
                reply_to=None,
            ),
        )

    async def job(self, key: str) -> None:
        if self.sims.get(key):
            id, state = self.chance.choice(self.sims[key]), self.chance.choice(list(JobState))
            await self.story.commit(
                Context.SIMULATIONS,
                key,
                simulations.SimulationStateChanged(
                    simulation=id,
                    state=state,
                    witness=Witness.QUEUE,
                    started=1e300,
                    exit_code=10**25,
                ),
            )

    async def data_set(self, key: str) -> None:
        id, known = self.story.id(), self.sets.setdefault(key, [])
        data_set = DataSet(id=id, name="map", blob=Blob(sha256="0" * 64, size=1))
        events: list[Event] = [DataSetRegistered(incident=IncidentId(key), data_set=data_set)]
        if known:
            events.append(DataSetSuperseded(data_set=known[-1], by=id))
        known.append(id)
        await self.story.commit(Context.DATASETS, key, *events)

    async def endpoint(self, key: str) -> None:
        opened = Endpoint(incident=IncidentId(key), name="hot", stage="s", path=f"hot{key}")
        arrival = incidents.Arrival(
            id=self.story.id(), endpoint="hot", received=0.0, content=Content(size=0), source="test"
        )
        event = self.chance.choice(
            [
                endpoints.EndpointOpened(endpoint=opened),
                endpoints.EndpointClosed(name="hot"),
                endpoints.DataArrived(arrival=arrival),
                endpoints.PullFailed(name="hot", reason="away"),
            ]
        )
        await self.story.commit(Context.ENDPOINTS, key, event)

    async def machine(self, key: str) -> None:
        settings, id = MachineSettings(name="m", base_directory="/m"), self.story.id()
        event = self.chance.choice(
            [
                machines.MachineAdded(settings=settings),
                machines.MachineEnabled(name="m"),
                machines.MachineSeen(name="m", reachable=False, reason="no route"),
                machines.TroubleSeen(name="m", reason=self.chance.choice(["full\0", ""])),
                machines.MachineChosen(
                    simulation=id, incident=IncidentId(key), name="m", explanation="the only one"
                ),
                machines.NoMachineFound(simulation=id, incident=IncidentId(key), reason="none"),
            ]
        )
        await self.story.commit(Context.MACHINES, machines.FLEET, event)

    async def aside(self, key: str) -> None:
        await self._of_incident(key, incidents.Noted(note=Note(text="look")))
        doubted = operations.SubmissionDoubted(token=Token("t"), reason="?")
        await self.story.commit(Context.OPERATIONS, "m", doubted, incident=key)
        added = users.UserAdded(user=self.story.id(), login="0" * 64, administrator=False)
        await self.story.commit(Context.USERS, users.EVERYONE, added)

    async def refusal(self, key: str) -> None:
        await self.story.commit(Context.INCIDENTS, key, refused="no\0", command=1)

    async def ghost(self, key: str) -> None:
        await self.story.ghost(Context.INCIDENTS, key, incidents.IncidentArchived())

    async def _of_incident(self, key: str, *events: Event) -> None:
        await self.story.commit(Context.INCIDENTS, key, *events)


def _created(key: str) -> incidents.IncidentCreated:
    return incidents.IncidentCreated(
        incident=IncidentId(key),
        kind="simple",
        workflow_version=1,
        name=f"incident\0{key}",
        parameters={"text": "\\u0000 and \0"},
        exercise=True,
        owner="somebody",
    )
