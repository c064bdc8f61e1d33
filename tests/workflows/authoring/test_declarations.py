"""What a workflow says of itself, and what is wrong already when it is written."""

import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from events import incidents as e
from events.values import Context, Document
from workflows import Arrival, Incident, NoParameters, NoState, Retry, Workflow, minutes
from workflows.testing import Kit, rehearse

Plain = Incident[NoParameters, NoState]


class Sized(BaseModel):
    """Parameters with a limit."""

    size: int = Field(default=1, ge=0)


class Open(Sized):
    """Parameters that are not all known."""

    model_config = ConfigDict(extra="allow")


class Text(BaseModel):
    """A message."""

    text: str


def workflow(kind: str = "test") -> Workflow[NoParameters, NoState]:
    return Workflow(kind, version=1, title="Test")


class Windy(BaseModel):
    """Parameters with a number."""

    wind: float = 0.0


@pytest.mark.parametrize("wind", ["NaN", "Infinity", 1e999])
def test_parameters_that_are_not_finite_are_refused(wind: JsonValue) -> None:
    plan = Workflow("test", version=1, title="Test", parameters=Windy).plan
    with pytest.raises(ValueError, match=r"^wind: Input should be a finite number$"):
        plan.check({"wind": wind})


def test_parameters_are_checked_and_completed() -> None:
    plan = Workflow("test", version=1, title="Test", parameters=Sized).plan
    assert plan.check({}) == {"size": 1}
    with pytest.raises(ValueError, match="size: Input should be greater than or equal to 0"):
        plan.check({"size": -1})


def test_a_misspelt_parameter_is_refused_and_the_known_ones_are_named() -> None:
    plan = Workflow("test", version=1, title="Test", parameters=Sized).plan
    with pytest.raises(ValueError, match=r"^there is no parameter siez; test has size$"):
        plan.check({"siez": 2})
    with pytest.raises(ValueError, match=r"^there is no parameter size; test has none$"):
        workflow().plan.check({"size": 2})


def test_parameters_may_be_open() -> None:
    plan = Workflow("test", version=1, title="Test", parameters=Open).plan
    assert plan.check({"size": 2, "more": 3}) == {"size": 2, "more": 3}


def test_a_stage_has_one_name_of_its_own_that_a_log_can_hold() -> None:
    test = workflow()

    @test.stage(name="read", aliases=("parse",))
    async def first(incident: Plain) -> None: ...

    with pytest.raises(ValueError, match="two stages called parse"):

        @test.stage(name="parse")
        async def second(incident: Plain) -> None: ...

    with pytest.raises(ValueError, match="cannot be called '_hidden'"):

        @test.stage()
        async def _hidden(incident: Plain) -> None: ...


def test_a_stage_cannot_run_all_the_time() -> None:
    with pytest.raises(ValueError, match="look cannot run every 0 s"):

        @workflow().every(minutes(0))
        async def look(incident: Plain) -> None: ...


def test_a_message_needs_a_type() -> None:
    test = workflow()
    with pytest.raises(TypeError, match="give its message 'text' a type"):

        @test.stage()
        async def untyped(incident, text):  # type: ignore[no-untyped-def]
            ...


@pytest.mark.parametrize(
    "asked",
    [
        {"wait": math.inf},
        {"wait": math.nan},
        {"wait": -1.0},
        {"factor": -2.0},
        {"times": 2000, "factor": 1e6},
        {"times": -1},
    ],
)
def test_a_retry_that_never_comes_is_refused_where_it_is_declared(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a stage cannot be tried again"):
        Retry(**asked)


def test_options_become_the_plan() -> None:
    test = workflow()

    @test.stage(exclusive=True, latest=True, debounce=(minutes(1), minutes(2)))
    async def one(incident: Plain, arrivals: list[Arrival]) -> None: ...

    plan = test.plan.stages["one"]
    assert (plan.lane, plan.latest) == ("one", True)
    assert plan.debounce is not None
    assert (plan.debounce.quiet, plan.debounce.at_most) == (60.0, 120.0)


def test_a_stage_answers_to_its_older_names() -> None:
    test = workflow()

    @test.stage(aliases=("older",))
    async def newer(incident: Plain, message: Text) -> None:
        incident.note(message.text)

    @rehearse(test)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        delivery = e.Delivery(stage="older", message=Document(json_value={"text": "hello"}))
        await kit.issue(Context.INCIDENTS, incident, e.Deliver(delivery=delivery))
        await kit.settle(incident)
        assert await kit.notes(incident) == ["hello"]

    rehearsal()


def test_messages_are_validated_where_they_are_sent_and_where_they_come_in() -> None:
    test = workflow()

    @test.on_activate
    async def start(incident: Plain) -> None:
        incident.send(receive, {"text": 5})  # type: ignore[misc]

    @test.stage()
    async def receive(incident: Plain, message: Text) -> None: ...

    @rehearse(test)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        empty = e.Deliver(delivery=e.Delivery(stage="receive"))
        await kit.issue(Context.INCIDENTS, incident, empty)
        await kit.settle(incident)
        failed = (await kit.incident(incident)).failed.values()
        assert [run.message.stage for run in failed] == ["start", "receive"]
        assert all("ValidationError" in str(run.error) for run in failed)

    rehearsal()


def test_a_stage_of_another_workflow_is_refused() -> None:
    test, other = workflow(), workflow("other")

    @other.stage()
    async def elsewhere(incident: Plain) -> None: ...

    @test.on_activate
    async def start(incident: Plain) -> None:
        incident.send(elsewhere)

    @rehearse(test)
    async def rehearsal(kit: Kit) -> None:
        (failed,) = (await kit.incident(await kit.start())).failed.values()
        assert failed.error == "TypeError: elsewhere is a stage of other, not of test"

    rehearsal()


def test_a_message_for_a_stage_that_is_gone_fails_with_what_to_do() -> None:
    test = workflow()

    @rehearse(test)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        await kit.issue(Context.INCIDENTS, incident, e.Deliver(delivery=e.Delivery(stage="gone")))
        (failed,) = (await kit.settle(incident)).failed.values()
        assert "has no stage gone: give the stage that replaces it this name as an alias" in str(
            failed.error
        )

    rehearsal()


TYPED = """
from datetime import timedelta
from pydantic import BaseModel
from workflows import (
    Arrival, Incident, JobState, NoParameters, NoState, SimulationCallback, Workflow, minutes
)

class Text(BaseModel):
    text: str

class Mine(BaseModel):
    count: int = 0

class Theirs(BaseModel):
    count: int = 0

mine = Workflow("mine", version=1, title="Mine", state=Mine)
theirs = Workflow("theirs", version=1, title="Theirs", state=Theirs)
Here = Incident[NoParameters, Mine]

@mine.stage()
async def reads(incident: Here, message: Text) -> None: ...

@mine.stage()
async def starts(incident: Here) -> None: ...

@mine.stage()
async def arrives(incident: Here, arrival: Arrival) -> None: ...

@mine.stage()
async def told(incident: Here, callback: SimulationCallback) -> None: ...

@theirs.stage()
async def foreign(incident: Incident[NoParameters, Theirs], message: Text) -> None: ...

@theirs.stage()
async def arrives_there(incident: Incident[NoParameters, Theirs], arrival: Arrival) -> None: ...

def count(text: str) -> int:
    return len(text)

async def count_later(text: str) -> int:
    return len(text)

@mine.on_activate
async def start(incident: Here) -> None:
    incident.send(reads, Text(text=""))
    incident.send(starts, after=minutes(1))
    number: int = await incident.step(count, "a") + await incident.step(count_later, "a")
    incident.state.count = number
    await incident.endpoints.push("data", to=arrives)
    one = await incident.simulations.create("fire", walltime=minutes(1), nodes=2)
    await incident.simulations.submit(one, on={JobState.COMPLETED: told})
    incident.send(reads, "text")  # WRONG
    incident.send(reads)  # WRONG
    incident.send(reads, None)  # WRONG
    incident.send(starts, Text(text=""))  # WRONG
    incident.send(foreign, Text(text=""))  # WRONG
    incident.state.number = 1  # WRONG
    await incident.step(count, 1)  # WRONG
    await incident.endpoints.push("data", to=reads)  # WRONG
    await incident.endpoints.push("data", to=arrives_there)  # WRONG
    await incident.simulations.submit(one, on={JobState.COMPLETED: reads})  # WRONG
    await incident.simulations.create("fire", walltime=minutes(1), node=2)  # WRONG
    await incident.simulations.create("fire", walltime=60)  # WRONG
"""


def test_wrong_types_and_stages_of_others_are_mypy_errors(tmp_path: Path) -> None:
    snippet = tmp_path / "snippet.py"
    snippet.write_text(TYPED)
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(snippet)]
    said = subprocess.run(
        command, capture_output=True, text=True, cwd=root, timeout=300, check=False
    )
    wrong = {int(line) for line in re.findall(r"snippet\.py:(\d+): error:", said.stdout)}
    expected = {n for n, line in enumerate(TYPED.splitlines(), 1) if line.endswith("# WRONG")}
    assert wrong == expected, said.stdout + said.stderr
