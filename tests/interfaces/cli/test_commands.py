"""All commands, on a system that runs."""

import asyncio
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.embedded import EmbeddedServer
from deploy.settings import Settings
from deploy.storage import open_storage
from events.simulations import CreateSimulation, Resources, SimulationRequest, SubmitSimulation
from events.values import Command, Context, IncidentId
from interfaces.issuing import Write, issue
from projections.catalogue import PROJECTIONS
from tests.interfaces.cli.vestec import (
    COMMAND,
    Up,
    as_json,
    complaint,
    eventually,
    lines,
    up,
    vestec,
)
from tests.room import short_folder


@pytest.fixture(scope="module")
def running() -> Iterator[Up]:
    """One system for all tests here."""
    with short_folder() as parent, up(parent / "data") as system:
        yield system


@pytest.fixture
def here(running: Up, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the running system, for every command of a test."""
    monkeypatch.setenv("VESTEC_DATA", str(running.folder))
    return running.folder


def _active(name: str) -> str:
    """The id of an incident that takes data."""
    made = as_json("incidents", "create", "simple", name, "--exercise")
    assert (made["status"], made["exercise"], made["name"]) == ("PENDING", True, name)
    assert as_json("incidents", "activate", made["id"])["status"] == "ACTIVE"
    eventually(lambda: len(as_json("incidents", "show", made["id"])["endpoints"]) == 2)
    return str(made["id"])


def test_the_life_of_an_incident(here: Path, tmp_path: Path) -> None:
    id = _active("a life")
    assert as_json("incidents", "urgency", id, "urgent")["urgency"] == "urgent"
    file = tmp_path / "pass.csv"
    file.write_text("a,b\n1,2\n")
    sent = as_json("incidents", "push", id, "data", file)
    assert (sent["known"], sent["size"]) == (True, 8)
    vestec("incidents", "push", id[:13], "data", "-", stdin=b"x" * 100_000)
    eventually(lambda: len(as_json("data", "list", id)) == 2)
    found = as_json("data", "list", id)
    assert [(one["size"], one["media_type"]) for one in found] == [
        (100_000, "application/octet-stream"),
        (8, "text/csv"),
    ]
    vestec("data", "get", found[1]["id"], "-o", tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_text() == "a,b\n1,2\n"
    assert vestec("data", "get", found[1]["id"], "-o", "-") == "a,b\n1,2\n"
    assert complaint("incidents", "archive", id).startswith("Refused: ")
    over = as_json("incidents", "cancel", id, "--reason", "rain")
    assert (over["status"], over["reason"]) == ("CANCELLED", "rain")
    assert as_json("incidents", "archive", id)["status"] == "ARCHIVED"
    (row,) = [row for row in as_json("incidents", "list") if row["id"] == id]
    assert row["status"] == "ARCHIVED"


def test_what_a_manager_refuses_is_told_with_its_reason(here: Path) -> None:
    assert "known are: simple" in complaint("incidents", "create", "flood", "x")
    id = _active("refusals")
    assert "ACTIVE already" in complaint("incidents", "activate", id)
    assert complaint("incidents", "retry", id).startswith("Refused: ")
    assert "open are: data, finish" in complaint("incidents", "push", id, "dta", "-", stdin="x")
    assert "empty" in complaint("incidents", "push", id, "data", "-", stdin="")
    assert "no incident zzz" in complaint("incidents", "show", "zzz")
    assert "no incident" in complaint("incidents", "show", str(uuid4()))
    assert "No such file" in complaint("incidents", "push", id, "data", "/nowhere")


def test_an_id_that_begins_several_is_not_guessed(here: Path) -> None:
    ids = {_active(f"twin {n}")[:1] for n in range(2)}
    several = "" if len(ids) == 2 else ids.pop()
    assert "Several incidents begin with" in complaint("incidents", "show", several)


def test_graph_and_log_of_an_incident(here: Path) -> None:
    id = _active("drawn")
    drawn = as_json("incidents", "graph", id)
    assert "start" in [node["name"] for node in drawn["nodes"]]
    assert "\tactivateIncident -> start;" in vestec("incidents", "graph", id, "--dot")
    assert "activateIncident -> start" in vestec("incidents", "graph", id)
    complaint("incidents", "activate", id)
    eventually(lambda: "was refused" in vestec("incidents", "log", id))


def test_machines(here: Path, tmp_path: Path) -> None:
    given = ("--base-directory", tmp_path / "jobs", "--slots", 3, "--environment", "A=b=c")
    made = as_json("machines", "add", "one", *given)
    assert (made["enabled"], made["settings"]["environment"]) == (False, {"A": "b=c"})
    assert "other settings already" in complaint("machines", "add", "one", *given, "--nodes", 2)
    assert as_json("machines", "enable", "one")["enabled"]
    assert "one\tlocal/processes\tyes" in vestec("machines", "list")
    assert not as_json("machines", "disable", "one")["enabled"]
    assert as_json("machines", "show", "one")["settings"]["slots"] == 3
    assert "there are: " in complaint("machines", "show", "two")
    assert "no machine two" in complaint("machines", "enable", "two")
    policy = tmp_path / "policy.json"
    policy.write_text('{"critical": [{"name": "express", "qos": "express"}]}')
    edit = ("machines", "edit", "one", "--environment", "A=null", "--environment", "B=1")
    changed = as_json(*edit, "--nodes", 2, "--policy", policy)["settings"]
    assert (changed["environment"], changed["nodes"], changed["slots"]) == ({"B": "1"}, 2, 3)
    assert changed["policy"]["critical"][0]["qos"] == "express"
    limited = as_json("machines", "edit", "one", "--limit", "commands=30", "--limit", "ask_least=9")
    assert limited["settings"]["limits"]["commands"] == 30
    limited = as_json("machines", "edit", "one", "--limit", "commands=null")["settings"]["limits"]
    assert (limited["commands"], limited["ask_least"]) == (None, 9)
    assert "limits.commands" in complaint("machines", "edit", "one", "--limit", "commands=0")
    assert "no limit command; there are: commands" in complaint(
        "machines", "edit", "one", "--limit", "command=1"
    )
    lasting = as_json("machines", "edit", "one", "--folder", "keep=30", "--folder", "purge=60")
    assert lasting["settings"]["folders"] == {"keep": 30, "purge": 60}
    assert "folders.keep" in complaint("machines", "edit", "one", "--folder", "keep=0")
    assert "there are: keep, purge" in complaint("machines", "edit", "one", "--folder", "kept=1")
    assert "no dialect 'none'" in complaint("machines", "edit", "one", "--dialect", "none")
    assert not as_json("machines", "drain", "one")["enabled"]
    assert "one is removed" in vestec("machines", "remove", "one")
    assert "no machine one" in complaint("machines", "show", "one")
    bad = complaint("machines", "add", "no good", "--base-directory", "x")
    assert "name" in bad
    far = ("--base-directory", "/scratch/ada", "--connection", "ssh", "--access")
    bad = complaint("machines", "add", "far", *far, "user=ada")
    assert "machine far: access: host: Field required" in bad
    hosts = ('host=["login1", "login2:2222"]', "--access", "sessions=4")
    made = as_json("machines", "add", "far", *far, *hosts)
    assert made["settings"]["access"] == {"host": ["login1", "login2:2222"], "sessions": 4}


def test_users_and_what_the_gateway_makes_of_them(running: Up, here: Path) -> None:
    def login(password: str) -> int:
        body = json.dumps({"username": "Anna", "password": password}).encode()
        request = urllib.request.Request(f"{running.announced['url']}/api/v1/login", body)
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    made = as_json("users", "add", "anna", "--administrator", "--password-stdin", stdin="pw 1\n")
    assert (made["administrator"], made["enabled"], made["known"]) == (True, True, True)
    assert login("pw 1") == 200
    said = complaint("users", "add", "ANNA", "--password-stdin", stdin="x")
    assert "There is a user ANNA already" in said
    assert "has another password" in vestec(
        "users", "password", "anna", "--password-stdin", stdin="pw 2"
    )
    assert (login("pw 1"), login("pw 2")) == (401, 200)
    vestec("users", "disable", "anna")
    assert login("pw 2") == 401
    vestec("users", "enable", "anna")
    assert login("pw 2") == 200
    assert "characters" in complaint("users", "add", "bert", "--password-stdin", stdin="\n")
    assert "--password-stdin" in complaint("users", "add", "bert")
    assert "no user bert" in complaint("users", "disable", "bert")
    assert [row["username"] for row in as_json("users", "list")] == ["anna"]
    everything = "".join(vestec("log", "show", "users", "--json"))
    assert "UserAdded" in everything
    assert "anna" not in everything
    assert "argon2" not in everything


async def _issue(folder: Path, incident: str, command: Command) -> None:
    """Send what otherwise a stage sends."""
    async with open_storage(Settings(data=folder)) as storage:
        wanted = Write(uuid4(), Context.SIMULATIONS, incident, command)
        await issue(storage.log, storage.clock, wanted, "test")


def test_simulations(here: Path) -> None:
    incident, id = _active("simulated"), uuid4()
    where = ("--base-directory", here / "rehearsal")
    lasting = ("--folder", "keep=30", "--folder", "purge=60")
    vestec("machines", "add", "rehearsal", *where, *lasting, "--test-mode", "--enable")
    request = SimulationRequest(
        kind="fire-spread", executable="true", resources=Resources(walltime=3600, instances=2)
    )
    create = CreateSimulation(simulation=id, incident=IncidentId(incident), request=request)
    asyncio.run(_issue(here, incident, create))
    eventually(lambda: "rehearsal" in vestec("simulations", "list", incident))
    asyncio.run(_issue(here, incident, SubmitSimulation(simulation=id)))
    eventually(lambda: as_json("simulations", "show", id)["job_id"])
    assert [row["id"] for row in as_json("simulations", "list")] == [str(id)]
    assert as_json("simulations", "refresh", str(id)[:8])["id"] == str(id)
    assert "does not wait for somebody" in complaint("simulations", "retry", id)
    assert as_json("simulations", "cancel", id, "--reason", "wrong wind")["reason"] == "wrong wind"
    eventually(lambda: as_json("simulations", "show", id)["state"] == "CANCELLED")
    assert sum(as_json("simulations", "show", id)["instances"].values()) == 2
    assert "CANCELLED=" in vestec("simulations", "show", id)
    eventually(lambda: as_json("simulations", "show", id)["folder_kept_until"])
    shown, machine = as_json("simulations", "show", id), as_json("machines", "show", "rehearsal")
    assert shown["folder_kept_until"] < shown["folder_purged_from"]
    assert [machine[date] for date in ("folder_kept_until", "folder_purged_from")] == [
        shown[date] for date in ("folder_kept_until", "folder_purged_from")
    ]
    done = as_json("machines", "audit", "rehearsal")
    assert [line["command"] for line in done] == [
        "configure",
        "submit",
        "submit",
        "cancel",
        "cancel",
    ]
    ours = done[1:]
    assert {(line["simulation"], line["incident"]) for line in ours} == {(str(id), incident)}
    assert all(line["actor"] for line in done)
    assert "no simulation q" in complaint("simulations", "show", "q")


def test_replay_tells_causes_before_effects(here: Path) -> None:
    id = _active("replayed")
    vestec("incidents", "push", id, "finish", "-", stdin="done")
    eventually(lambda: as_json("incidents", "show", id)["incident"]["status"] == "COMPLETE")
    eventually(lambda: not as_json("incidents", "show", id)["endpoints"])
    events = lines("replay", id, "--speed", "max")
    types = [event["type"] for event in events]
    assert types[:2] == ["IncidentCreated", "IncidentActivated"]
    assert {event["context"] for event in events} == {"incidents", "endpoints"}
    times = [event["time"] for event in events]
    assert times == sorted(times)
    for cause, effect in (
        ("IncidentActivated", "EndpointOpened"),
        ("EndpointOpened", "DataArrived"),
        ("DataArrived", "IncidentEnded"),
        ("IncidentEnding", "EndpointClosed"),
    ):
        assert types.index(cause) < types.index(effect)
    assert vestec("replay", id[:8], "--speed", "1e6").splitlines()[0].count("IncidentCreated") == 1


def test_the_log_shows_all_that_happened(here: Path) -> None:
    id = _active("logged")
    found = lines("log", "show", "incidents")
    assert [line["kind"] for line in found if line["offset"] == 0] == ["takeover"] * 4
    mine = [line for line in found if line.get("incident") == id]
    assert [e["event"]["type"] for e in mine if e["kind"] == "event"][:2] == [
        "IncidentCreated",
        "IncidentActivated",
    ]
    assert all(
        {"offset", "epoch", "sequence", "time", "cause"} <= line.keys() and line["counts"]
        for line in mine
    )
    partition, offset = mine[-1]["partition"], mine[-1]["offset"]
    rest = lines("log", "show", "incidents", "--partition", partition, "--from", offset)
    assert {line["offset"] for line in rest} == {offset}
    assert "partitions 0 to 3" in complaint("log", "show", "incidents", "--partition", 4)
    checked = as_json("log", "verify")
    assert sum(one["count"] for one in checked) > 0
    assert not [one for one in checked if one["problems"]]


def test_projections_are_rebuilt_to_the_same(here: Path) -> None:
    id = _active("rebuilt")
    before = as_json("incidents", "show", id)
    assert "begins anew" in vestec("projections", "rebuild", "incidents")

    def caught_up() -> bool:
        rows = as_json("projections", "status")
        return bool(rows) and not any(row["lag_records"] for row in rows)

    eventually(lambda: id in vestec("incidents", "list") and caught_up())
    assert as_json("incidents", "show", id) == before
    assert "there are: commands" in complaint("projections", "rebuild", "nothing")
    assert vestec("projections", "status").count("\n") == 1 + len(PROJECTIONS)


async def _url(folder: Path) -> str:
    async with EmbeddedServer.open(folder) as server:
        return server.url


def test_a_log_elsewhere_needs_no_system_in_this_folder(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VESTEC_BLOBS", (here / "blobs").as_uri())
    elsewhere = ("--log", asyncio.run(_url(here)), "--data", tmp_path / "other")
    made = as_json("incidents", "create", "simple", "from afar", *elsewhere)
    assert made["status"] == "PENDING"
    assert made["id"] in vestec(*elsewhere, "incidents", "list")
    assert made["id"] in vestec("incidents", "list")


def test_who_reads_only_the_beginning_is_not_complained_to(here: Path) -> None:
    shown = subprocess.Popen(
        [COMMAND, "log", "show", "incidents"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert shown.stdout
    assert shown.stderr
    shown.stdout.close()
    assert shown.stderr.read() == b""
    shown.stderr.close()
    assert shown.wait(30) == 1
