"""Whose jobs are charged to which account of a machine: by name for people, by id in the log."""

from collections.abc import Mapping

from deploy.storage import Storage
from events.accounts import Accounts
from events.machines import AccountsChange
from interfaces.cli.session import the_one
from projections.incidents import TABLE as INCIDENTS
from projections.people import find_person, list_people


async def accounts_change(
    storage: Storage, given: Mapping[str, str | None], only: bool | None
) -> AccountsChange:
    """By id what is given by name. Raises `Complaint` for whom nobody knows."""
    of = {await _id(storage, who): account for who, account in given.items()}
    return AccountsChange(of=of, only=only)


async def by_name(storage: Storage, accounts: Accounts) -> dict[str, str]:
    """The accounts with users' login names; who is not known any more keeps the id."""
    names = {str(person.id): person.username for person in await list_people(storage.pool)}
    return {names.get(id, id): account for id, account in accounts.of.items()}


async def _id(storage: Storage, who: str) -> str:
    if person := await find_person(storage.pool, who):
        return str(person.id)
    return await the_one(storage, INCIDENTS, "user or incident", who)
