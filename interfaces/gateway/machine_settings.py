"""Machines: add them, and change what is known of them."""

from collections.abc import Mapping
from typing import TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import ValidationError

from events.accounts import Accounts
from events.machines import AddMachine, EditMachine, MachineChanges, MachineSettings
from interfaces.gateway.exchange import answer, as_of, body_of, idempotency_key
from interfaces.gateway.machines import MACHINES, carrying, named, one
from interfaces.gateway.problems import Problem, invalid, unfit
from interfaces.gateway.surroundings import edge_of
from interfaces.gateway.writes import not_known_yet, write, write_and
from interfaces.machines.registry import connect
from interfaces.showing import shown_machine
from projections.people import find_person

V = TypeVar("V")


class NewMachine(MachineSettings):
    """The settings of a machine, and whether jobs go there at once."""

    enable: bool = False


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
    given, was = await body_of(request, MachineChanges), (await named(request)).settings
    accounts = given.accounts.model_copy(update={"of": await _by_id(request, given.accounts.of)})
    changes = given.model_copy(update={"accounts": accounts})
    try:
        connect(changes.made_to(was))  # says what is wrong, field by field
    except ValidationError as error:
        raise invalid(error, status=422) from None
    command = EditMachine(name=was.name, changes=changes)
    return await write_and(request, carrying(idempotency_key(request), command), one)


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
