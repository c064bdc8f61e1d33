"""How busy a machine is: told to whoever knows how busy it was."""

from hypothesis import given
from hypothesis import strategies as st

from events import operations as e
from events.machines import (
    AddMachine,
    LoadNews,
    MachineLoad,
    MachineSeen,
    MachineSettings,
    Queue,
    SeeMachine,
)
from managers.machines import Fleet, machine_manager
from managers.operations import MachineJobs, MachineLooked
from managers.runtime import Send
from tests.managers.operations.test_operations import MANAGER, SUBMIT
from tests.managers.scenario import Scenario, scenario

SETTINGS = MachineSettings(name="m", base_directory="/m")
CONFIGURE = e.ConfigureMachine(settings=SETTINGS)
MANY = MachineLoad(running=50, queues=tuple(Queue(name=f"q{n}", running=n) for n in range(50)))

queues = st.builds(Queue, name=st.sampled_from("abcd"), running=st.integers(0, 2))
loads = st.builds(MachineLoad, running=st.integers(0, 2), queues=st.lists(queues).map(tuple))


def looked(load: MachineLoad | None) -> MachineLooked:
    return MachineLooked(load is not None, load=load)


def answer(of: Scenario[MachineJobs]) -> LoadNews:
    event = of.effects[0]
    assert isinstance(event, e.MachineAnswered)
    assert event.load is not None
    return event.load


def test_of_many_queues_those_that_changed_are_told() -> None:
    of = scenario(MANAGER).when(CONFIGURE).when(looked(MANY)).then(e.MachineAnswered, SeeMachine)
    assert (answer(of).queues, answer(of).gone) == (MANY.queues, None)
    whole = len(answer(of).model_dump_json())
    busier, *others = MANY.queues
    busier = busier.model_copy(update={"running": 99})
    now = MachineLoad(running=149, queues=(busier, *others[1:]))
    of.when(looked(now)).then(e.MachineAnswered, SeeMachine)
    assert (answer(of).queues, answer(of).gone) == ((busier,), (others[0].name,))
    assert len(answer(of).model_dump_json()) < whole / 10
    of.when(looked(MachineLoad(running=149, queues=now.queues[::-1]))).then()


@given(st.lists(st.none() | loads))
def test_who_is_told_of_changes_knows_the_whole(told: list[MachineLoad | None]) -> None:
    of = scenario(MANAGER).when(CONFIGURE)
    fleet: Scenario[Fleet] = scenario(machine_manager()).when(AddMachine(settings=SETTINGS))
    for load in told:
        for effect in of.when(looked(load)).effects:
            if isinstance(effect, Send):
                fleet.when(effect.command).then(MachineSeen)
        assert of.state is not None
        assert fleet.state is not None
        assert of.state.load == fleet.state.machines["m"].load == load


def test_what_an_older_log_tells_is_the_whole() -> None:
    told = {"reachable": True, "load": {"running": 1, "queues": [{"name": "b"}]}}
    old = e.MachineAnswered.model_validate(told)
    configured = e.MachineConfigured(settings=SETTINGS)
    before = e.MachineAnswered(reachable=True, load=LoadNews.of(None, MANY))
    of = scenario(MANAGER).given(configured, before, old)
    assert of.state is not None
    assert of.state.load == MachineLoad(running=1, queues=(Queue(name="b"),))


def test_a_machine_that_was_removed_tells_all_when_it_is_back() -> None:
    of = scenario(MANAGER).when(CONFIGURE).when(SUBMIT).when(looked(MANY))
    of.when(e.ForgetMachine()).when(CONFIGURE)
    of.when(looked(MANY)).then(e.MachineAnswered, SeeMachine)
    assert answer(of) == LoadNews.of(None, MANY)
