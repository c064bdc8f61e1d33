"""The common kind of fold: rows by key, each the fold of its own events."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Generic, TypeVar

from pydantic import BaseModel, TypeAdapter

from events.envelope import Recorded
from projections.database import Connection, Queries, Row, storable_json
from projections.projection import SCHEMA

R = TypeVar("R", bound=BaseModel)
K = TypeVar("K")


@dataclass(frozen=True)
class Table(Generic[K, R]):
    """A table whose columns are the fields of `row`; a row belongs to one partition's events."""

    name: str
    row: type[R]
    key: str
    """The primary key's column."""
    key_of: Callable[[Recorded], K | None]
    """The key of the row an event is about; None: about none of these."""
    evolve: Callable[[R | None, Recorded], R | None]
    """The row after an event: pure."""

    async def fold(self, connection: Connection, recorded: Iterable[Recorded]) -> None:
        """Take in events, in order."""
        touched: dict[K, list[Recorded]] = {}
        for it in recorded:
            if (key := self.key_of(it)) is not None:
                touched.setdefault(key, []).append(it)
        if not touched:
            return
        before = await self._load(connection, touched)
        after = {key: reduce(self.evolve, its, before.get(key)) for key, its in touched.items()}
        await self._store(connection, before, after)

    async def find(self, database: Queries, keys: Iterable[K]) -> list[R]:
        """The rows of these keys, as far as there are any."""
        return [self.parse(record) for record in await database.fetch(self._select, list(keys))]

    async def keys_beginning(self, database: Queries, prefix: str, limit: int) -> list[str]:
        """At most `limit` keys that begin with `prefix`, in order."""
        found = await database.fetch(
            f'select "{self.key}"::text from {SCHEMA}.{self.name}'
            f' where starts_with("{self.key}"::text, lower($1)) order by 1 limit $2',
            prefix,
            limit,
        )
        return [key for (key,) in found]

    def parse(self, record: Row) -> R:
        return self.row.model_validate(dict(record))

    async def _load(self, connection: Connection, keys: Iterable[K]) -> dict[K, R]:
        found = await connection.fetch(self._select, list(keys))
        return {record[self.key]: self.parse(record) for record in found}

    async def _store(
        self, connection: Connection, before: Mapping[K, R], after: Mapping[K, R | None]
    ) -> None:
        changed = [row for key, row in after.items() if row is not None and row != before.get(key)]
        if changed:
            text = self._rows.dump_json(changed).decode()
            await connection.execute(self._upsert, storable_json(text))
        gone = [key for key in before if after[key] is None]
        if gone:
            await connection.execute(
                f'delete from {SCHEMA}.{self.name} where "{self.key}" = any($1)', gone
            )

    @cached_property
    def _rows(self) -> TypeAdapter[list[R]]:
        return TypeAdapter(list[self.row])  # type: ignore[name-defined]

    @cached_property
    def _select(self) -> str:
        columns = ", ".join(f'"{name}"' for name in self.row.model_fields)
        return f'select {columns} from {SCHEMA}.{self.name} where "{self.key}" = any($1)'

    @cached_property
    def _upsert(self) -> str:
        names = [f'"{name}"' for name in self.row.model_fields]
        columns = ", ".join(names)
        new = ", ".join(f"{name} = excluded.{name}" for name in names)
        return (
            f"insert into {SCHEMA}.{self.name} ({columns}) select {columns}"
            f" from jsonb_populate_recordset(null::{SCHEMA}.{self.name}, $1)"
            f' on conflict ("{self.key}") do update set {new}'
        )
