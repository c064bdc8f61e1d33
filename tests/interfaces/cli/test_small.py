"""What needs no system: settings, inputs, output, logs."""

import errno
import io
import json
import logging
import os
import subprocess
from pathlib import Path

import pytest
import structlog

from deploy.settings import Settings
from interfaces.cli.data import file_of
from interfaces.cli.errors import Complaint
from interfaces.cli.inputs import parameters_of
from interfaces.cli.logs import configure_logs
from interfaces.cli.output import fields, table
from tests.interfaces.cli.vestec import COMMAND, as_json, complaint, vestec


def test_settings_are_all_listed_with_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESTEC_TOKEN_KEY", "x" * 40)
    found = {row["name"]: row for row in as_json("settings", "--data", "fires")}
    assert found.keys() == Settings.model_fields.keys()
    assert (found["data"]["value"], found["data"]["default"]) == ("fires", ".vestec")
    assert found["port"]["variable"] == "VESTEC_PORT"
    assert all(row["what"] for row in found.values())
    assert "x" * 40 not in vestec("settings")


def test_passwords_inside_of_urls_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESTEC_LOG", "kafka://me:hidden@broker/fires")
    monkeypatch.setenv("VESTEC_DATABASE", "postgresql://me:hidden@db/fires?password=hidden")
    monkeypatch.setenv("VESTEC_BLOBS", "s3://key:hidden@bucket/fires")
    found = {row["name"]: row["value"] for row in as_json("settings")}
    assert found["log"] == "kafka://me:***@broker/fires"
    assert found["database"] == "postgresql://me:***@db/fires?password=***"
    assert found["blobs"] == "s3://key:***@bucket/fires"
    assert "hidden" not in vestec("settings")


def test_parameters_given_one_by_one_go_over_those_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "fire.json"
    file.write_text('{"wind": 1, "place": "here"}')
    given = ["wind=3.5", "area=[1, 2]", "name=a=b", "place=there"]
    assert parameters_of(file, given) == {
        "wind": 3.5,
        "area": [1, 2],
        "name": "a=b",
        "place": "there",
    }


def test_a_file_is_called_as_its_data_set() -> None:
    assert file_of("maps/fire.png") == Path("fire.png")


@pytest.mark.parametrize("name", [".", "..", "-", "maps/", "a/..", "a\nb", "x" * 256])
def test_what_cannot_name_a_file_is_refused(name: str) -> None:
    with pytest.raises(Complaint, match="choose a file by -o FILE"):
        file_of(name)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "[NaN]"])
def test_what_json_has_no_word_for_is_text(text: str) -> None:
    assert parameters_of(None, [f"wind={text}"]) == {"wind": text}


@pytest.mark.parametrize(
    ("text", "why"),
    [("[1]", "JSON object"), ("{", "is not JSON"), ('{"wind": NaN}', "is not JSON: NaN is")],
)
def test_a_parameter_file_must_hold_an_object(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "fire.json"
    file.write_text(text)
    with pytest.raises(Complaint, match=why):
        parameters_of(file, [])


def test_without_a_terminal_a_table_is_tab_separated(capsys: pytest.CaptureFixture[str]) -> None:
    table(("name", "seconds", "on"), [("a\tb\x1b[2J", 1.25, True), ("c", None, False)], "none")
    assert capsys.readouterr().out == "name\tseconds\ton\na b [2J\t1.2\tyes\nc\t\tno\n"


def test_empty_fields_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    fields({"name": "x", "reason": "", "load": {"nodes": 1, "queued": None}})
    assert capsys.readouterr().out == "name    x\nload    nodes=1\n"


def test_logs_are_json_with_what_was_bound() -> None:
    stream = io.StringIO()
    configure_logs("info", stream)
    with structlog.contextvars.bound_contextvars(incident="i-1", cause="incidents/3/17"):
        structlog.get_logger().info("stage started", run="r")
        logging.getLogger("asyncio").warning("slow %s", "callback")
    structlog.get_logger().debug("too small")
    ours, theirs = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (ours["event"], ours["incident"], ours["cause"]) == (
        "stage started",
        "i-1",
        "incidents/3/17",
    )
    assert (theirs["event"], theirs["incident"], theirs["logger"]) == (
        "slow callback",
        "i-1",
        "asyncio",
    )


def test_a_line_for_which_there_is_no_room_hurts_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    configure_logs("info", Full())
    structlog.get_logger().info("stage started")
    logging.getLogger("asyncio").warning("slow")
    assert capsys.readouterr() == ("", "")


def test_an_error_in_the_log_carries_its_traceback() -> None:
    stream = io.StringIO()
    configure_logs("info", stream)
    try:
        raise ValueError("odd")
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)
    (line,) = stream.getvalue().splitlines()
    assert "odd" in json.dumps(json.loads(line)["exception"])


def test_a_level_that_there_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESTEC_LOG_LEVEL", "loud")
    assert "not 'loud'" in complaint("up", "--data", tmp_path)


def test_a_folder_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "a folder has a name" in complaint("up", "--data", "")
    monkeypatch.setenv("VESTEC_DATA", "")
    assert "a folder has a name" in complaint("up")


def test_what_is_no_text_is_named_in_one_line() -> None:
    arguments = [COMMAND.encode(), b"incidents", b"create", b"wildfire", b"caf\xe9"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Invalid value: caf\\udce9 is not UTF-8 text\n"


def test_a_terminal_without_letters_for_it_is_told_their_numbers(tmp_path: Path) -> None:
    arguments = [COMMAND, "settings", "--data", "ü", "--json"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(arguments, capture_output=True, check=True, env=environment, cwd=tmp_path)
    assert b"\\xfc" in done.stdout
