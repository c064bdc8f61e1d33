"""The command line and the gateway tell the same of machines and simulations, in the same words.

What changes by itself between two questions is asked again.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.interfaces.cli.test_administration import incident, simulate
from tests.interfaces.cli.vestec import as_json, complaint, eventually, up, vestec
from tests.room import short_folder

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def asked() -> Iterator[Ask]:
    """Asks the gateway of a running system as an administrator: status and answer."""
    with (
        short_folder() as parent,
        pytest.MonkeyPatch.context() as patch,
        up(parent / "data") as system,
    ):
        patch.setenv("VESTEC_DATA", str(system.folder))
        password = "correct horse battery staple"
        vestec("users", "add", "root", "--administrator", "--password-stdin", stdin=password)
        headers: dict[str, str] = {}

        def ask(path: str, body: Any = None) -> tuple[int, Any]:
            data = None if body is None else json.dumps(body).encode()
            url = f"{system.announced['url']}/api/v1/{path}"
            try:
                with urlopen(Request(url, data, headers)) as response:
                    return response.status, json.load(response)
            except HTTPError as error:
                return error.code, json.load(error)

        known = {"username": "root", "password": password}
        token = eventually(lambda: ask("login", known)[1].get("token"))
        headers["Authorization"] = f"Bearer {token}"
        yield ask


def test_a_machine_is_described_alike(asked: Ask) -> None:
    folders = ("--folder", "keep=3", "--folder", "purge=30")
    vestec("machines", "add", "m", "--base-directory", "/tmp/m", "--test-mode", *folders)
    change = {"environment": {"A": "1"}, "accounts": {"of": {"root": "fire"}}}
    assert asked("machines/m/edit", change)[0] == 200
    eventually(lambda: as_json("machines", "show", "m") == asked("machines/m")[1])
    eventually(lambda: as_json("machines", "list") == asked("machines")[1]["items"])
    assert "environment" in vestec("machines", "show", "m")
    eventually(
        lambda: as_json("machines", "audit", "m") == asked("machines/m/audit")[1]["items"][::-1]
    )
    vestec("machines", "remove", "m")
    assert asked("machines/m")[0] == 404
    eventually(lambda: as_json("machines", "audit", "m")[-1]["result"] == "removed")


@pytest.mark.parametrize(
    "option",
    [("dialect", "condor"), ("connection", "pigeon"), ("environment", {"A B": "1"})],
    ids=lambda option: option[0],
)
def test_what_is_wrong_with_a_machine_is_said_alike(asked: Ask, option: tuple[str, Any]) -> None:
    name, value = option
    text = "A B=1" if name == "environment" else value
    said = complaint("machines", "add", "x", "--base-directory", "/tmp/x", f"--{name}", text)
    status, problem = asked("machines", {"name": "x", "base_directory": "/tmp/x", name: value})
    assert (status, problem["detail"]) == (422, f"{said}.")
    assert [fault["where"].partition(".")[0] for fault in problem["errors"]] == [name]


def test_a_simulation_is_described_alike(asked: Ask, tmp_path: Path) -> None:
    machine = {"name": "sim", "base_directory": str(tmp_path), "test_mode": True, "enable": True}
    assert asked("machines", machine)[0] == 201
    id = simulate(Path(os.environ["VESTEC_DATA"]), incident(), "sim")
    path = f"simulations/{id}"
    eventually(lambda: as_json("simulations", "show", id) == asked(path)[1])
    said = complaint("simulations", "retry", id)
    status, problem = asked(f"{path}/retry", {})
    assert (status, f"Refused: {problem['detail']}.") == (409, said)
    assert asked(f"{path}/cancel", {"reason": "enough"})[0] == 200
    eventually(lambda: as_json("simulations", "show", id) == asked(path)[1])
