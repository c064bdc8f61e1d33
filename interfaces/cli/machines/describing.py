"""How a machine is described: when it is added, and when something of that changes."""

from pathlib import Path
from typing import Annotated

import typer

from events import machines as e
from events.entry import said
from events.machines import MachineChanges, MachineFolders, MachineLimits, MachineSettings
from interfaces.cli.inputs import pairs, parameters_of
from interfaces.cli.machines.accounts import accounts_change
from interfaces.cli.machines.naming import Named, machine_named
from interfaces.cli.machines.options import (
    Access,
    Account,
    AccountsOnly,
    Agent,
    Batch,
    Environment,
    Folders,
    Limit,
    Policy,
    Templates,
    agents_of,
    fields_of,
    policy_of,
    texts_of,
)
from interfaces.cli.machines.steering import changed, tell
from interfaces.cli.options import AsJson
from interfaces.cli.output import answer
from interfaces.cli.session import desk, run
from interfaces.machines.registry import connect


def add(
    ctx: typer.Context,
    name: Named,
    base_directory: Annotated[
        str,
        typer.Option(metavar="DIR", help="Everything of ours on it lies below; made if missing."),
    ],
    templates: Templates = None,
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
    folder: Folders = None,
    policy: Policy = None,
    account: Account = None,
    accounts_only: AccountsOnly = None,
    agent: Agent = None,
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
    user=ada --access key=~/.ssh/id_ed25519 --base-directory /scratch/ada/vestec

    Next: vestec machines show NAME
    """
    local = connection == "local"
    given = {
        "name": name,
        "connection": connection,
        "dialect": dialect,
        "base_directory": str(Path(base_directory).absolute()) if local else base_directory,
        **({"templates": templates} if templates is not None else {}),
        "nodes": nodes,
        "cores_per_node": cores_per_node,
        "slots": slots,
        "access": parameters_of(None, access or ()),
        "batch": parameters_of(None, batch or ()),
        "environment": pairs(environment or ()),
        "limits": fields_of("limit", MachineLimits, limit),
        "folders": fields_of("time of folders", MachineFolders, folder),
        "policy": policy_of(policy) or {},
        "agents": agents_of(agent) or (),
        "test_mode": test_mode,
    }
    settings = said(MachineSettings, given)
    connect(settings)  # says what is wrong before anybody is told of it

    async def work() -> None:
        async with desk(ctx, make=True) as at:
            mapped = await accounts_change(at.storage, texts_of(account), accounts_only)
            whole = MachineChanges(accounts=mapped).made_to(settings)
            add = e.AddMachine(settings=whole, enable=enable)
            tell(name, await changed(at, name, [add]), json)

    run(work())


def edit(
    ctx: typer.Context,
    name: Named,
    base_directory: Annotated[str | None, typer.Option(metavar="DIR")] = None,
    templates: Templates = None,
    connection: Annotated[str | None, typer.Option()] = None,
    access: Access = None,
    dialect: Annotated[str | None, typer.Option()] = None,
    batch: Batch = None,
    slots: Annotated[int | None, typer.Option()] = None,
    nodes: Annotated[int | None, typer.Option()] = None,
    cores_per_node: Annotated[int | None, typer.Option()] = None,
    environment: Environment = None,
    limit: Limit = None,
    folder: Folders = None,
    policy: Policy = None,
    account: Account = None,
    accounts_only: AccountsOnly = None,
    agent: Agent = None,
    test_mode: Annotated[bool | None, typer.Option("--test-mode/--no-test-mode")] = None,
    json: AsJson = False,
) -> None:
    """Change what is known of a machine: what is given; all else stays as it is.

    Of --access, --batch, --limit, --folder, --environment and --account what is given changes;
    KEY=null takes one away.
    Where jobs of ours are found (connection, dialect, base directory, access, test mode) is changed
    only while there are none: vestec machines drain NAME.

    Example: vestec machines edit archer --nodes 128 --batch queue=urgent

    Example: vestec machines edit archer --account ada=fire --account 3f2a=exercise --accounts-only

    Next: vestec machines show NAME
    """

    async def work() -> None:
        async with desk(ctx) as at:
            changes = MachineChanges(
                base_directory=base_directory,
                templates=templates,
                connection=connection,
                dialect=dialect,
                slots=slots,
                nodes=nodes,
                cores_per_node=cores_per_node,
                test_mode=test_mode,
                policy=policy_of(policy),
                agents=agents_of(agent),
                accounts=await accounts_change(at.storage, texts_of(account), accounts_only),
                access=parameters_of(None, access or ()),
                batch=parameters_of(None, batch or ()),
                environment=texts_of(environment),
                limits=fields_of("limit", MachineLimits, limit),
                folders=fields_of("time of folders", MachineFolders, folder),
            )
            before = (await machine_named(at.storage, name)).settings
            connect(changes.made_to(before))  # as in `add`
            after = await changed(at, name, [e.EditMachine(name=before.name, changes=changes)])
        told = f"{name} {'is changed' if after else 'not known yet'}"
        answer(json, after or {"name": name, "known": False}, told)

    run(work())
