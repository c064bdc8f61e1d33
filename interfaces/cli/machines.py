"""`vestec machines`: computers that simulations run on."""

import asyncio
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import uuid4

import typer

from deploy.storage import Storage
from events import machines as e
from events.checkups import Checkup, Mark
from events.machines import FLEET, LOGIN_NEEDED, MachineLimits, MachineSettings
from events.values import Command, Context
from interfaces.cli.ending import serve
from interfaces.cli.errors import Complaint
from interfaces.cli.inputs import pairs, parameters_of
from interfaces.cli.options import AsJson
from interfaces.cli.output import as_json, compact, fields, say, table
from interfaces.cli.session import Desk, desk, kept, run
from interfaces.machines.access import access_of
from interfaces.machines.openssh import OpensshAccess, command, login_command
from interfaces.machines.registry import connect
from projections.audit import Entry, read_audit
from projections.machines import Machine, list_machines

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Computers that simulations run on.\n\n"
    "Begin with: vestec machines add local --base-directory jobs --slots 2 --enable",
)

V = TypeVar("V")
_LOOK = 1.0
"""Seconds between two looks at how many jobs are left."""

Named = Annotated[str, typer.Argument(metavar="NAME", help="Name of the machine.")]
Access = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="What the connection has to know; JSON where it is; may be repeated. Of ssh: host,"
        " user, key, certificate, agent, known_hosts, host_key, host_ca, jump, config,"
        " transfer_host, …; of openssh: host, user, config, … (docs/machines.md). Files are"
        " named, never what is in them.",
    ),
]
Batch = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="What the dialect has to know, likewise: queue, account, native, prologue, …"
        " (docs/batch-systems.md).",
    ),
]
Limit = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="What the centre lets us do: commands, submissions (in any minute), ask, ask_least"
        " (seconds between two questions to the scheduler); may be repeated.",
    ),
]
Environment = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Given to every job; may be repeated."),
]
Policy = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.json",
        help="What jobs of urgent incidents ask for (docs/machines.md): by urgency, a list of"
        " privileges, each with a name and a queue, account, qos, reservation or native options.",
    ),
]


@app.command("list")
def list_(ctx: typer.Context, json: AsJson = False) -> None:
    """List machines: whether new jobs may go there, whether they answer, how loaded they are.

    Example: vestec machines list

    Next: vestec machines show NAME
    """

    async def work() -> list[Machine]:
        async with kept(ctx) as storage:
            return await list_machines(storage.pool)

    found = run(work())
    if json:
        return as_json(found)
    rows = [
        (
            machine.name,
            f"{machine.settings.connection}/{machine.settings.dialect}",
            machine.enabled,
            _reachable(machine),
            len(machine.simulations),
            machine.reason or machine.trouble or machine.notice,
        )
        for machine in found
    ]
    table(
        ("name", "spoken to by", "enabled", "reachable", "our jobs", "reason"),
        rows,
        "There are none yet. Next: vestec machines add --help",
    )
    return None


@app.command()
def show(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Show one machine: its settings, its load, and why the newest job was sent there.

    Example: vestec machines show local

    Next: vestec machines check NAME, vestec machines enable NAME
    """

    async def work() -> Machine:
        async with kept(ctx) as storage:
            return await _machine(storage, name)

    found = run(work())
    if json:
        return as_json(found)
    settings = found.settings.model_dump(exclude={"name"})
    if found.login_needed:
        say(f"{LOGIN_NEEDED}: {found.reason}. Then: vestec machines login {name}")
    fields({**found.model_dump(exclude={"settings", "checkup"}), **settings})
    if found.checkup:
        _show_checkup(found.checkup)
    return None


@app.command()
def add(
    ctx: typer.Context,
    name: Named,
    base_directory: Annotated[
        str,
        typer.Option(metavar="DIR", help="Everything of ours on it lies below; made if missing."),
    ],
    connection: Annotated[
        str,
        typer.Option(
            help="How it is reached: local (this computer), ssh, openssh (a person logs in), or"
            " what another package brings."
        ),
    ] = "local",
    access: Access = None,
    dialect: Annotated[
        str,
        typer.Option(
            help="Its batch system: slurm, sge, pbs, lsf, processes (none, jobs are processes),"
            " simulated (no real jobs), or what another package brings (docs/batch-systems.md)."
        ),
    ] = "processes",
    batch: Batch = None,
    slots: Annotated[int, typer.Option(help="Jobs at once, if it has no queue of its own.")] = 1,
    nodes: Annotated[int, typer.Option(help="How many nodes it has.")] = 1,
    cores_per_node: Annotated[int, typer.Option(help="Cores of each.")] = 1,
    environment: Environment = None,
    limit: Limit = None,
    policy: Policy = None,
    test_mode: Annotated[
        bool, typer.Option("--test-mode", help="No real jobs: a simulated batch system.")
    ] = False,
    enable: Annotated[bool, typer.Option("--enable", help="Let jobs go there at once.")] = False,
    json: AsJson = False,
) -> None:
    """Add a machine; jobs go there once it is enabled.

    A running system asks it at once whether it answers and what it lacks: vestec machines show. A
    job goes to a machine that has the nodes and cores it asks for.

    Over ssh, log in there once by hand before (ssh ada@login.example.org), so that the host's key
    is known: an unknown or changed one is refused. Several login hosts: --access
    'host=["login1.example.org", "login2.example.org:2222"]'.

    Example: vestec machines add local --base-directory /var/tmp/jobs --slots 2 --enable

    Example: vestec machines add archer --connection ssh --access host=login.example.org --access
    user=ada --access key=~/.ssh/id_ed25519 --base-directory /work/ada/vestec

    Next: vestec machines show NAME
    """
    settings = MachineSettings(
        name=name,
        connection=connection,
        dialect=dialect,
        base_directory=str(Path(base_directory).absolute())
        if connection == "local"
        else base_directory,
        nodes=nodes,
        cores_per_node=cores_per_node,
        slots=slots,
        access=parameters_of(None, access or ()),
        batch=parameters_of(None, batch or ()),
        environment=pairs(environment or ()),
        limits=MachineLimits.model_validate(_limits_of(limit)),
        policy=_policy_of(policy) or {},
        test_mode=test_mode,
    )
    connect(settings)  # says what is wrong before anybody is told of it
    commands: list[Command] = [e.AddMachine(settings=settings)]
    if enable:
        commands.append(e.EnableMachine(name=name))
    _steer(ctx, name, commands, json, make=True)


@app.command()
def edit(
    ctx: typer.Context,
    name: Named,
    base_directory: Annotated[str | None, typer.Option(metavar="DIR")] = None,
    connection: Annotated[str | None, typer.Option()] = None,
    access: Access = None,
    dialect: Annotated[str | None, typer.Option()] = None,
    batch: Batch = None,
    slots: Annotated[int | None, typer.Option()] = None,
    nodes: Annotated[int | None, typer.Option()] = None,
    cores_per_node: Annotated[int | None, typer.Option()] = None,
    environment: Environment = None,
    limit: Limit = None,
    policy: Policy = None,
    test_mode: Annotated[bool | None, typer.Option("--test-mode/--no-test-mode")] = None,
    json: AsJson = False,
) -> None:
    """Change what is known of a machine: what is given; all else stays as it is.

    Of --access, --batch, --limit and --environment what is given changes; KEY=null takes one away.
    Where jobs of ours are found (connection, dialect, base directory, access, test mode) is changed
    only while there are none: vestec machines drain NAME.

    Example: vestec machines edit archer --nodes 128 --batch queue=urgent

    Next: vestec machines show NAME
    """

    async def work() -> None:
        async with desk(ctx) as at:
            was = (await _machine(at.storage, name)).settings.model_dump()
            given = {
                "base_directory": base_directory,
                "connection": connection,
                "dialect": dialect,
                "slots": slots,
                "nodes": nodes,
                "cores_per_node": cores_per_node,
                "test_mode": test_mode,
                "policy": _policy_of(policy),
                "access": _changed(was["access"], parameters_of(None, access or ())),
                "batch": _changed(was["batch"], parameters_of(None, batch or ())),
                "environment": _changed(was["environment"], pairs(environment or ())),
                "limits": _changed(was["limits"], _limits_of(limit)),
            }
            now = {key: value for key, value in given.items() if value is not None}
            settings = MachineSettings.model_validate({**was, **now})
            connect(settings)
            known = await _all(at, [e.ChangeMachine(settings=settings)])
            after = await _machine(at.storage, name) if known else None
        if json:
            as_json(after or {"name": name, "known": False})
        else:
            say(f"{name} {'is changed' if after else 'not known yet'}")

    run(work())


def _policy_of(file: Path | None) -> dict[str, Any] | None:
    return None if file is None else parameters_of(file, ())


def _limits_of(given: list[str] | None) -> dict[str, Any]:
    limits, there_are = parameters_of(None, given or ()), MachineLimits.model_fields
    if unknown := limits.keys() - there_are.keys():
        raise Complaint(f"There is no limit {min(unknown)}; there are: {', '.join(there_are)}.")
    return limits


def _changed(was: Mapping[str, V], given: Mapping[str, V]) -> dict[str, V]:
    after = {**was, **given}
    return {key: value for key, value in after.items() if value not in (None, "null")}


@app.command()
def remove(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Take a machine out of the fleet; its history stays. Refused while jobs of ours are there.

    Example: vestec machines remove archer

    Next: vestec machines list
    """

    async def work() -> None:
        async with desk(ctx) as at:
            known = await _all(at, [e.RemoveMachine(name=name)])
        if json:
            as_json({"name": name, "known": known})
        else:
            say(f"{name} {'is removed' if known else 'not known yet'}")

    run(work())


@app.command()
def drain(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Let no new job go to a machine, and wait until none of ours is there any more.

    Ctrl-C ends the waiting, not the draining.

    Example: vestec machines drain archer

    Next: vestec machines edit NAME, vestec machines remove NAME
    """

    async def work() -> None:
        async with desk(ctx) as at:
            await _all(at, [e.DisableMachine(name=name)])
            told = 0
            while jobs := len((after := await _machine(at.storage, name)).simulations):
                if jobs != told and not json:
                    say(f"{jobs} of our jobs are on {name}")
                told = jobs
                await asyncio.sleep(_LOOK)
        if json:
            as_json(after)
        else:
            say(f"{name} is drained")

    run(work())


@app.command()
def enable(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Let new jobs go to a machine.

    Example: vestec machines enable local

    Next: vestec machines show NAME
    """
    _steer(ctx, name, [e.EnableMachine(name=name)], json)


@app.command()
def disable(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Let no new job go to a machine; those there are followed to their end.

    Example: vestec machines disable local

    Next: vestec machines list
    """
    _steer(ctx, name, [e.DisableMachine(name=name)], json)


@app.command()
def audit(
    ctx: typer.Context,
    name: Named,
    limit: Annotated[int, typer.Option(min=1, help="Of the newest lines.")] = 1000,
    json: AsJson = False,
) -> None:
    """Show what was done on a machine: each command that changes something, with its result.

    It says for whom: the user, the incident and its stage. Questions change nothing and are not in
    it. It is kept for ever.

    Example: vestec machines audit local

    Next: vestec simulations show ID
    """

    async def work() -> list[Entry]:
        async with kept(ctx) as storage:
            await _machine(storage, name)
            return await read_audit(storage.pool, name, limit)

    found = run(work())
    if json:
        return as_json(found)
    rows = [
        (
            entry.time,
            entry.command,
            entry.result,
            entry.token,
            entry.simulation,
            entry.incident,
            entry.stage,
            entry.user,
        )
        for entry in found
    ]
    columns = ("time", "command", "result", "job", "simulation", "incident", "stage", "user")
    table(columns, rows, "Nothing was done there yet.")
    return None


@app.command()
def check(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Find out what can be known of a machine: a tick, a cross and what to do, or unknown.

    The running system does it, over the connection that it has there: it asks the login node and
    the batch system, moves a file, and runs a job of a second, whose folder is removed afterwards.
    Ctrl-C ends the waiting, not the check.

    What it measured (how late the accounts are, whether there are any) counts from then on, where
    the machine's settings say nothing of it.

    Example: vestec machines check archer

    Next: vestec machines show NAME, vestec machines enable NAME
    """

    async def work() -> Checkup | None:
        async with desk(ctx) as at:
            before = await _machine(at.storage, name)
            if not await _all(at, [e.CheckMachine(name=name, check=uuid4())]):
                return None
            while (after := await _machine(at.storage, name)).checked in (None, before.checked):
                if after.login_needed:
                    raise Complaint(f"{LOGIN_NEEDED}: {after.reason}. {name} is checked after it.")
                await asyncio.sleep(_LOOK)
            return after.checkup

    found = run(work())
    if json:
        as_json(found or {"name": name, "known": False})
    elif found:
        _show_checkup(found)
    else:
        say(f"what {name} is like is not known yet")


_MARKS = {Mark.YES: "✓", Mark.NO: "✗", Mark.UNKNOWN: "?"}


def _show_checkup(checkup: Checkup) -> None:
    lines = checkup.findings
    rows = [(_MARKS[one.mark], one.about, one.found, one.advice) for one in lines]
    table(("", "question", "found", "what to do"), rows, "Nothing was asked.")
    if checkup.learned:
        say(f"learned: {compact(checkup.learned)}")


@app.command()
def login(ctx: typer.Context, name: Named, json: AsJson = False) -> None:
    """Log in to a machine where LOGIN NEEDED is shown, or say that it lets us in again.

    Over openssh, ssh asks here what the centre wants to know (a password, a code), and nothing of
    it is stored: run this as the account, and on the computer, that runs the system. Over ssh, the
    machine is tried once more with the keys that it has.

    A refused login is never tried again by itself: it would bring the account nearer to being
    locked. See first to what refuses it: a key that expired, an account that was closed. Jobs there
    are untouched meanwhile, and followed again afterwards.

    Example: vestec machines login archer

    Next: vestec machines show NAME
    """

    async def work() -> Machine:
        async with kept(ctx) as storage:
            return await _machine(storage, name)

    settings = run(work()).settings
    if settings.connection == "openssh":
        _log_in(access_of(settings, OpensshAccess))
    _steer(ctx, name, [e.AllowLogin(name=name)], json)


@app.command()
def simulate(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Its home directory; made if there is none.")
    ],
    dialect: Annotated[
        str, typer.Option(metavar="NAME", help="Whose commands its login node has.")
    ] = "slurm",
    seed: Annotated[int, typer.Option(help="Of the lots by which things happen.")] = 0,
    trouble: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="The chance of a job to be killed, to vanish, to be preempted, to get a slow"
            " answer to its submission or none; and of each minute that nothing answers in it.",
        ),
    ] = 0.05,
    nodes: Annotated[int, typer.Option(min=1, help="How many it has.")] = 4,
    wait: Annotated[
        float, typer.Option(min=0.001, help="Mean seconds of a job in the queue.")
    ] = 10.0,
    accounts_lag: Annotated[
        float, typer.Option(min=0, help="Seconds by which its accounts are late.")
    ] = 5.0,
    port: Annotated[int, typer.Option(help="On 127.0.0.1; 0: any that is free.")] = 0,
    json: AsJson = False,
) -> None:
    """Serve a cluster to rehearse on, until Ctrl-C: an SSH server with a batch system's commands.

    Its jobs really run, on this computer and as you; when they start, and what befalls them, is a
    model's, by lot from the seed. It prints how it is added as a machine. When it ends it kills its
    jobs and forgets them; a key in its folder lets in whoever can read it.

    Example: vestec machines simulate rehearsal --seed 7

    Next: vestec machines add NAME, as it says itself
    """
    from interfaces.cli.simulating import simulate as serving

    serve(
        serving(
            folder.absolute(),
            dialect,
            seed=seed,
            trouble=trouble,
            nodes=nodes,
            wait=wait,
            accounts_lag=accounts_lag,
            port=port,
            json=json,
        )
    )


def _log_in(access: OpensshAccess) -> None:
    """In this terminal, unless somebody has before."""
    there = subprocess.run(command(access, "-O", "check"), capture_output=True, check=False)
    if there.returncode and subprocess.run(login_command(access), check=False).returncode:
        raise Complaint(f"Nobody is logged in to {access.host}: ssh says why above.")


def _reachable(machine: Machine) -> str | bool:
    if machine.login_needed:
        return LOGIN_NEEDED
    return "unknown" if machine.reachable is None else machine.reachable


def _steer(
    ctx: typer.Context, name: str, commands: list[Command], json: bool, make: bool = False
) -> None:
    async def work() -> None:
        async with desk(ctx, make=make) as at:
            known = await _all(at, commands)
            after = await _machine(at.storage, name) if known else None
        if json:
            as_json(after or {"name": name, "known": False})
        else:
            say(f"{name} {_words(after)}")

    run(work())


async def _all(at: Desk, commands: list[Command]) -> bool:
    outcomes = [await at.carry_out(Context.MACHINES, FLEET, one, "machines") for one in commands]
    return all(outcomes)


def _words(after: Machine | None) -> str:
    if after is None:
        return "not known yet"
    return "enabled" if after.enabled else "disabled"


async def _machine(storage: Storage, name: str) -> Machine:
    found = {machine.name: machine for machine in await list_machines(storage.pool)}
    if name not in found:
        raise Complaint(f"There is no machine {name}; there are: {', '.join(found) or 'none'}.")
    return found[name]
