"""Bad input at the real edge: a sentence that an operator sees, and the next good push works."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import workflows.wildfire
from tests.chaos.rig import rigged
from tests.chaos.site import Site

TUBBS = Path(workflows.wildfire.__file__).parent / "data" / "tubbs_2017"
MIB = 2**20
ENVIRONMENT = {
    "VESTEC_WORKFLOWS": "tests.chaos.misbehaving:misbehaving",
    "VESTEC_PUSH_LIMIT": str(120 * MIB),
}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One system for all tests here."""
    with rigged() as rig:
        site = Site(rig, **ENVIRONMENT)
        site.add_administrator()
        site.log_in()
        yield site


def _area(west: float, south: float, east: float, north: float) -> dict[str, float]:
    return {"west": west, "south": south, "east": east, "north": north}


DEEDS = [
    ("fail", ["the stage do failed", "the reading is negative"], "retry the stage"),
    ("nonsense", ["the stage do failed", "KeyError", "nonsense"], "retry the stage"),
    ("exit_python", ["the stage do failed", "a library thought"], "retry the stage"),
    ("interrupt", ["the stage do failed", "KeyboardInterrupt"], "retry the stage"),
    ("be_cancelled", ["the stage do failed", "CancelledError"], "retry the stage"),
    ("note_too_much", ["the stage do failed", "refused", "bytes"], "correct the workflow"),
    ("want_no_time", ["the stage do failed", "walltime", "greater than 0"], "retry the stage"),
    ("run_job_that_fails", ["is FAILED on", "no fuel map"], "vestec simulations show"),
    ("run_job_that_fails", ["the stage do failed", "exit code 3"], "retry the stage"),
    ("run_job_that_overruns", ["is TIMEOUT on"], "longer walltime"),
    ("run_job_without_result", ["did not write result.txt"], "vestec simulations show"),
    ("run_job_without_result", ["the stage do failed", "result.txt"], "retry the stage"),
    (
        "run_job_that_leaves_a_pipe",
        ["is without its results", "a named pipe"],
        "vestec simulations show",
    ),
    (
        "run_job_that_leaves_a_secret",
        ["the stage do failed", "a link to /etc/passwd"],
        "retry the stage",
    ),
]


@pytest.mark.parametrize(("deed", "words", "next"), DEEDS)
def test_a_stage_that_goes_wrong_says_so_and_hurts_nobody(
    site: Site, deed: str, words: list[str], next: str
) -> None:
    id = site.incident("misbehaving")
    site.push(id, "do", deed.encode())
    line = site.line(id, *words)
    assert next in line["next"]
    assert "\n" not in line["text"].strip()
    site.push(id, "do", b"be_good")
    site.until("the next good push works", lambda: "good-1" in site.data_sets(id))
    site.until("an operator is asked for", lambda: site.show(id)["status"] == "ERROR")


def test_malformed_csv_is_refused_by_row_and_by_file(site: Site) -> None:
    id = site.incident("wildfire")
    good = min((TUBBS / "passes").glob("*.csv")).read_text().splitlines()
    bad = [*good[:2], good[2].replace("2017-10-09", "yesterday"), "38.6,-122.6", *good[4:]]
    for body in (b"\x00\xff\xfe not a table", b"a,b\n1,2\n", "\n".join(bad).encode()):
        site.push(id, "hotspots", body)
    line = site.line(id, "data was refused", "row 3")
    assert line["next"] == "Correct the data and send it again."
    site.line(id, "data was refused", "row 4")
    refused = [entry for entry in site.lines(id) if "data was refused" in entry["text"]]
    assert len(refused) == 4
    assert site.show(id)["status"] == "ACTIVE"
    before = site.data_sets(id)["observed.geojson"]
    second = sorted((TUBBS / "passes").glob("*.csv"))[1]
    site.push(id, "hotspots", second.read_bytes())
    site.until("the next pass counts", lambda: site.data_sets(id)["observed.geojson"] != before)


@pytest.mark.parametrize("endpoint", ["landscape", "weather", "report"])
def test_a_file_that_is_none_is_refused(site: Site, endpoint: str) -> None:
    id = site.incident("wildfire")
    for body in (b"\xff\xfe\x00 nonsense", b"{}", b"a,b\n1,2\n"):
        site.push(id, endpoint, body)
    site.until("all are refused", lambda: len(site.lines(id)) >= 3)
    assert {line["next"] for line in site.lines(id)} == {"Correct the data and send it again."}
    assert site.show(id)["status"] == "ACTIVE"


def test_an_empty_file_is_refused_and_the_operator_is_told(site: Site) -> None:
    id = site.incident("simple")
    assert "empty" in site.push(id, "data", b"", status=400)["detail"]
    site.line(id, "a push to data was refused", "empty")
    site.push(id, "data", b"something")
    site.until("the next good push works", lambda: "data-1" in site.data_sets(id))


def test_a_large_push_is_streamed(site: Site) -> None:
    id = site.incident("simple")
    site.push(id, "data", b"warm")
    process = Path(f"/proc/{site.process.process.pid}")
    (process / "clear_refs").write_text("5")  # the peak begins anew
    before, size = _peak(process), 100 * MIB
    site.push(id, "data", (b"%1048576d" % n for n in range(100)), size=size)
    site.until("it is a data set", lambda: site.data_sets(id).get("data-2") == size)
    grown = _peak(process) - before
    assert grown < 64 * MIB, f"grown by {grown / MIB:.0f} MiB"


def test_a_push_that_is_too_large_is_refused_and_the_operator_is_told(site: Site) -> None:
    id = site.incident("simple")
    refused = site.push(id, "data", iter([b"x"]), status=413, size=200 * MIB)
    assert "At most" in refused["detail"]
    site.line(id, "a push to data was refused", "At most", "send less")
    site.push(id, "data", b"something")
    site.until("the next good push works", lambda: "data-1" in site.data_sets(id))


WRONG = [
    ("volcano", {}, "unknown kind of incident 'volcano'"),
    ("wildfire", {"area": _area(-122.4, 38.3, -122.9, 38.8)}, "west"),
    ("wildfire", {"area": _area(-122.9, 38.8, -122.4, 38.3)}, "south"),
    ("wildfire", {"area": _area(-222.9, 38.3, -122.4, 38.8)}, "area.west"),
    ("wildfire", {"area": _area(-122.9, 38.3, -122.4, 98.8)}, "area.north"),
    ("wildfire", {"area": "everywhere"}, "area"),
    ("wildfire", {"hours": -6}, "hours"),
    ("wildfire", {"members": 0}, "members"),
]


@pytest.mark.parametrize(("kind", "parameters", "said"), WRONG)
def test_what_cannot_be_is_refused_at_once(
    site: Site, kind: str, parameters: dict[str, object], said: str
) -> None:
    wanted = {"kind": kind, "name": "a test", "parameters": parameters}
    assert said in site.ask("POST", "/api/v1/incidents", wanted, 422)["detail"]


def test_an_oversized_message_is_refused_at_once(site: Site) -> None:
    wanted = {"kind": "simple", "name": "a test", "parameters": {"x": "x" * 8 * MIB}}
    assert site.ask("POST", "/api/v1/incidents", wanted, 413)["detail"]


def _peak(process: Path) -> int:
    """The largest resident size since the peak began anew, in bytes."""
    status = (process / "status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
