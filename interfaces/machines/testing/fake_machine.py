"""A machine whose batch system's commands do as a test tells them."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from events.jobs import JobRequest
from interfaces.machines.connection import Completed
from interfaces.machines.dialect import Dialect
from interfaces.machines.scripts import folders
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.scripts.submission import Submission

_TOOL = """#!/bin/sh
{{ printf '%s\\0' {name} "$@"; printf '\\036\\0'; }} >>"$CALLS"
{does}
"""


class FakeMachine:
    """A folder and a shell that finds a batch system's commands: they do as they are told."""

    def __init__(self, folder: Path, tools: Mapping[str, str]) -> None:
        self.folder, self._bin, self._calls = folder, folder / "bin", folder / "calls"
        self._bin.mkdir(parents=True, exist_ok=True)
        self._calls.touch()
        self.layout = Layout(PurePosixPath(folder / "it's a $(touch pwned)"))
        for name, does in tools.items():
            self.tool(name, does)

    def tool(self, name: str, does: str) -> None:
        """Make a command; `does` are lines for `sh`."""
        file = self._bin / name
        file.write_text(_TOOL.format(name=name, does=does))
        file.chmod(0o755)

    def run(self, script: str, **environment: str) -> Completed:
        """Run a script as a connection does."""
        known = {"PATH": f"{self._bin}:/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C"}
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            cwd=self.folder,
            env={**known, "CALLS": str(self._calls), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        return Completed(done.returncode, done.stdout, done.stderr)

    def submit(
        self,
        dialect: Dialect,
        request: JobRequest,
        number: int = 1,
        directives: Sequence[str] = (),
    ) -> Completed:
        """All of a submission, with its preparation."""
        self.run(folders.Prepare(self.layout, request.token).script())
        submission = Submission(request, number, self.layout, dialect, directives)
        return self.run(submission.script())

    def calls(self) -> list[list[str]]:
        """The commands that were called, with their words."""
        said = self._calls.read_text().split("\x1e\0")
        return [call.split("\0")[:-1] for call in said if call]

    @property
    def pwned(self) -> bool:
        """Whether a word was taken for a command; what a job's own program does in its folder does
        not count, since its line is one."""
        jobs = Path(self.layout.jobs)
        return any(file.parents[1] != jobs for file in self.folder.rglob("pwned"))
