"""Machines: who may say that one lets us in again, and what comes of it."""

from events.machines import FLEET, MachineAdded, MachineSeen, MachineSettings
from events.values import Context
from managers.machines import machine_manager
from projections import Pool
from tests.interfaces.gateway.site import ANNA, ROOT, managed, open_site
from tests.projections.tables import all_caught_up

LOGIN = "/api/v1/machines/m/login"


async def test_an_administrator_allows_another_login(pool: Pool) -> None:
    async with open_site(pool) as site:
        refused = MachineSeen(name="m", reachable=False, reason="no key will do", login_needed=True)
        added = MachineAdded(settings=MachineSettings(name="m", base_directory="/jobs"))
        await site.story.commit(Context.MACHINES, FLEET, added, refused)
        await all_caught_up(site.edge.reader, site.story)
        (machine,) = (await site.get("/api/v1/machines"))["items"]
        assert (machine["login_needed"], machine["reason"]) == (True, "no key will do")
        async with managed(site.story, machine_manager()):
            assert "administrators" in (await site.post(LOGIN, ANNA, 403))["detail"]
            await site.post(LOGIN.replace("/m/", "/none/"), ROOT, 404)
            assert not (await site.post(LOGIN, ROOT))["login_needed"]
