"""The example that the authors' API was designed with, from feed to forecast."""

import asyncio

from pydantic import BaseModel

from events.incidents import StageStopped
from events.jobs import JobState
from events.simulations import SimulationStateChanged
from events.values import Context
from interfaces.machines.simulated.fates import Fate
from workflows import Arrival, Incident, Reject, Workflow, minutes, seconds
from workflows.testing import Kit, rehearse

FIRMS_URL = "https://firms.example/fires.csv"


class FireParameters(BaseModel):
    """What a responder says."""

    area: str = "everywhere"


class FireState(BaseModel):
    """What is known."""

    passes: list[str] = []


class Sources(BaseModel):
    """What burns."""

    passes: list[str]


Fire = Incident[FireParameters, FireState]

wildfire = Workflow(
    "wildfire", version=1, title="Wildfire", parameters=FireParameters, state=FireState
)


@wildfire.on_activate
async def start(incident: Fire) -> None:
    await incident.endpoints.push("hotspots", to=hotspots)
    await incident.endpoints.pull(FIRMS_URL, every=minutes(5), to=hotspots, when_changed=True)


@wildfire.stage(lane="map", debounce=(seconds(10), minutes(2)))
async def hotspots(incident: Fire, arrivals: list[Arrival]) -> None:
    passes = await incident.step(parse, arrivals)
    incident.state.passes = [*incident.state.passes, *passes]
    incident.send(forecast, Sources(passes=incident.state.passes))


@wildfire.stage(lane="forecast", latest=True)
async def forecast(incident: Fire, sources: Sources) -> None:
    done = await incident.simulations.run(
        "fire-spread",
        inputs={"sources.json": sources},
        walltime=minutes(5),
        outputs=["arrival.tif", "map.png"],
    )
    name = f"forecast of {len(sources.passes)}"
    await incident.data.register(name, done.outputs["map.png"], simulation=done.simulation)


def parse(arrivals: list[Arrival]) -> list[str]:
    if not all(arrival.text() for arrival in arrivals):
        raise Reject("an empty pass")
    return [arrival.text() for arrival in arrivals]


@rehearse(
    wildfire,
    results={"fire-spread": {"arrival.tif": b"hours", "map.png": b"colours"}},
    fates={"fire-spread": Fate(wait=5, run=60)},
)
async def test_a_burst_is_one_forecast_and_a_newer_one_replaces_the_older(kit: Kit) -> None:
    incident = await kit.start()
    await kit.push(incident, "hotspots", "first", settle=False)
    await kit.push(incident, "hotspots", "second")
    assert [*await kit.data_sets(incident)] == ["forecast of 2"]
    await kit.push(incident, "hotspots", "third", settle=False)
    await asyncio.sleep(30)
    await kit.push(incident, "hotspots", "fourth")
    assert [*await kit.data_sets(incident)] == ["forecast of 2", "forecast of 4"]
    stopped = [one.event for one in await kit.events(incident, Context.INCIDENTS)]
    assert sum(isinstance(one, StageStopped) for one in stopped) == 1
    states = [one.event for one in await kit.events(incident, Context.SIMULATIONS)]
    ended = [one.state for one in states if isinstance(one, SimulationStateChanged)]
    assert [state for state in ended if state.ended] == [
        JobState.COMPLETED,
        JobState.CANCELLED,
        JobState.COMPLETED,
    ]
