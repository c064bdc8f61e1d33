"""`vestec users`: who may use the web gateway. Names and password hashes never enter the log."""

import sys
from typing import Annotated
from uuid import UUID, uuid4

import typer

from deploy.storage import Storage
from events import users as e
from events.users import EVERYONE, login_digest
from events.values import Command, Context
from interfaces.cli.errors import Complaint
from interfaces.cli.options import AsJson
from interfaces.cli.output import answer, as_json, say, table
from interfaces.cli.session import desk, kept, run
from interfaces.gateway import hash_password
from projections.people import (
    Person,
    erase_person,
    find_person,
    keep_credential,
    keep_person,
    list_people,
)
from projections.users import User, find_user

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Who may use the web gateway.\n\nBegin with: vestec users add anna --administrator",
)

Named = Annotated[str, typer.Argument(metavar="NAME", help="Name to log in with.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
_LONGEST = 1024


@app.command("list")
def list_(ctx: typer.Context, json: AsJson = False) -> None:
    """List users.

    Example: vestec users list

    Next: vestec users add NAME
    """

    async def work() -> list[tuple[Person, User | None]]:
        async with kept(ctx) as storage:
            people = await list_people(storage.pool)
            return [(person, await find_user(storage.pool, person.id)) for person in people]

    found = run(work())
    if json:
        return as_json([_described(*one) for one in found])
    rows = [list(_described(*one).values()) for one in found]
    return table(_COLUMNS, rows, "There are none yet. Next: vestec users add NAME --administrator")


_COLUMNS = ("id", "username", "name", "email", "administrator", "enabled")


def _described(person: Person, user: User | None) -> dict[str, object]:
    """A user as shown; what the managers have not taken in yet is unknown (None)."""
    rights = (user.administrator, user.enabled) if user else (None, None)
    values = (person.id, person.username, person.name, person.email, *rights)
    return dict(zip(_COLUMNS, values, strict=True))


@app.command()
def add(
    ctx: typer.Context,
    name: Named,
    administrator: Annotated[
        bool, typer.Option("--administrator", help="Sees and steers everything.")
    ] = False,
    full_name: Annotated[str, typer.Option(help="What they are called.")] = "",
    email: Annotated[str, typer.Option(help="Where they read mail.")] = "",
    password_stdin: FromStdin = False,
    json: AsJson = False,
) -> None:
    """Add a user; the password is asked for.

    Example: vestec users add anna --administrator

    Next: log in at POST /api/v1/login of the address that vestec up prints
    """

    async def work() -> None:
        hash = hash_password(_password(password_stdin))
        async with desk(ctx, make=True) as at:
            pool = at.storage.pool
            person = await find_person(pool, name) or Person(
                id=uuid4(), username=name, name=full_name or name, email=email
            )
            if await find_user(pool, person.id):
                raise Complaint(f"There is a user {name} already. See: vestec users password")
            await keep_person(pool, person)
            await keep_credential(pool, "user", str(person.id), hash)
            command = e.AddUser(
                user=person.id, login=login_digest(name), administrator=administrator
            )
            try:
                known = await at.carry_out(Context.USERS, EVERYONE, command, "users")
            except Complaint:
                async with pool.acquire() as connection:
                    await erase_person(connection, person.id)
                raise
            user = await find_user(pool, person.id)
        told = f"{person.id} {name} {'added' if known else 'not known yet'}"
        answer(json, {**_described(person, user), "known": known}, told)

    run(work())


@app.command()
def enable(ctx: typer.Context, name: Named) -> None:
    """Let a user log in again.

    Example: vestec users enable anna

    Next: vestec users list
    """
    _switch(ctx, name, True)


@app.command()
def disable(ctx: typer.Context, name: Named) -> None:
    """Shut a user out, at once and until enabled again.

    Example: vestec users disable anna

    Next: vestec users list
    """
    _switch(ctx, name, False)


def _switch(ctx: typer.Context, name: str, enabled: bool) -> None:
    def command(user: UUID) -> Command:
        return e.EnableUser(user=user) if enabled else e.DisableUser(user=user)

    async def work() -> None:
        async with desk(ctx) as at:
            person = await _person(at.storage, name)
            known = await at.carry_out(Context.USERS, EVERYONE, command(person.id), "users")
        say(f"{name} {('enabled' if enabled else 'disabled') if known else 'not known yet'}")

    run(work())


@app.command()
def password(ctx: typer.Context, name: Named, password_stdin: FromStdin = False) -> None:
    """Give a user another password; it counts at once.

    Example: vestec users password anna

    Next: vestec users list
    """

    async def work() -> None:
        async with kept(ctx) as storage:
            person = await _person(storage, name)
            hash = hash_password(_password(password_stdin))
            await keep_credential(storage.pool, "user", str(person.id), hash)
        say(f"{name} has another password")

    run(work())


async def _person(storage: Storage, name: str) -> Person:
    if (found := await find_person(storage.pool, name)) is None:
        raise Complaint(f"There is no user {name}. See: vestec users list")
    return found


def _password(from_stdin: bool) -> str:
    """The first line of standard input, or what a person types twice."""
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        given = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        raise Complaint("No terminal to ask for a password; pipe it in with --password-stdin.")
    if not 0 < len(given) <= _LONGEST:
        raise Complaint(f"A password has 1 to {_LONGEST} characters.")
    return str(given)
