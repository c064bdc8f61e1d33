"""Which machines there are, and where a simulation runs best."""

from typing import Any
from uuid import UUID

from events import machines as e
from events.accounts import Accounts
from events.checkups import Checkup
from events.jobs import JobState
from events.machines import LoadNews, MachineSettings
from events.operations import CheckUp, ConfigureMachine, EstimateJob, ForgetMachine, TryLogin
from events.simulations import PlaceSimulation, RefusePlacement, Resources
from events.values import IncidentId
from managers.machines import Fleet, machine_manager
from managers.runtime import Send
from tests.managers.scenario import Scenario, scenario

ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)
MANAGER = machine_manager()


def settings(name: str, **more: Any) -> MachineSettings:
    return MachineSettings(name=name, base_directory="/m", **more)


def add(name: str, **more: Any) -> e.AddMachine:
    return e.AddMachine(settings=settings(name, **more))


def edit(name: str, **changes: Any) -> e.EditMachine:
    return e.EditMachine(name=name, changes=e.MachineChanges(**changes))


def see(name: str, running: int | None = 0, queued: int | None = 0) -> e.SeeMachine:
    return e.SeeMachine(name=name, reachable=True, load=LoadNews(running=running, queued=queued))


def lose(name: str) -> e.SeeMachine:
    return e.SeeMachine(name=name, reachable=False, reason="no route")


def choose(id: UUID = ONE, wanted: str | None = None, **needs: int) -> e.ChooseMachine:
    return e.ChooseMachine(
        simulation=id,
        incident=IncidentId("i-1"),
        resources=Resources(walltime=60, **needs),
        wanted=wanted,
    )


def fleet(*names: str, **more: Any) -> Scenario[Fleet]:
    of = scenario(MANAGER)
    for name in names:
        of.when(add(name, **more)).when(e.EnableMachine(name=name)).when(see(name))
    return of


def chosen(of: Scenario[Fleet]) -> e.MachineChosen:
    return next(effect for effect in of.effects if isinstance(effect, e.MachineChosen))


# Machines.


def test_a_machine_is_changed_and_its_interface_told() -> None:
    changed = edit("m", nodes=4)
    of = fleet("m").when(changed).then(e.MachineChanged, ConfigureMachine).when(changed).then()
    of.when(choose(nodes=4)).then(e.MachineChosen, PlaceSimulation)
    fleet().when(changed).rejected("there is no machine m")


def test_of_two_edits_neither_undoes_the_other() -> None:
    first = {"nodes": 2, "limits": {"commands": 60}, "environment": {"A": "1", "B": "2"}}
    of = fleet("m", **first, accounts=Accounts(of={"ada": "z01"}, only=True))
    of.when(edit("m", slots=3, limits={"ask": 5}, accounts={"of": {"bert": "z02"}}))
    of.when(edit("m", cores_per_node=4, environment={"A": None, "C": "3"}))
    of.when(edit("m", nodes=8)).when(edit("m", nodes=9, accounts={"of": {"ada": None}}))
    assert of.state is not None
    assert of.state.machines["m"].settings == settings(
        "m",
        nodes=9,
        slots=3,
        cores_per_node=4,
        limits=e.MachineLimits(commands=60, ask=5),
        environment={"B": "2", "C": "3"},
        accounts=Accounts(of={"bert": "z02"}, only=True),
    )


def test_an_edit_that_leaves_no_machine_is_refused_with_its_place() -> None:
    of = fleet("m").when(edit("m", nodes=0)).rejected("machine m: nodes: ", "greater than 0")
    of.when(edit("m", limits={"comands": 9})).rejected("limits.comands", "not permitted")


def test_what_nobody_may_ask_for_is_refused_and_mended_where_a_log_has_it() -> None:
    scenario(MANAGER).when(add("m", slots=10**30)).rejected("machine m: slots: ", "1000000")
    of = scenario(MANAGER).given(e.MachineAdded(settings=settings("m", slots=10**30)))
    of.when(edit("m", nodes=2)).rejected("machine m: slots: ", "1000000")
    of.when(edit("m", nodes=2, slots=2)).then(e.MachineChanged, ConfigureMachine)
    job = e.EstimateStart(name="m", estimate=ONE, resources=Resources(walltime=60, constraint="$x"))
    of.when(job).rejected("the job: constraint: ")


def test_all_settings_at_once_as_older_systems_said_them_replace_all() -> None:
    of = fleet("m", slots=3, environment={"A": "1"})
    of.when(e.ChangeMachine(settings=settings("m", nodes=4)))
    of.then(e.MachineChanged, ConfigureMachine)
    assert of.state is not None
    assert of.state.machines["m"].settings == settings("m", nodes=4)


def test_what_waits_has_its_place_once_a_machine_is_enlarged() -> None:
    of = fleet("m", "n").when(e.DisableMachine(name="n")).when(edit("n", nodes=8))
    of.when(choose(nodes=8)).then(e.ChoicePostponed)
    enlarged = edit("m", nodes=8)
    of.when(enlarged).then(e.MachineChanged, e.MachineChosen, PlaceSimulation, ConfigureMachine)


def test_what_no_machine_will_ever_run_any_more_waits_no_longer() -> None:
    of = fleet("m", "n", nodes=8).when(lose("m")).when(lose("n"))
    of.when(choose(nodes=8)).then(e.ChoicePostponed)
    of.when(e.RemoveMachine(name="n")).then(e.MachineRemoved, ForgetMachine)
    small = edit("m", nodes=2)
    of.when(small).then(e.MachineChanged, e.NoMachineFound, RefusePlacement, ConfigureMachine)


def test_where_jobs_are_found_does_not_change_under_them() -> None:
    of = fleet("m").when(choose())
    of.when(edit("m", slots=2)).then(e.MachineChanged, ConfigureMachine)
    moved = edit("m", dialect="slurm")
    of.when(moved).rejected("1 of our jobs are on m", "another dialect: drain it first")
    of.when(e.RemoveMachine(name="m")).rejected("drain it first")
    of.when(e.LeaveMachine(simulation=ONE, state=JobState.COMPLETED))
    of.when(moved).then(e.MachineChanged, ConfigureMachine)
    of.when(e.RemoveMachine(name="m")).then(e.MachineRemoved, ForgetMachine)
    of.when(e.EnableMachine(name="m")).rejected("there is no machine m")
    of.when(add("m")).then(e.MachineAdded, ConfigureMachine)


def test_a_machine_that_is_for_others_is_passed_over() -> None:
    mine, hers = (Accounts(of={who: "z01"}, only=True) for who in ("ada", "bert"))
    of = fleet("a", accounts=hers)
    wanted = choose().model_copy(update={"owner": "ada"})
    of.when(wanted).then(e.NoMachineFound, RefusePlacement)
    of.when(add("b", accounts=mine)).when(e.EnableMachine(name="b")).when(wanted)
    assert chosen(of).name == "b"
    assert "a: nobody has given the incident" in chosen(of).explanation


def test_whoever_asks_when_a_job_would_start_is_told() -> None:
    asks = e.EstimateStart(name="m", estimate=ONE, resources=Resources(walltime=60, nodes=2))
    of = fleet("m").when(asks).then(EstimateJob)
    assert isinstance(of.effects[0], Send)
    assert isinstance(of.effects[0].command, EstimateJob)
    assert of.effects[0].command.request.nodes == 2
    told = e.StartEstimate(id=ONE, start=1.5)
    of.when(e.SeeEstimate(name="m", estimate=told)).then(e.StartEstimated(name="m", estimate=told))
    of.when(asks.model_copy(update={"name": "n"})).rejected("there is no machine n")


def test_a_machine_is_added_once_and_told_to_its_interface() -> None:
    of = scenario(MANAGER).when(add("m")).then(e.MachineAdded, ConfigureMachine)
    of.when(add("m")).then().when(add("m", nodes=5)).rejected("other settings already")


def test_a_machine_that_is_added_enabled_takes_what_waits() -> None:
    enabled = add("n", nodes=8).model_copy(update={"enable": True})
    of = fleet("m").when(add("p", nodes=8)).when(choose(nodes=8)).then(e.ChoicePostponed)
    added = (e.MachineAdded, ConfigureMachine, e.MachineEnabled)
    of.when(enabled).then(*added, e.MachineChosen, PlaceSimulation)
    of.when(e.DisableMachine(name="n")).when(enabled).then(e.MachineEnabled)
    of.when(enabled).then()


def test_a_new_machine_is_disabled() -> None:
    of = scenario(MANAGER).when(add("m")).when(choose()).then(e.ChoicePostponed)
    of.when(e.EnableMachine(name="m")).then(e.MachineEnabled, e.MachineChosen, PlaceSimulation)
    of.when(e.EnableMachine(name="m")).then()


def test_only_changes_are_events() -> None:
    of = fleet("m").when(see("m")).then().when(see("m", running=1)).then(e.MachineSeen)
    of.when(e.DisableMachine(name="m")).then(e.MachineDisabled)
    of.when(e.DisableMachine(name="m")).then()


def test_trouble_with_our_work_is_seen_until_it_is_over() -> None:
    full, over = (e.SeeTrouble(name="m", reason=reason) for reason in ("the quota is used up", ""))
    of = fleet("m").when(full).then(e.TroubleSeen(name="m", reason="the quota is used up"))
    of.when(full).then().when(over).then(e.TroubleSeen(name="m", reason="")).when(over).then()


def test_nothing_new_goes_to_a_machine_without_room() -> None:
    full = e.SeeTrouble(name="m", reason="there is no room for files", full=True)
    of = fleet("m").when(full).then(e.TroubleSeen).when(choose()).then(e.ChoicePostponed)
    over = e.SeeTrouble(name="m", reason="")
    of.when(over).then(e.TroubleSeen, e.MachineChosen, PlaceSimulation)


def test_a_machine_that_is_not_there() -> None:
    for command in (e.EnableMachine(name="x"), e.DisableMachine(name="x"), see("x")):
        fleet("m").when(command).rejected("there is no machine x")


def test_a_command_of_somebody_else_is_refused() -> None:
    fleet("m").when(ConfigureMachine(settings=settings("m"))).rejected("do not take")


# The choice.


def test_the_least_loaded_machine_is_chosen_and_the_choice_is_explained() -> None:
    of = fleet("busy", "idle", nodes=10).when(see("busy", running=5, queued=1)).when(choose())
    of.then(e.MachineChosen, PlaceSimulation)
    assert chosen(of).name == "idle"
    assert chosen(of).explanation == (
        "least loaded of idle: 0 of our jobs, 0 running and 0 queued in all;"
        " busy: 0 of our jobs, 5 running and 1 queued in all"
    )


def test_our_jobs_count_before_the_machine_has_seen_them() -> None:
    of = fleet("a", "b", nodes=2)
    names = [chosen(of.when(choose(id))).name for id in (ONE, TWO, THREE)]
    assert names == ["a", "b", "a"]


def test_load_is_relative_to_what_a_machine_runs_at_once() -> None:
    of = scenario(MANAGER).when(add("big", nodes=10)).when(add("slots", slots=2))
    for name, running in (("big", 4), ("slots", 1)):
        of.when(e.EnableMachine(name=name)).when(see(name, running=running))
    assert chosen(of.when(choose())).name == "big"


def test_unknown_load_is_not_no_load() -> None:
    of = fleet("a", "b", nodes=4).when(see("a", None, None)).when(see("b", running=3))
    assert chosen(of.when(choose(ONE))).name == "b"
    assert "a: 0 of our jobs, its load is unknown" in chosen(of).explanation
    of.when(see("b", running=4))
    assert chosen(of.when(choose(TWO))).name == "a"
    of.when(see("b", running=3, queued=None)).when(choose(THREE))
    assert "3 running and unknown queued" in chosen(of).explanation


def test_a_machine_that_was_never_seen_comes_last() -> None:
    of = fleet("z").when(see("z", running=9)).when(add("a")).when(e.EnableMachine(name="a"))
    assert chosen(of.when(choose())).name == "z"


def test_who_is_passed_over_is_told() -> None:
    of = fleet("off", "away", "good").when(add("small")).when(e.EnableMachine(name="small"))
    of.when(e.DisableMachine(name="off")).when(lose("away")).when(choose())
    assert chosen(of).explanation.endswith("off: disabled; away: unreachable (no route)")


def test_a_named_machine_is_the_only_one_asked() -> None:
    of = fleet("a", "b").when(see("b", running=50)).when(choose(ONE, "b"))
    assert chosen(of).name == "b"


def test_what_no_machine_will_ever_do_is_refused() -> None:
    of = fleet("m", nodes=2, cores_per_node=4)
    of.when(choose(ONE, nodes=3)).then(e.NoMachineFound, RefusePlacement)
    refused = of.effects[1]
    assert isinstance(refused, Send)
    assert isinstance(refused.command, RefusePlacement)
    assert refused.command.reason == "no machine will do: m: 3 nodes are wanted, it has 2"
    of.when(choose(TWO, tasks=3, cpus_per_task=2)).then(e.NoMachineFound, RefusePlacement)
    assert "6 cores are wanted, 1 of its nodes have 4" in str(of.effects)
    of.when(choose(THREE, "typo")).then(e.NoMachineFound, RefusePlacement)
    assert "there is no machine typo" in str(of.effects)


def test_an_array_goes_where_one_of_its_size_is_taken() -> None:
    of = fleet("a", "b", dialect="slurm")
    found = Checkup(findings=(), learned={"instances": 10})
    of.when(e.SeeCheckup(name="a", checkup=found))
    assert chosen(of.when(choose(ONE, instances=10))).name == "a"
    assert chosen(of.when(choose(TWO, instances=11))).name == "b"
    of.when(edit("b", batch={"instances": 1}))
    of.when(choose(THREE, instances=11)).then(e.NoMachineFound, RefusePlacement)
    assert "a: an array of 11 is wanted, it takes 10 at most" in str(of.effects)
    of.when(edit("a", nodes=2))
    assert chosen(of.when(choose(UUID(int=4), instances=11))).name == "a"


def test_what_cannot_be_placed_now_is_placed_later_in_order() -> None:
    of = fleet("m", "n").when(lose("m")).when(e.DisableMachine(name="n"))
    of.when(choose(ONE)).then(e.ChoicePostponed).when(choose(ONE)).then()
    of.when(choose(TWO)).then(e.ChoicePostponed)
    of.when(see("m")).then(e.MachineSeen, *(e.MachineChosen, PlaceSimulation) * 2)
    assert of.state is not None
    assert of.state.places == {ONE: "m", TWO: "m"}
    assert not of.state.postponed


MANY = [UUID(int=number) for number in range(1, 1501)]
"""More than one record tells the places of."""


def test_any_number_is_placed_later_in_portions() -> None:
    of = fleet("m", nodes=8).when(lose("m"))
    of.given(*(e.ChoicePostponed(wanted=choose(id), reason="no route") for id in MANY))
    decided = of.when(see("m")).portions()
    assert isinstance(decided[0][0], e.MachineSeen)
    placed = [
        one.simulation for each in decided for one in each if isinstance(one, e.MachineChosen)
    ]
    assert placed == MANY
    assert of.state is not None
    assert of.state.jobs == {"m": len(MANY)}
    assert not of.state.postponed
    assert not of.state.judging


def test_what_has_to_wait_still_does_not_keep_the_others_of_a_portion_waiting() -> None:
    of = fleet("m", "n").when(lose("m")).when(lose("n"))
    for id in MANY[:200]:
        of.when(choose(id, "mn"[id.int % 2]))
    of.when(see("m"))
    assert of.state is not None
    assert of.state.judging
    of.when(e.LeaveMachine(simulation=MANY[197], state=JobState.CANCELLED)).when(lose("m"))
    assert not of.state.judging
    of.when(see("m")).portions()
    assert {*of.state.postponed} == {id for id in MANY[:200] if id.int % 2}
    assert of.state.jobs == {"m": 99}
    of.when(see("m", running=1)).then(e.MachineSeen)


def test_before_there_is_any_machine_everything_waits_for_one() -> None:
    of = scenario(MANAGER).when(choose(ONE)).then(e.ChoicePostponed)
    of.when(choose(TWO, "m")).then(e.ChoicePostponed)
    of.when(add("m")).then(e.MachineAdded, ConfigureMachine)
    of.when(e.EnableMachine(name="m")).then(
        e.MachineEnabled, *(e.MachineChosen, PlaceSimulation) * 2
    )


def test_what_leaves_is_no_load_any_more_and_waits_no_longer() -> None:
    of = fleet("m").when(choose(ONE))
    leave = e.LeaveMachine(simulation=ONE, state=JobState.FAILED)
    of.when(leave).then(e.MachineLeft(simulation=ONE, name="m")).when(leave).then()
    of.when(lose("m")).when(choose(TWO))
    of.when(e.LeaveMachine(simulation=TWO, state=JobState.CANCELLED)).then(
        e.MachineLeft(simulation=TWO, name=None)
    )
    of.when(see("m")).then(e.MachineSeen)


def test_what_comes_back_counts_again_once() -> None:
    rejoin = e.RejoinMachine(simulation=ONE, incident=IncidentId("i-1"), name="m")
    of = fleet("m").when(choose()).when(rejoin).then()
    of.when(e.LeaveMachine(simulation=ONE, state=JobState.LOST))
    back = e.MachineRejoined(simulation=ONE, name="m")
    of.when(rejoin).then(back).when(rejoin).then()
    of.when(e.RemoveMachine(name="m")).rejected(
        "1 of our jobs are on m, or on their way there: drain it first"
    )


def test_what_comes_back_to_a_machine_that_was_removed_is_told_so() -> None:
    of = fleet("m").when(choose()).when(e.LeaveMachine(simulation=ONE, state=JobState.LOST))
    of.when(e.RemoveMachine(name="m")).then(e.MachineRemoved, ForgetMachine)
    rejoin = e.RejoinMachine(simulation=ONE, incident=IncidentId("i-1"), name="m")
    of.when(rejoin).then(RefusePlacement)


def test_a_refused_login_is_tried_again_when_somebody_allows_it() -> None:
    refused = e.SeeMachine(name="a", reachable=False, reason="no key will do", login_needed=True)
    of = scenario(MANAGER).when(add("a")).when(e.EnableMachine(name="a"))
    of.when(e.AllowLogin(name="a")).then()
    of.when(refused).then(e.MachineSeen)
    of.when(choose()).then(e.ChoicePostponed)
    assert "LOGIN NEEDED (no key will do)" in of.effects[0].reason  # type: ignore[union-attr]
    of.when(e.AllowLogin(name="a")).then(e.LoginAllowed, TryLogin)
    of.when(e.AllowLogin(name="a")).then()
    of.when(e.AllowLogin(name="b")).rejected("no machine b")


def test_a_check_is_done_by_who_owns_the_machine_and_shown_with_the_fleet() -> None:
    of = scenario(MANAGER).when(add("a"))
    of.when(e.CheckMachine(name="a", check=ONE)).then(CheckUp)
    found = Checkup(findings=())
    seen = e.SeeCheckup(name="a", checkup=found)
    of.when(seen).then(e.MachineChecked(name="a", checkup=found))
    of.when(seen).then(e.MachineChecked(name="a", checkup=found))
    of.when(e.CheckMachine(name="b", check=ONE)).rejected("no machine b")
    of.when(e.SeeMachine(name="a", reachable=False, reason="no key", login_needed=True))
    of.when(e.CheckMachine(name="a", check=TWO)).rejected("vestec machines login a")
