"""A system as its users meet it: over HTTP, and nothing else."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

from deploy.embedded import Address
from tests.chaos.rig import Forked, Rig, eventually
from tests.interfaces.cli.vestec import invoke

PASSWORD = "correct horse"


class Site:
    """A system that serves from a rig's folder."""

    def __init__(self, rig: Rig, **environment: str) -> None:
        self.rig = rig
        self.process: Forked = rig.serve(**environment)
        self._address = rig.home / "data" / "address.json"
        self._token = ""
        eventually("it serves", self._serves)

    @property
    def url(self) -> str:
        return Address.model_validate_json(self._address.read_bytes()).url or ""

    def _serves(self) -> bool:
        assert self.process.process.exitcode is None, self.process.said()
        return self.serves()

    def serves(self) -> bool:
        """Whether its address is that of the process that runs."""
        try:
            address = Address.model_validate_json(self._address.read_bytes())
        except FileNotFoundError:
            return False
        return address.pid == self.process.process.pid and address.url is not None

    def add_administrator(self) -> None:
        """Once a folder."""
        where = ("--data", self.rig.home / "data", "--password-stdin")
        added = invoke("users", "add", "anna", "--administrator", *where, stdin=PASSWORD)
        assert added.exit_code == 0, added.output
        base = ("--base-directory", self.rig.home / "machine", "--slots", 4, "--enable")
        added = invoke("machines", "add", "here", *base, "--data", self.rig.home / "data")
        assert added.exit_code == 0, added.output

    def log_in(self) -> None:
        login = {"username": "anna", "password": PASSWORD}
        self._token = self.ask("POST", "/api/v1/login", login, 200)["token"]

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON it answers; it must be of that status."""
        return json.loads(self.text(method, path, body, status, headers))

    def text(
        self,
        method: str,
        path: str,
        body: object = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """What it answers; `body` is bytes, chunks of them, or else JSON."""
        data = body if isinstance(body, bytes | Iterator | None) else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {self._token}", **(headers or {})}
        request = urllib.request.Request(self.url + path, data, given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                got, said = answer.status, bytes(answer.read())
        except urllib.error.HTTPError as error:
            got, said = error.code, error.read()
        assert got == status, f"{path} answered {got}: {said!r}"
        return said.decode()

    def incident(self, kind: str, **parameters: object) -> str:
        """A new incident, active, its endpoints open."""
        wanted = {"kind": kind, "name": "a test", "parameters": parameters}
        id: str = self.ask("POST", "/api/v1/incidents", wanted, 201)["id"]
        self.ask("POST", f"/api/v1/incidents/{id}/activate", {})
        self.until("its first stage is over", lambda: self._started(id))
        return id

    def _started(self, id: str) -> bool:
        runs = self.ask("GET", f"/api/v1/incidents/{id}/graph")["nodes"]
        return any(run["status"] == "completed" for run in runs)

    def push(
        self,
        id: str,
        endpoint: str,
        body: bytes | Iterator[bytes],
        status: int = 202,
        size: int | None = None,
    ) -> Any:
        """Post to an endpoint; `size` is what is declared of chunks."""
        headers = {"Idempotency-Key": str(uuid4())}
        if size is not None:
            headers["Content-Length"] = str(size)
        return self.ask("POST", f"/EDI/{endpoint}{id}", body, status, headers)

    def show(self, id: str, what: str = "") -> Any:
        """An incident, or one of its pages: `log`, `graph`, `data-sets`, …"""
        return self.ask("GET", f"/api/v1/incidents/{id}/{what}".rstrip("/"))

    def lines(self, id: str) -> list[dict[str, str]]:
        """What an operator reads about the incident, newest first."""
        found: list[dict[str, str]] = self.show(id, "log")["items"]
        return found

    def data_sets(self, id: str) -> dict[str, int]:
        """Names and sizes of those that nothing superseded."""
        found = self.show(id, "data-sets")["items"]
        return {one["name"]: one["size"] for one in found if one["superseded_by"] is None}

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        eventually(what, condition)

    def line(self, id: str, *words: str) -> dict[str, str]:
        """The line in the incident's log that holds these words."""

        def found() -> list[dict[str, str]]:
            return [line for line in self.lines(id) if all(word in line["text"] for word in words)]

        eventually(f"the log says {words}", lambda: bool(found()))
        return found()[0]
