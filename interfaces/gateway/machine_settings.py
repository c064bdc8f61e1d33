"""Machines: add them, and change what is known of them."""

from collections.abc import Mapping
from typing import TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, JsonValue, ValidationError

from events.accounts import Accounts
from events.machines import AddMachine, ChangeMachine, MachineSettings
from interfaces.gateway.exchange import answer, as_of, body_of, idempotency_key
from interfaces.gateway.machines import MACHINES, carrying, named, one
from interfaces.gateway.problems import Problem, invalid, unfit
from interfaces.gateway.surroundings import edge_of
from interfaces.gateway.writes import not_known_yet, write, write_and
from interfaces.machines.changes import edited, merged
from interfaces.machines.registry import connect
from interfaces.showing import shown_machine
from projections.people import find_person

V = TypeVar("V")


class NewMachine(MachineSettings):
    """The settings of a machine, and whether jobs go there at once."""

    enable: bool = False


class AccountsChange(BaseModel):
    """Accounts of users, by id or login name, and of incidents; null takes one away."""

    of: dict[str, str | None] = {}
    only: bool | None = None


class MachineChange(BaseModel):
    """What changes of a machine's settings; all else stays as it is.

    Of what is made of names and values, those that are given change, and null takes one away;
    `agents` and `policy` change as a whole.
    """

    connection: str | None = None
    dialect: str | None = None
    base_directory: str | None = None
    nodes: int | None = None
    cores_per_node: int | None = None
    slots: int | None = None
    access: dict[str, JsonValue] = {}
    batch: dict[str, JsonValue] = {}
    limits: dict[str, JsonValue] = {}
    folders: dict[str, JsonValue] = {}
    environment: dict[str, str | None] = {}
    accounts: AccountsChange = AccountsChange()
    agents: list[str] | None = None
    policy: dict[str, JsonValue] | None = None
    test_mode: bool | None = None
    seed: int | None = None


async def add(request: web.Request) -> web.StreamResponse:
    """Add a machine; jobs go there once it is enabled."""
    given = await body_of(request, NewMachine)
    settings = MachineSettings.model_validate(given.model_dump(exclude={"enable"}))
    accounts = Accounts(of=await _by_id(request, settings.accounts.of), only=settings.accounts.only)
    settings = settings.model_copy(update={"accounts": accounts})
    connect(settings)  # says what is wrong before anybody is told of it
    command = AddMachine(settings=settings, enable=given.enable)
    wanted = carrying(idempotency_key(request), command)
    if await write(request, wanted) is None:
        return not_known_yet(wanted)
    headers = await as_of(request, "machines")
    headers["Location"] = f"{MACHINES}/{settings.name}"
    found = await shown_machine(edge_of(request).pool, settings.name)
    if found is None:
        raise Problem(409, f"{settings.name} was added, and was removed since.")
    return answer(found, headers, 201)


async def edit(request: web.Request) -> web.StreamResponse:
    """Change what is known of a machine, test mode included."""
    given, was = await body_of(request, MachineChange), (await named(request)).settings
    changes = {name: value for name, value in given if value is not None}
    of = merged(was.accounts.of, await _by_id(request, given.accounts.of))
    only = was.accounts.only if given.accounts.only is None else given.accounts.only
    try:
        settings = edited(was, {**changes, "accounts": {"of": of, "only": only}})
    except ValidationError as error:
        raise invalid(error, status=422) from None
    wanted = carrying(idempotency_key(request), ChangeMachine(settings=settings))
    use: list[JsonValue] = [was.name, given.model_dump(mode="json", exclude_unset=True)]
    return await write_and(request, wanted, one, use)


async def _by_id(request: web.Request, of: Mapping[str, V]) -> dict[str, V]:
    """The same by the ids of users and incidents. Raises `Problem` for whom nobody knows."""
    found, pool, strangers = dict[str, V](), edge_of(request).pool, list[str]()
    for who, account in of.items():
        if person := await find_person(pool, who):
            found[str(person.id)] = account
        elif _is_id(who):
            found[who.lower()] = account
        else:
            strangers.append(who)
    if strangers:
        faults = [(f"accounts.of.{who}", "no user has this name") for who in strangers]
        raise unfit("Some accounts are for nobody; see `errors`.", faults)
    return found


def _is_id(who: str) -> bool:
    try:
        return str(UUID(who)) == who.lower()
    except ValueError:
        return False
