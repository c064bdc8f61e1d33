"""Real batch systems over real SSH: what the servers under test give together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import pytest

from interfaces.machines.connections.ssh import SshAccess, SshConnection
from tests.account import Login, ordinary_user
from tests.interfaces.machines.conftest import chunks
from tests.sshd import Sshd


@dataclass(frozen=True)
class Site:
    login: Login
    submit: str
    jobs: str
    cancel: str


@pytest.fixture(params=["slurm", "gridengine"])
def site(request: pytest.FixtureRequest) -> Site:
    """A batch system and its commands."""
    commands = {
        "slurm": ("sbatch --parsable", "squeue --noheader --format=%i", "scancel"),
        "gridengine": ("qsub -terse -cwd -S /bin/sh", "qstat", "qdel"),
    }
    running = request.getfixturevalue(request.param)
    return Site(running.login, *commands[request.param])


async def test_a_job_is_submitted_over_ssh_as_the_ordinary_user(
    site: Site, sshds: Callable[..., Sshd]
) -> None:
    shell = site.login.shell(site.login.folder.parent / "shell")
    with sshds(f"ForceCommand {shell}") as server:
        access = SshAccess.model_validate(server.access())
        async with SshConnection(access) as connection:

            async def said(script: str) -> str:
                return (await connection.run(script, deadline=30)).checked().strip()

            name = ordinary_user().pw_name
            job = PurePosixPath(site.login.folder, "over-ssh.sh")
            await connection.put(job, chunks(b"#!/bin/sh\nid -un >over-ssh\nsleep 600\n"))
            assert await said(f"stat --format=%U {job}") == name
            id = await said(f"cd {job.parent}; {site.submit} {job}")
            assert id in (await said(site.jobs)).split()
            witness = job.with_suffix("")
            await said(f"until test -s {witness}; do sleep 0.1; done")
            assert await said(f"cat {witness}") == name
            await said(f"{site.cancel} {id}")
