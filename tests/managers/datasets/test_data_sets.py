"""What data sets an incident has, and what replaced what."""

from uuid import UUID

from events import datasets as e
from events.datasets import DataSet
from events.incidents import AnswerCall
from events.users import EnableUser
from events.values import INLINE_BYTES, Blob, IncidentId, ReplyTo
from managers.datasets import DataSets, data_set_manager
from managers.runtime import Send
from tests.managers.scenario import Scenario, scenario

ID = IncidentId("i-1")
REPLY = ReplyTo(incident=ID, run=UUID(int=9), call="register")
MANAGER = data_set_manager()


def data_set(number: int, content: bytes = b"a map") -> DataSet:
    return DataSet(id=UUID(int=number), name=f"map-{number}", blob=Blob.of(content))


def register(number: int, *supersedes: int, content: bytes = b"a map") -> e.RegisterDataSet:
    return e.RegisterDataSet(
        incident=ID,
        data_set=data_set(number, content),
        supersedes=tuple(UUID(int=old) for old in supersedes),
        reply_to=REPLY,
    )


def page(of: Scenario[DataSets], before: UUID | None = None) -> e.DataSetPage:
    """What the manager answers to a list."""
    of.when(e.ListDataSets(before=before, reply_to=REPLY)).then(AnswerCall)
    (effect,) = of.effects
    assert isinstance(effect, Send)
    assert isinstance(effect.command, AnswerCall)
    return e.DataSetPage.model_validate(effect.command.value.json_value)


def listed(of: Scenario[DataSets]) -> list[str]:
    """The names on the first page."""
    return [one.name for one in page(of).data_sets]


def test_a_data_set_is_registered_once_and_answered_each_time() -> None:
    of = scenario(MANAGER).when(register(1)).then(e.DataSetRegistered, AnswerCall)
    of.when(register(1)).then(AnswerCall)


def test_another_data_set_of_the_same_id_is_refused() -> None:
    of = scenario(MANAGER).when(register(1))
    of.when(register(1, content=b"another")).rejected("is registered already, as map-1")


def test_the_list_is_newest_first_without_what_was_superseded() -> None:
    of = scenario(MANAGER)
    assert listed(of) == []
    of.when(register(1)).when(register(2))
    of.when(register(3, 1)).then(
        e.DataSetRegistered,
        e.DataSetSuperseded(data_set=UUID(int=1), by=UUID(int=3)),
        AnswerCall,
    )
    assert listed(of) == ["map-3", "map-2"]


def test_a_long_list_is_answered_in_pages_that_fit_into_records() -> None:
    of = scenario(MANAGER)
    of.given(*(e.DataSetRegistered(incident=ID, data_set=data_set(n)) for n in range(1000)))
    found, before = list[str](), None
    while (one := page(of, before)).older:
        assert len(one.model_dump_json()) <= INLINE_BYTES
        found += [data_set.name for data_set in one.data_sets]
        before = one.data_sets[-1].id
        of.when(register(2000 + len(found)))
    found += [data_set.name for data_set in one.data_sets]
    assert found == [f"map-{n}" for n in reversed(range(1000))]


def test_a_page_goes_on_behind_what_was_superseded_meanwhile() -> None:
    of = scenario(MANAGER).when(register(1)).when(register(2)).when(register(3, 2))
    assert [one.name for one in page(of, UUID(int=2)).data_sets] == ["map-1"]
    of.when(e.ListDataSets(before=UUID(int=9), reply_to=REPLY)).rejected("no data set")


def test_what_was_superseded_stays_so_by_the_first() -> None:
    of = scenario(MANAGER).when(register(1)).when(register(2, 1))
    of.when(register(3, 1)).then(e.DataSetRegistered, AnswerCall)


def test_only_what_is_there_is_superseded() -> None:
    scenario(MANAGER).when(register(2, 1)).rejected("cannot supersede what is not there")


def test_with_the_incident_they_leave_the_managers_state() -> None:
    of = scenario(MANAGER).when(e.CloseDataSets()).then()
    of.when(register(1)).when(e.CloseDataSets()).then(e.DataSetsClosed())
    assert of.state is None


def test_commands_of_somebody_else_are_refused() -> None:
    scenario(MANAGER).when(EnableUser(user=UUID(int=1))).rejected("do not take EnableUser")
