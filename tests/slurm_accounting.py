"""The accounts of a Slurm under test: `slurmdbd`, and a MariaDB of its own without a network."""

from dataclasses import dataclass
from pathlib import Path

from interfaces.machines.connection import Completed
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
    # Servers in namespaces have the same process ids, by which they would share files of /tmp.
    common = ("--no-defaults", "--user=root", f"--datadir={data}", f"--tmpdir={folder}", *_HASTE)
    made = await inside.run(
        *("mariadb-install-db", *common),
        *("--auth-root-authentication-method=normal", "--skip-test-db"),
    )
    made.checked()
    database = inside.daemon(
        folder / "log" / "database",
        *("mariadbd", *common, f"--socket={socket}", "--skip-networking"),
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

    async def sacctmgr(*words: str) -> Completed:
        return await inside.run("sacctmgr", "--immediate", *words, SLURM_CONF=str(conf))

    async def answers() -> bool:
        return not (await sacctmgr("show", "cluster")).exit_status

    await daemon.until(answers)
    for words in (
        ("cluster", "test"),
        ("account", ACCOUNT),
        ("qos", "few", "MaxSubmitJobsPerUser=1"),
        ("qos", "one", "GrpSubmitJobs=1"),
        ("user", ordinary_user().pw_name, f"account={ACCOUNT}", "qos=normal,few,one"),
    ):
        (await sacctmgr("add", *words)).checked()
    return Accounting(daemon, database)
