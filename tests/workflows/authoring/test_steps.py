"""Steps, several at once, sleeping, asking, sending: what a stage can do, rehearsed."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, JsonValue, create_model

from events import incidents as e
from events.envelope import Recorded
from events.incidents import IncidentStatus
from events.jobs import JobState
from events.simulations import SimulationResult
from events.values import INLINE_BYTES, Blob, Context, IncidentId
from managers.blobs import BlobStoreUnavailable
from tests.threads import no_threads
from workflows import (
    Arrival,
    Incident,
    NoParameters,
    NoState,
    Reject,
    Retry,
    SimulationFailed,
    Workflow,
    hours,
    minutes,
    seconds,
)
from workflows.testing import Kit, rehearse


class Notes(BaseModel):
    """What the stages of these tests keep."""

    seen: list[str] = []
    count: int = 0


class Text(BaseModel):
    """A message."""

    text: str = ""


Plain = Incident[NoParameters, NoState]
Keeping = Incident[NoParameters, Notes]


@dataclass
class Pair:
    """A step's result that is no model."""

    left: int
    right: str


def simple() -> Workflow[NoParameters, NoState]:
    return Workflow("test", version=1, title="Test")


def keeping() -> Workflow[NoParameters, Notes]:
    return Workflow("test", version=1, title="Test", state=Notes)


async def of_type(kit: Kit, incident: IncidentId, kind: type[object]) -> list[Recorded]:
    events = await kit.events(incident, Context.INCIDENTS)
    return [one for one in events if isinstance(one.event, kind)]


async def seen(kit: Kit, incident: IncidentId) -> JsonValue:
    return (await kit.incident(incident)).state["seen"].json_value


# Steps.


def test_steps_are_run_once_however_often_the_stage_is_killed() -> None:
    workflow, runs = simple(), Counter[str]()

    def plain(number: int) -> Pair:
        runs["plain"] += 1
        return Pair(number, "x")

    async def waiting(text: Text) -> Text:
        runs["async"] += 1
        await asyncio.sleep(3)
        return Text(text=text.text * 2)

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        pair = await incident.step(plain, 2)
        again = await incident.step(plain, 2)
        text = await incident.step(waiting, Text(text=pair.right))
        assert isinstance(again, Pair)
        incident.note(f"{pair.left} {again.left} {text.text}")

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        assert await kit.notes(await kit.start()) == ["2 2 xx"]

    rehearsal()
    assert runs == {"plain": 2, "async": 1}


def test_large_results_and_messages_and_state_lie_in_the_blob_store() -> None:
    workflow, large = keeping(), "x" * (INLINE_BYTES + 1)

    def much() -> str:
        return large

    @workflow.on_activate
    async def start(incident: Keeping) -> None:
        text = await incident.step(much)
        incident.state.seen = [text]
        incident.send(receive, Text(text=text))

    @workflow.stage()
    async def receive(incident: Keeping, message: Text) -> None:
        incident.note(str(len(message.text) == len(incident.state.seen[0]) == INLINE_BYTES + 1))

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert await kit.notes(incident) == ["True"]
        for event in await kit.events(incident):
            assert len(event.event.model_dump_json()) < INLINE_BYTES

    rehearsal()


def test_a_plain_def_is_a_stage_too() -> None:
    workflow = keeping()

    @workflow.on_activate
    def start(incident: Keeping) -> None:
        incident.state.count = 3
        incident.send(end, Text(text="done"))

    @workflow.stage()
    def end(incident: Keeping, message: Text) -> None:
        incident.complete(f"{message.text} {incident.state.count}")

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert (await kit.incident(incident)).status == IncidentStatus.COMPLETE
        ended = await of_type(kit, incident, e.IncidentEnded)
        assert ended[0].event.model_dump()["ending"]["reason"] == "done 3"

    rehearsal()


# Several at once.


def test_gather_keeps_the_order_of_its_calls_and_runs_at_most_so_many() -> None:
    workflow, at_work = simple(), Counter[str]()

    async def slow(number: int) -> int:
        at_work["now"] += 1
        at_work["most"] = max(at_work["most"], at_work["now"])
        try:
            await asyncio.sleep(10 - number)
        finally:
            at_work["now"] -= 1
        return number

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        found = await incident.gather(*(incident.step(slow, n) for n in range(6)), at_most=2)
        incident.note(str(found))

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        assert await kit.notes(await kit.start()) == ["[0, 1, 2, 3, 4, 5]"]

    rehearsal()
    assert at_work["most"] == 2


def test_what_one_of_several_raises_is_raised_and_the_others_end() -> None:
    workflow = simple()

    def broken(number: int) -> int:
        raise ValueError(f"number {number} is bad")

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        try:
            calls = [incident.step(broken, 1), incident.step(broken, 2)]
            await incident.gather(*calls, at_most=1)
        except ValueError as error:
            incident.note(str(error))

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        assert await kit.notes(await kit.start()) == ["number 1 is bad"]

    rehearsal()


def test_a_refusal_among_several_refuses_the_arrival() -> None:
    workflow = simple()

    def refuse(row: int) -> int:
        raise Reject(f"row {row}: no latitude")

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        await incident.endpoints.push("data", to=data)

    @workflow.stage()
    async def data(incident: Plain, arrival: Arrival) -> None:
        await incident.gather(incident.step(refuse, 1), incident.step(refuse, 2))

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        await kit.push(incident, "data", b"x")
        assert (await kit.notes(incident))[0].startswith("row ")
        assert (await kit.incident(incident)).status == IncidentStatus.ACTIVE

    rehearsal()


def test_a_refusal_does_not_hide_an_error_beside_it() -> None:
    workflow = simple()

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        await incident.endpoints.push("data", to=data)

    @workflow.stage()
    async def data(incident: Plain, arrival: Arrival) -> None:
        raise ExceptionGroup("both", [Reject("no latitude"), RuntimeError("no fuels")])

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        await kit.push(incident, "data", b"x")
        assert "RuntimeError: no fuels" in await failure(kit, incident)

    rehearsal()


# Code that is wrong, and mended.


async def failure(kit: Kit, incident: IncidentId) -> str:
    """The error of the stage that failed last."""
    failed = await of_type(kit, incident, e.StageFailed)
    assert (await kit.incident(incident)).status == IncidentStatus.ERROR
    return str(failed[-1].event.model_dump()["error"])


async def retried(kit: Kit, incident: IncidentId) -> None:
    await kit.issue(Context.INCIDENTS, incident, e.RetryStage())
    await kit.settle(incident)


def test_a_stage_cannot_leave_a_state_that_no_stage_can_read() -> None:
    workflow, seen = keeping(), list[Any](["no list"])

    @workflow.on_activate
    async def start(incident: Keeping) -> None:
        incident.state.count = 1
        incident.state.seen = seen[0]
        incident.send(end)

    @workflow.stage()
    async def end(incident: Keeping) -> None:
        incident.note(f"{incident.state.count} {incident.state.seen}")

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        error = await failure(kit, incident)
        assert error.startswith("ValueUnfit: the stage left in its state what does not belong")
        seen[0] = ["a list"]
        await retried(kit, incident)
        assert await kit.notes(incident) == ["1 ['a list']"]

    rehearsal()


def test_the_state_is_set_field_by_field() -> None:
    workflow = keeping()

    @workflow.on_activate
    async def start(incident: Keeping) -> None:
        incident.state = Notes(count=77)  # type: ignore[misc]

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        assert "AttributeError" in await failure(kit, await kit.start())

    rehearsal()


def test_a_steps_result_that_is_not_what_it_says_is_not_recorded() -> None:
    workflow, found = simple(), list[Any](["eleven"])

    def measure() -> int:
        return found[0]  # type: ignore[no-any-return]

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        incident.note(str(await incident.step(measure)))

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        error = await failure(kit, incident)
        assert error.startswith("ValueUnfit: step measure returned what it should not: ")
        assert "http" not in error
        found[0] = 11
        await retried(kit, incident)
        assert await kit.notes(incident) == ["11"]

    rehearsal()


def test_what_fits_no_longer_is_asked_anew_after_an_operators_retry() -> None:
    workflow, runs, fuels = simple(), Counter[str](), list[str]()

    def measure() -> Any:
        runs["measure"] += 1
        return 11

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        measured = await incident.step(measure)
        if not fuels:
            raise RuntimeError("no fuels")
        incident.note(str(measured))

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert "no fuels" in await failure(kit, incident)
        fuels.append("grass")
        measure.__annotations__["return"] = list[int]
        await retried(kit, incident)
        error = await failure(kit, incident)
        assert error.startswith("CodeChanged: the recorded result of step measure fits no longer: ")
        measure.__annotations__["return"] = int
        await retried(kit, incident)
        assert await kit.notes(incident) == ["11"]
        assert runs["measure"] == 2

    rehearsal()


# The clock and people.


def test_a_stage_sleeps_and_what_is_sent_later_comes_later() -> None:
    workflow = keeping()

    @workflow.on_activate
    async def start(incident: Keeping) -> None:
        await incident.gather(incident.sleep(minutes(2)), incident.sleep(minutes(5)))
        incident.send(later, after=hours(1))

    @workflow.stage()
    async def later(incident: Keeping) -> None:
        incident.note(f"{incident.now():%H:%M}")

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        await asyncio.sleep(3700)
        assert await kit.notes(incident) == ["03:45"]

    rehearsal()


@pytest.mark.parametrize(("choice", "chosen"), [("go", "go"), (None, "wait")])
def test_a_person_is_asked_and_does_not_have_to_answer(choice: str | None, chosen: str) -> None:
    workflow = simple()

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        incident.send(decide)

    @workflow.stage()
    async def decide(incident: Plain) -> None:
        answer = await incident.ask("Evacuate?", ["go", "wait"], hours(1), otherwise="wait")
        incident.complete(answer)

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start(settle=False)
        await asyncio.sleep(60)
        if choice:
            await kit.answer(incident, choice)
        await kit.settle(incident)
        ended = await of_type(kit, incident, e.IncidentEnded)
        assert ended[0].event.model_dump()["ending"]["reason"] == chosen

    rehearsal()


def test_a_periodic_stage_runs_as_long_as_the_incident() -> None:
    workflow = keeping()

    @workflow.every(minutes(10), timeout=seconds(5))
    async def tick(incident: Keeping) -> None:
        incident.state.count += 1
        if incident.state.count == 3:
            incident.complete()

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        await asyncio.sleep(3600)
        started = [one.event for one in await of_type(kit, incident, e.StageStarted)]
        moments = [one.at for one in started if isinstance(one, e.StageStarted)]
        assert [round(later - moments[0]) for later in moments] == [0, 600, 1200]

    rehearsal()


# Conflicts, refusals, retries, timeouts.


def test_of_two_stages_that_set_the_same_the_later_one_runs_again() -> None:
    workflow = keeping()

    @workflow.on_activate
    async def start(incident: Keeping) -> None:
        for text in ("a", "b", "c"):
            incident.send(add, Text(text=text))

    @workflow.stage()
    async def add(incident: Keeping, message: Text) -> None:
        await incident.sleep(seconds(len(incident.state.seen) + 1))
        incident.state.seen = [*incident.state.seen, message.text]

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert await seen(kit, incident) == ["a", "b", "c"]
        assert await of_type(kit, incident, e.StageConflicted)

    rehearsal()


def test_a_malformed_arrival_is_refused_and_hurts_nobody() -> None:
    workflow = keeping()

    @workflow.on_activate
    async def start(incident: Keeping) -> None:
        await incident.endpoints.push("data", to=data)

    @workflow.stage(lane="data")
    async def data(incident: Keeping, arrival: Arrival) -> None:
        rows = arrival.text().splitlines()
        if not rows:
            raise Reject("the file is empty")
        for number, row in enumerate(rows, start=1):
            if not row.isdigit():
                incident.reject(arrival, f"row {number}: {row!r} is no number")
        incident.state.seen = [*incident.state.seen, *(row for row in rows if row.isdigit())]

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        await kit.push(incident, "data", b"")
        await kit.push(incident, "data", b"\xff\xfe")
        await kit.push(incident, "data", "1\nx\n2")
        await kit.push(incident, "data", "\n".join(["bad"] * 1000))
        notes = await kit.notes(incident)
        assert notes[:3] == [
            "the file is empty",
            "not UTF-8 text: invalid start byte at byte 0",
            "row 2: 'x' is no number",
        ]
        assert notes[-1] == "950 more refusals of the same arrival"
        assert len(notes) == 54
        assert await seen(kit, incident) == ["1", "2"]
        assert (await kit.incident(incident)).status == IncidentStatus.ACTIVE

    rehearsal()


def test_a_stage_is_retried_as_declared_and_keeps_what_succeeded() -> None:
    workflow, runs = simple(), Counter[str]()

    def good() -> int:
        runs["good"] += 1
        return 1

    def bad() -> int:
        runs["bad"] += 1
        if runs["bad"] < 3:
            raise RuntimeError("not yet")
        return 2

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        incident.send(work)

    @workflow.stage(retry=Retry(times=2, wait=5))
    async def work(incident: Plain) -> None:
        incident.note(str(await incident.step(good) + await incident.step(bad)))

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert await kit.notes(incident) == ["3"]
        failed = await of_type(kit, incident, e.StageAttemptFailed)
        assert [one.event.model_dump()["error"] for one in failed] == ["RuntimeError: not yet"] * 2

    rehearsal()
    assert runs == {"good": 1, "bad": 3}


def test_a_stage_outlasts_a_blob_store_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = simple()
    room_from, tried = 100.0, list[float]()

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        incident.send(work)

    @workflow.stage()
    async def work(incident: Plain) -> None:
        await incident.data.put(b"result")
        incident.note("kept")

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        clock, put = asyncio.get_running_loop().time, kit.blobs.put_now
        began = clock()

        def fills(data: bytes) -> Blob:
            tried.append(clock() - began)
            if tried[-1] < room_from:
                raise BlobStoreUnavailable("the blob store cannot be used: no space left")
            return put(data)

        monkeypatch.setattr(kit.blobs, "put_now", fills)
        incident = await kit.start()
        assert await kit.notes(incident) == ["kept"]
        failed = await of_type(kit, incident, e.StageAttemptFailed)
        assert "no space left" in failed[-1].event.model_dump()["error"]

    rehearsal()
    assert [round(at) for at in tried] == [0, 30, 60, 90, 120]


def test_a_stage_outlasts_a_process_that_gets_no_threads() -> None:
    workflow, tries = simple(), list[int]()

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        incident.send(work)

    @workflow.stage()
    async def work(incident: Plain) -> None:
        tries.append(1)
        with no_threads() if len(tries) < 20 else nullcontext():
            thread = threading.Thread(target=tries.count, args=[1])
            thread.start()
            thread.join()
        incident.note("done")

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert await kit.notes(incident) == ["done"]

    rehearsal()
    assert len(tries) == 20


def test_a_stage_that_gets_no_memory_is_tried_again_but_not_for_ever() -> None:
    workflow, tries = simple(), Counter[str]()

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        incident.send(unlucky)
        incident.send(greedy)

    @workflow.stage()
    async def unlucky(incident: Plain) -> None:
        tries["unlucky"] += 1
        bytearray(1 << 60 if tries["unlucky"] < 10 else 1)
        incident.note("done")

    @workflow.stage()
    async def greedy(incident: Plain) -> None:
        tries["greedy"] += 1
        bytearray(1 << 60)

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert await kit.notes(incident) == ["done"]
        (failed,) = (await kit.incident(incident)).failed.values()
        assert (failed.message.stage, failed.error) == ("greedy", "MemoryError")

    rehearsal()
    assert tries == {"unlucky": 10, "greedy": 10}


def test_a_timeout_counts_running_and_not_waiting() -> None:
    workflow = simple()

    async def slow(wait: float) -> None:
        await asyncio.sleep(wait)

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        incident.send(patient)
        incident.send(busy)

    @workflow.stage(timeout=seconds(10))
    async def patient(incident: Plain) -> None:
        await incident.sleep(hours(1))
        await incident.step(slow, 9.0)
        incident.note("in time")

    @workflow.stage(timeout=seconds(10))
    async def busy(incident: Plain) -> None:
        await incident.step(slow, 11.0)

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        assert await kit.notes(incident) == ["in time"]
        (failed,) = (await kit.incident(incident)).failed.values()
        assert failed.message.stage == "busy"
        assert failed.error == "the stage ran longer than its 10 s"

    rehearsal()


def test_an_endless_error_is_cut_and_the_incident_goes_on() -> None:
    workflow = simple()

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        raise ValueError("x" * 5_000_000)

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        (failed,) = (await kit.incident(incident)).failed.values()
        assert len(str(failed.error)) < 3000

    rehearsal()


class Measured(BaseModel):
    """What came of a division."""

    ratio: float = 0.0


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("step", "the result of step divide is not JSON: 1.ratio: Input should be a finite number"),
        ("state", "field ratio of the state is not JSON: Input should be a finite number"),
        ("send", "the message for stage take is not JSON: ratio: Input should be a finite number"),
    ],
)
def test_a_number_that_is_not_finite_fails_the_stage_with_a_sentence(where: str, said: str) -> None:
    workflow = Workflow("test", version=1, title="Test", state=Measured)

    def divide() -> list[Measured]:
        return [Measured(), Measured(ratio=float("nan"))]

    @workflow.on_activate
    async def start(incident: Incident[NoParameters, Measured]) -> None:
        match where:
            case "step":
                await incident.step(divide)
            case "state":
                incident.state.ratio = float("inf")
            case "send":
                incident.send(take, Measured(ratio=float("-inf")))

    @workflow.stage()
    async def take(incident: Incident[NoParameters, Measured], message: Measured) -> None: ...

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        (failed,) = (await kit.incident(incident)).failed.values()
        assert failed.error == f"NotJson: {said}"

    rehearsal()


# Cleaning up.


@pytest.mark.parametrize("cancelled", [True, False])
def test_the_last_stage_cleans_up_after_completion_and_cancellation(cancelled: bool) -> None:
    workflow = simple()

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        await incident.endpoints.push("data", to=data)

    @workflow.stage()
    async def data(incident: Plain, arrival: Arrival) -> None:
        if cancelled:
            incident.cancel("enough")
        else:
            incident.complete("enough")

    @workflow.on_end
    async def clean(incident: Plain) -> None:
        await incident.sleep(minutes(1))
        await incident.data.register("last words", b"bye")

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        await kit.push(incident, "data", b"x")
        expected = IncidentStatus.CANCELLED if cancelled else IncidentStatus.COMPLETE
        assert (await kit.incident(incident)).status == expected
        assert "last words" in await kit.data_sets(incident)

    rehearsal()


# What the kit catches.


def test_a_stage_that_asks_differently_when_run_again_is_caught() -> None:
    workflow, runs = simple(), Counter[str]()

    def work(number: int) -> int:
        return number

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        runs["start"] += 1
        await incident.step(work, min(runs["start"], 2))
        await incident.sleep(seconds(5))

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        await kit.start()

    with pytest.raises(
        AssertionError, match="start: run again, the stage did not ask for: step work"
    ):
        rehearsal()


def test_a_stage_that_never_asks_the_same_is_caught_too() -> None:
    workflow, runs = simple(), Counter[str]()

    def work(number: int) -> int:
        return number

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        runs["start"] += 1
        await incident.step(work, runs["start"])

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        await kit.start()

    with pytest.raises(AssertionError, match="did not ask for"):
        rehearsal()


def test_now_uuid_and_random_are_the_same_again() -> None:
    workflow, ends = simple(), Counter[str]()

    def work(text: str) -> str:
        return text

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        incident.send(later)

    @workflow.stage(retry=Retry(times=1, wait=60))
    async def later(incident: Plain) -> None:
        ids = [str(incident.uuid()), str(incident.uuid())]
        told = [str(incident.now()), *ids, str(incident.random.random())]
        await incident.step(work, json.dumps(told))
        await incident.sleep(seconds(10))
        assert len(set(ids)) == 2
        ends["later"] += 1
        if ends["later"] == 1:
            raise RuntimeError("once more")

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        steps = [one.event for one in await of_type(kit, incident, e.CallAnswered)]
        assert [one.model_dump()["name"] for one in steps] == ["step work", "sleep"]

    rehearsal()
    assert ends["later"] == 2


def test_a_set_is_the_same_question_in_every_process() -> None:
    """Sets of texts have another order in each process."""
    program = (
        "from workflows.conversation import _ordered, to_json;"
        "from pydantic import BaseModel;"
        "M = type('M', (BaseModel,), {'__annotations__': {'of': set[str]}});"
        "words = {'one', 'two', 'three', 'four', 'five'};"
        "print(to_json(_ordered((words, {'key': [frozenset(words)]}, M(of=words)))))"
    )
    asked = {
        subprocess.check_output(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": str(seed)}
        )
        for seed in range(3)
    }
    assert len(asked) == 1


def test_a_failure_that_cannot_be_recorded_fails_the_stage_all_the_same() -> None:
    workflow = keeping()

    @workflow.on_activate
    async def start(incident: Keeping) -> None:
        result = SimulationResult(simulation=UUID(int=1), state=JobState.FAILED)
        raise SimulationFailed("fire", result, tuple("x" * 1000 + str(n) for n in range(1000)))

    @rehearse(workflow)
    async def rehearsal(kit: Kit) -> None:
        incident = await kit.start()
        (failed,) = (await kit.incident(incident)).failed.values()
        assert (
            failed.error == "it failed, and its error could not be recorded: see the server's log"
        )

    rehearsal()


def test_many_messages_that_are_too_large_for_one_record_all_arrive() -> None:
    workflow = keeping()

    @workflow.stage(lane="hear")
    async def hear(incident: Keeping, message: Text) -> None:
        incident.state.count += len(message.text)

    @workflow.on_activate
    async def start(incident: Keeping) -> None:
        for _ in range(300):
            incident.send(hear, Text(text="x" * 10_000))
        incident.send(hear, Text(text="few"))

    @rehearse(workflow)
    async def scenario(kit: Kit) -> None:
        state = await kit.incident(await kit.start())
        assert state.state["count"].json_value == 3_000_003

    scenario()


def test_who_sends_more_messages_than_a_run_may_is_told_so() -> None:
    workflow = simple()

    @workflow.stage(lane="hear")
    async def hear(incident: Plain, message: Text) -> None: ...

    @workflow.on_activate
    async def start(incident: Plain) -> None:
        for _ in range(1001):
            incident.send(hear, Text())

    @rehearse(workflow)
    async def scenario(kit: Kit) -> None:
        id = await kit.start()
        (failed,) = await of_type(kit, id, e.StageFailed)
        assert isinstance(failed.event, e.StageFailed)
        assert "a run sends at most 1,000 messages" in failed.event.error

    scenario()


def test_a_state_of_many_large_fields_fits() -> None:
    fields: dict[str, Any] = {f"field_{n}": (str, "") for n in range(20)}
    wide = create_model("Wide", **fields)
    workflow = Workflow("test", version=1, title="Test", state=wide)

    @workflow.on_activate
    async def start(incident: Incident[NoParameters, Any]) -> None:
        for name in fields:
            setattr(incident.state, name, "x" * 60_000)

    @rehearse(workflow)
    async def scenario(kit: Kit) -> None:
        state = await kit.incident(await kit.start())
        assert all(state.state[name].blob for name in fields)

    scenario()
