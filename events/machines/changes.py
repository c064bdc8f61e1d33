"""What changes of a machine's settings, as it is asked for: what is not said stays as it is.

It is made to the settings as they are when it is decided, so that nobody's edit undoes another's.
"""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import JsonValue

from events.entry import said
from events.machines.settings import MachineSettings
from events.values import Value

V = TypeVar("V")

_BY_NAME = ("access", "batch", "limits", "folders", "environment")
"""Of these what is given changes, name by name; of all others the whole."""


class AccountsChange(Value):
    """Accounts of users and of incidents, by id (in a request, by login name, too); null takes one
    away."""

    of: dict[str, str | None] = {}
    only: bool | None = None


class MachineChanges(Value):
    """What changes of a machine's settings; null, or nothing: it stays as it is.

    Of what is made of names and values, those that are given change, and null takes one away;
    `agents` and `policy` change as a whole.
    """

    connection: str | None = None
    dialect: str | None = None
    base_directory: str | None = None
    templates: str | None = None
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

    def made_to(self, was: MachineSettings) -> MachineSettings:
        """The settings after it. Raises `pydantic.ValidationError` where they are none."""
        before, given = was.model_dump(), {name: value for name, value in self if value is not None}
        by_name = {name: _merged(before[name], given[name]) for name in _BY_NAME}
        of, only = self.accounts.of, self.accounts.only
        accounts = {
            "of": _merged(was.accounts.of, of),
            "only": was.accounts.only if only is None else only,
        }
        return said(MachineSettings, {**before, **given, **by_name, "accounts": accounts})


def _merged(was: Mapping[str, V], given: Mapping[str, V | None]) -> dict[str, V]:
    return {name: value for name, value in {**was, **given}.items() if value is not None}
