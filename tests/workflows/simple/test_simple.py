"""The simple workflow, rehearsed."""

from events.incidents import IncidentStatus
from workflows.simple import simple
from workflows.testing import Kit, rehearse


@rehearse(simple)
async def test_what_arrives_becomes_a_data_set(kit: Kit) -> None:
    incident = await kit.start()
    await kit.push(incident, "data", b"first")
    await kit.push(incident, "data", b"second")
    data_sets = await kit.data_sets(incident)
    assert {name: await kit.blobs.get(d.blob) for name, d in data_sets.items()} == {
        "data-1": b"first",
        "data-2": b"second",
    }


@rehearse(simple)
async def test_finish_completes_the_incident(kit: Kit) -> None:
    incident = await kit.start()
    await kit.push(incident, "finish", "all is well")
    assert (await kit.incident(incident)).status == IncidentStatus.COMPLETE
