"""The drill, each stage of it killed at every reply, also of `gather`, on a clock that jumps."""

import json

from events.incidents import IncidentStatus
from events.simulations import SimulationCreated
from events.values import Context
from tests.chaos.drill import drill
from workflows.testing import Kit, rehearse


@rehearse(drill, results={"square": {"square.txt": b"a square"}})
async def test_stages_are_killed_at_every_reply(kit: Kit) -> None:
    incident = await kit.start({"witness": "/nowhere"})
    await kit.push(incident, "readings", "1 2", settle=False)
    await kit.push(incident, "readings", "3", settle=False)
    await kit.push(incident, "readings", "4 5")
    await kit.push(incident, "finish", "5")
    assert (await kit.incident(incident)).status == IncidentStatus.COMPLETE
    events = await kit.events(incident, Context.SIMULATIONS)
    created = [e.event.request.kind for e in events if isinstance(e.event, SimulationCreated)]
    assert sorted(created) == ["idle", *["square"] * 5]
    counted = (await kit.data_sets(incident))["counted.json"]
    once = {str(number): 1 for number in range(1, 6)}
    assert json.loads(await kit.blobs.get(counted.blob)) == {"asked": once, "delivered": once}
    assert (await kit.notes(incident)).count("cleaned up") == 1
