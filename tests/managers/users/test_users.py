"""Opaque ids and rights."""

from uuid import UUID

from events import users as e
from events.datasets import CloseDataSets
from events.users import login_digest
from managers.users import user_manager
from tests.managers.scenario import scenario

ANNA, BERT = UUID(int=1), UUID(int=2)
MANAGER = user_manager()


def add(user: UUID, name: str, administrator: bool = False) -> e.AddUser:
    return e.AddUser(user=user, login=login_digest(name), administrator=administrator)


def test_a_user_is_added_once() -> None:
    of = scenario(MANAGER).when(add(ANNA, "anna", administrator=True)).then(e.UserAdded)
    of.when(add(ANNA, "anna", administrator=True)).then()
    of.when(add(ANNA, "bert")).rejected("another user of that id")


def test_names_are_unique_whatever_their_case() -> None:
    of = scenario(MANAGER).when(add(ANNA, "anna"))
    of.when(add(BERT, " Anna ")).rejected("there is a user of that name already")
    of.when(add(BERT, "bert")).then(e.UserAdded)


def test_users_are_disabled_and_enabled() -> None:
    of = scenario(MANAGER).when(add(ANNA, "anna")).when(e.EnableUser(user=ANNA)).then()
    of.when(e.DisableUser(user=ANNA)).then(e.UserDisabled(user=ANNA))
    of.when(e.DisableUser(user=ANNA)).then()
    of.when(e.EnableUser(user=ANNA)).then(e.UserEnabled(user=ANNA))
    of.when(e.DisableUser(user=BERT)).rejected("there is no such user")


def test_commands_of_somebody_else_are_refused() -> None:
    scenario(MANAGER).when(CloseDataSets()).rejected("do not take CloseDataSets")
