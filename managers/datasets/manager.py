"""State, decisions and runtime form of the Data Manager."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import dropwhile
from uuid import UUID

from events import datasets as e
from events.datasets import DataSet
from events.values import INLINE_BYTES, Context, Event
from managers.answers import answer
from managers.runtime import (
    Effect,
    Given,
    Manager,
    Rejected,
)
from managers.runtime.manager import Input

_PAGE_BYTES = INLINE_BYTES // 2
"""Of the data sets in one answer."""


@dataclass(frozen=True, slots=True)
class DataSets:
    """The data sets of one incident in order of registration, and which replaced which."""

    by_id: Mapping[UUID, DataSet] = field(default_factory=dict)
    superseded_by: Mapping[UUID, UUID] = field(default_factory=dict)

    def valid(self, before: UUID | None = None) -> Iterator[DataSet]:
        """Newest first, without superseded ones; all, or those registered before that one."""
        newest_first = iter(reversed([*self.by_id.values()]))
        if before is not None:
            newest_first = dropwhile(lambda one: one.id != before, newest_first)
            next(newest_first, None)
        return (one for one in newest_first if one.id not in self.superseded_by)


def data_set_manager() -> Manager[DataSets, object]:
    """The manager of data sets."""
    return Manager(
        context=Context.DATASETS,
        sources=(Context.INCIDENTS, Context.SIMULATIONS),
        state=DataSets,
        fold=2,
        decide=decide,
        evolve=evolve,
    )


def evolve(was: DataSets | None, event: Event) -> DataSets | None:
    """The data sets after an event; None when the incident is over."""
    was = was or DataSets()
    match event:
        case e.DataSetRegistered():
            return replace(was, by_id={**was.by_id, event.data_set.id: event.data_set})
        case e.DataSetSuperseded():
            return replace(was, superseded_by={**was.superseded_by, event.data_set: event.by})
        case e.DataSetsClosed():
            return None
    return was


def decide(was: DataSets | None, input: Input, given: Given) -> Iterable[Effect]:
    """The effects of one command on an incident's data sets."""
    if isinstance(input, e.CloseDataSets):
        return [e.DataSetsClosed()] if was else []
    was = was or DataSets()
    match input:
        case e.RegisterDataSet():
            return _register(was, input)
        case e.ListDataSets():
            return answer(input.reply_to, _page(was, input.before).model_dump(mode="json"))
    raise Rejected(f"data sets do not take {type(input).__name__}")


def _page(was: DataSets, before: UUID | None) -> e.DataSetPage:
    """At least one data set, and no more than make an answer large."""
    if before is not None and before not in was.by_id:
        raise Rejected(f"there is no data set {before}")
    size, data_sets = 0, list[DataSet]()
    for data_set in was.valid(before):
        size += len(data_set.model_dump_json())
        if data_sets and size > _PAGE_BYTES:
            return e.DataSetPage(data_sets=tuple(data_sets), older=True)
        data_sets.append(data_set)
    return e.DataSetPage(data_sets=tuple(data_sets), older=False)


def _register(was: DataSets, wanted: e.RegisterDataSet) -> Iterator[Effect]:
    data_set = wanted.data_set
    known = was.by_id.get(data_set.id)
    if known is not None and known != data_set:
        raise Rejected(f"data set {data_set.id} is registered already, as {known.name}")
    unknown = [str(old) for old in wanted.supersedes if old not in was.by_id]
    if unknown:
        raise Rejected(f"cannot supersede what is not there: {', '.join(unknown)}")
    if known is None:
        yield e.DataSetRegistered(incident=wanted.incident, data_set=data_set)
        for old in wanted.supersedes:
            if old not in was.superseded_by:
                yield e.DataSetSuperseded(data_set=old, by=data_set.id)
    yield from answer(wanted.reply_to, data_set.model_dump(mode="json"))
