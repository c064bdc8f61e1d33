"""Simulations, data sets with their bytes, machines."""

from uuid import UUID, uuid4

from events.datasets import DataSet, DataSetRegistered, DataSetSuperseded
from events.incidents import IncidentCreated
from events.machines import FLEET, MachineAdded, MachineEnabled, MachineSettings
from events.simulations import (
    OutputsKept,
    Resources,
    SimulationCreated,
    SimulationPlaced,
    SimulationRequest,
)
from events.values import Blob, Context, IncidentId
from projections import Pool
from tests.interfaces.gateway.site import ANNA, BERT, Site, open_site
from tests.projections.tables import all_caught_up

DATA = bytes(range(256)) * 10
FIRE = IncidentId("00000000-0000-4000-8000-000000000001")


async def given(site: Site) -> None:
    created = IncidentCreated(
        incident=FIRE,
        kind="plain",
        workflow_version=1,
        name="A fire",
        parameters={},
        exercise=False,
        owner=str(ANNA),
    )
    await site.story.commit(Context.INCIDENTS, FIRE, created)


async def registered(site: Site, name: str = "map.tif", media_type: str = "image/tiff") -> UUID:
    blob = await site.edge.blobs.put(DATA)
    made = DataSet(id=uuid4(), name=name, media_type=media_type, type="2D_FIRE", blob=blob)
    await site.story.commit(Context.DATASETS, FIRE, DataSetRegistered(incident=FIRE, data_set=made))
    return made.id


async def test_valid_data_sets_come_first_and_newest_first(pool: Pool) -> None:
    async with open_site(pool) as site:
        await given(site)
        oldest, old, new = [await registered(site, name) for name in "abc"]
        superseded = DataSetSuperseded(data_set=old, by=new)
        await site.story.commit(Context.DATASETS, FIRE, superseded)
        await all_caught_up(site.edge.reader, site.story)
        found = (await site.get(f"/api/v1/incidents/{FIRE}/data-sets"))["items"]
        assert [UUID(row["id"]) for row in found] == [new, oldest, old]
        assert [row["superseded_by"] for row in found] == [None, None, str(new)]


RANGES = {
    None: (200, slice(None)),
    "bytes=0-99": (206, slice(0, 100)),
    "bytes=2550-": (206, slice(2550, None)),
    "bytes=-10": (206, slice(2550, None)),
    "bytes=2000-99999": (206, slice(2000, None)),
    "bytes=0-1,5-6": (200, slice(None)),
    "lines=1-2": (200, slice(None)),
}


async def test_content_is_streamed_in_ranges(pool: Pool) -> None:
    async with open_site(pool) as site:
        await given(site)
        path = f"/api/v1/data-sets/{await registered(site)}/content"
        await all_caught_up(site.edge.reader, site.story)
        for wanted, (status, part) in RANGES.items():
            headers = site.as_user() | ({"Range": wanted} if wanted else {})
            async with site.client.get(path, headers=headers) as response:
                assert (response.status, await response.read()) == (status, DATA[part]), wanted
                if status == 206:
                    start, end, _ = part.indices(len(DATA))
                    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/2560"


async def test_content_has_an_entity_tag_and_a_name(pool: Pool) -> None:
    async with open_site(pool) as site:
        await given(site)
        id = await registered(site, 'Karte "ä"\n.html', "text/html\nX-Evil: 1")
        await all_caught_up(site.edge.reader, site.story)
        path, tag = f"/api/v1/data-sets/{id}/content", f'"{Blob.of(DATA).sha256}"'
        async with site.client.head(path, headers=site.as_user()) as response:
            assert response.headers["ETag"] == tag
            assert response.headers["Content-Length"] == "2560"
            assert response.headers["Content-Type"] == "application/octet-stream"
            assert response.headers["Content-Disposition"] == (
                "attachment; filename*=UTF-8''Karte%20%22%C3%A4%22%0A.html"
            )
        known = site.as_user() | {"If-None-Match": tag}
        async with site.client.get(path, headers=known) as response:
            assert (response.status, await response.read()) == (304, b"")
        other = site.as_user() | {"Range": "bytes=0-1", "If-Range": '"another"'}
        async with site.client.get(path, headers=other) as response:
            assert (response.status, await response.read()) == (200, DATA)


async def test_what_cannot_be_read_is_a_problem(pool: Pool) -> None:
    async with open_site(pool) as site:
        await given(site)
        id = await registered(site)
        missing = DataSet(id=uuid4(), name="gone", blob=Blob.of(b"never stored"))
        lost = DataSetRegistered(incident=FIRE, data_set=missing)
        await site.story.commit(Context.DATASETS, FIRE, lost)
        await all_caught_up(site.edge.reader, site.story)
        path = f"/api/v1/data-sets/{id}/content"
        nothing = site.as_user() | {"Range": "bytes=-0"}
        async with site.client.get(path, headers=nothing) as response:
            assert response.status == 416
        beyond = {"Range": "bytes=2560-"}
        await site.get(path, status=416, headers=beyond)
        await site.get(path, BERT, status=404)
        await site.get(f"/api/v1/data-sets/{uuid4()}/content", status=404)
        await site.get("/api/v1/data-sets/map/content", status=404)
        gone = await site.get(f"/api/v1/data-sets/{missing.id}/content", status=500)
        assert "blob store" in gone["detail"]


async def test_simulations_and_machines_are_listed(pool: Pool) -> None:
    async with open_site(pool) as site:
        await given(site)
        simulation = uuid4()
        request = SimulationRequest(
            kind="fire-spread", executable="run", resources=Resources(walltime=300)
        )
        created = SimulationCreated(
            simulation=simulation, incident=FIRE, request=request, exercise=True, reply_to=None
        )
        placed = SimulationPlaced(simulation=simulation, machine="m", explanation="the only one")
        kept = OutputsKept(
            simulation=simulation, outputs={"a.tif": Blob.of(b"a")}, missing=("b.tif",)
        )
        await site.story.commit(Context.SIMULATIONS, FIRE, created, placed, kept)
        settings = MachineSettings(name="m", base_directory="/jobs")
        await site.story.commit(
            Context.MACHINES, FLEET, MachineAdded(settings=settings), MachineEnabled(name="m")
        )
        await all_caught_up(site.edge.reader, site.story)
        (found,) = (await site.get(f"/api/v1/incidents/{FIRE}/simulations"))["items"]
        assert (found["kind"], found["machine"], found["walltime"]) == ("fire-spread", "m", 300)
        assert (found["outputs"]["a.tif"]["size"], found["missing"]) == (1, ["b.tif"])
        (machine,) = (await site.get("/api/v1/machines"))["items"]
        assert (machine["name"], machine["enabled"], machine["reachable"]) == ("m", True, None)
