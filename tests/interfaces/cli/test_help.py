"""Help that teaches, options that every command takes, and errors of one line."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
import typer

from interfaces.cli.main import COMMANDS
from interfaces.cli.options import share
from tests.interfaces.cli.vestec import complaint, invoke, vestec


def _commands() -> Iterator[tuple[str, ...]]:
    """Every command that does something, as one types it."""
    for name in COMMANDS:
        found = share(typer.main.get_command(import_module(f"interfaces.cli.{name}").app))
        if hasattr(found, "commands"):
            yield from ((name, other) for other in found.commands)
        else:
            yield (name,)


@pytest.mark.parametrize("command", [*_commands()], ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    text = vestec(*command, "--help")
    for part in ("Example: ", "Next: ", "--data", "--log"):
        assert part in text


@pytest.mark.parametrize("command", [*_commands()], ids=" ".join)
def test_paragraphs_of_help_flow_to_the_width_of_the_terminal(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    lines = [line.strip() for line in vestec(*command, "--help").split("╭")[0].splitlines()]
    for above, below in pairwise(lines):
        assert not (above and below), f"{above!r} breaks before {below!r}"


def test_a_newcomer_is_told_to_look_at_the_demonstration_first() -> None:
    assert "vestec demo wildfire" in vestec("--help")


def test_help_imports_nothing_that_takes_time() -> None:
    probe = (
        "import sys; from interfaces.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "slow = {'asyncpg', 'aiohttp', 'pydantic', 'obstore', 'asyncio'} & {*sys.modules}\n"
        "sys.exit(f'imported {slow}' if slow else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "incidents" in ended.stdout


def test_wrong_usage_is_one_line_and_code_2() -> None:
    assert complaint("incidents", "shwo", code=2).startswith("No such command 'shwo'.")
    assert "vestec incidents create --help" in complaint("incidents", "create", "fire", code=2)
    assert "--speed" in complaint("replay", "x", "--speed", "fast", code=2)
    assert "NAME=VALUE" in complaint(
        "machines", "add", "m", "--base-directory", "x", "--environment", "A", code=2
    )


def test_no_command_shows_the_help() -> None:
    assert "vestec incidents create" in invoke("incidents").stdout


@pytest.mark.parametrize("arguments", [("incidents", "list"), ("log", "verify"), ("users", "list")])
def test_a_folder_without_data_stays_one(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    folder = tmp_path / "nothing"
    assert "holds no data yet" in complaint(*arguments, "--data", folder)
    assert not folder.exists()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_data_and_log_may_stand_anywhere(tmp_path: Path, place: int) -> None:
    command = ["incidents", "list"]
    command[place:place] = ["--data", str(tmp_path / "here")]
    assert "here" in complaint(*command)


def test_the_last_one_wins(tmp_path: Path) -> None:
    said = complaint("--data", tmp_path / "one", "users", "list", "--data", tmp_path / "two")
    assert "two" in said


def test_a_log_that_is_no_postgresql_is_refused() -> None:
    assert "log" in complaint("incidents", "list", "--log", "https://example.org")


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESTEC_PORT", "many")
    assert "port" in complaint("settings")
