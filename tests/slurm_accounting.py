"""The accounts of a Slurm under test: `slurmdbd`, and a MariaDB of its own without a network."""

import asyncio
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.account import ordinary_user
from tests.namespace import Daemon, Namespace
from tests.slurm_settings import ACCOUNT, Ports, slurmdbd_conf

_HASTE = ("--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0", "--sync-frm=0")
"""Without durability: what it holds is gone with the test."""


@dataclass(frozen=True)
class Accounting:
    """The accounts of jobs, and the database that holds them."""

    daemon: Daemon
    database: Daemon


async def start_accounting(folder: Path, ports: Ports, inside: Namespace) -> Accounting:
    conf, data, socket = folder / "slurm.conf", folder / "database", folder / "database.socket"
    slurmdbd = folder / "slurmdbd.conf"
    slurmdbd.touch(0o600)
    slurmdbd.write_text(slurmdbd_conf(folder, ports))
    made = await _root(
        conf,
        *("mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}"),
        *("--auth-root-authentication-method=normal", "--skip-test-db", *_HASTE),
    )
    made.check_returncode()
    database = inside.daemon(
        folder / "log" / "database",
        *("mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={socket}"),
        *("--skip-networking", *_HASTE),
    )

    async def listens() -> bool:
        return socket.exists()

    await database.until(listens)
    daemon = inside.daemon(
        folder / "log" / "accounting",
        *("slurmdbd", "-D"),
        SLURM_CONF=str(conf),
        MYSQL_UNIX_PORT=str(socket),
    )

    async def answers() -> bool:
        return not (await _root(conf, "sacctmgr", "show", "cluster")).returncode

    await daemon.until(answers)
    for words in (
        ("add", "cluster", "test"),
        ("add", "account", ACCOUNT),
        ("add", "qos", "few", "MaxSubmitJobsPerUser=1"),
        ("add", "user", ordinary_user().pw_name, f"account={ACCOUNT}", "qos=normal,few"),
    ):
        (await _root(conf, "sacctmgr", "--immediate", *words)).check_returncode()
    return Accounting(daemon, database)


async def _root(conf: Path, *command: str) -> subprocess.CompletedProcess[bytes]:
    return await asyncio.to_thread(
        subprocess.run,
        command,
        env={**os.environ, "SLURM_CONF": str(conf)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
