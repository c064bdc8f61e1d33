"""State, decisions and runtime form of the Data Manager."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from pydantic import JsonValue

from events import datasets as e
from events.datasets import DataSet
from events.values import Context, Event
from managers.answers import answer
from managers.runtime import (
    Effect,
    Given,
    Manager,
    Rejected,
    nothing_due,
    nothing_to_resume,
    nothing_under_way,
)
from managers.runtime.manager import Input


@dataclass(frozen=True, slots=True)
class DataSets:
    """The data sets of one incident in order of registration, and which replaced which."""

    by_id: Mapping[UUID, DataSet] = field(default_factory=dict)
    superseded_by: Mapping[UUID, UUID] = field(default_factory=dict)

    @property
    def valid(self) -> list[DataSet]:
        """Newest first, without superseded ones."""
        return [d for d in reversed([*self.by_id.values()]) if d.id not in self.superseded_by]


def data_set_manager() -> Manager[DataSets, object]:
    """The manager of data sets."""
    return Manager(
        context=Context.DATASETS,
        sources=(Context.INCIDENTS, Context.SIMULATIONS),
        state=DataSets,
        fold=2,
        decide=decide,
        evolve=evolve,
        under_way=nothing_under_way,
        due=nothing_due,
        resume=nothing_to_resume,
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
            valid: list[JsonValue] = [data_set.model_dump(mode="json") for data_set in was.valid]
            return answer(input.reply_to, valid)
    raise Rejected(f"data sets do not take {type(input).__name__}")


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
