"""What may be asked for ends in decisions that the log takes, whatever the outcome."""

import pytest
from pydantic import ValidationError

from bus import MAX_RECORD_BYTES
from events import simulations as e
from events.entry import entered
from events.incidents import Deliver
from events.jobs import JobState, RelativePath
from events.machines import LeaveMachine
from events.operations import CollectOutputs, ReleaseJob
from events.prose import PROSE_CHARACTERS
from events.simulations import SimulationRequest
from events.values import INLINE_BYTES, Blob, Document
from managers.operations import OutputsStored, written
from managers.simulations.ending import may_be_awaited
from tests.managers.scenario import scenario
from tests.managers.simulations.site import (
    ID,
    MANAGER,
    ONE,
    answers,
    create,
    one,
    place,
    report,
    submit,
    wait,
)

LONGEST = "\x01" * PROSE_CHARACTERS
"""The reason that takes most bytes in JSON."""
LARGE = Blob(sha256="f" * 64, size=10**18)
NAMES = ["{:01}.png", "result/{:08}.tif", '"{:0254}', "{:03}" + 252 * "\N{FIRE}"]


def most(name: str) -> tuple[RelativePath, ...]:
    """As many results with such names as may be asked for."""
    few, many = 1, 10_000
    while many - few > 1:
        number = (few + many) // 2
        try:
            entered(requested(named(name, number)))
            few = number
        except ValidationError:
            many = number
    return named(name, few)


def named(name: str, number: int) -> tuple[RelativePath, ...]:
    return tuple(RelativePath(name.format(one)) for one in range(number))


def requested(outputs: tuple[RelativePath, ...]) -> SimulationRequest:
    return create(ONE, *outputs).request


@pytest.mark.parametrize("name", NAMES)
def test_the_end_of_a_simulation_with_most_results_is_one_record(name: str) -> None:
    outputs = most(name)
    of = scenario(MANAGER).when(create(ONE, *outputs))
    of.size()
    told = submit(ONE, JobState.COMPLETED)
    context = Document(json_value="x" * (INLINE_BYTES - 2))
    of.when(place()).when(told.model_copy(update={"context": context})).size()
    while may_be_awaited(one(of)):
        of.when(wait())
    of.when(wait()).rejected(f"told to {len(one(of).waiting) + 1} calls at once")
    assert len(one(of).waiting) >= 2
    of.when(report(JobState.COMPLETED, reason=LONGEST)).size()
    kept = e.KeepOutputs(simulation=ONE, outputs=dict.fromkeys(outputs, LARGE), reason=LONGEST)
    largest = of.when(kept).size()
    assert one(of).outputs == kept.outputs
    assert len(answers(of)) >= 2
    stored = OutputsStored(report(JobState.COMPLETED).report.token, kept.outputs, [], LONGEST)
    assert 2 * len(str(written(stored))) < MAX_RECORD_BYTES
    assert largest > MAX_RECORD_BYTES / 2, "the bounds are no narrower than they have to be"


def test_a_request_that_no_record_holds_is_refused_with_what_to_do() -> None:
    many = named("{:04}.png", 4300)
    scenario(MANAGER).when(create(ONE, *many)).rejected(
        "the simulation: outputs: the names, digests and sizes of 4300 results come to",
        "at most 200000 are kept: let the program pack them into fewer files",
    )
    long = create()
    update = {"inputs": dict.fromkeys(many, LARGE)}
    asked = long.model_copy(update={"request": long.request.model_copy(update=update)})
    scenario(MANAGER).when(asked).rejected(
        "the simulation: it comes to", "at most 400000 are taken: pack its inputs"
    )


def test_results_of_an_older_log_that_no_record_holds_are_missing_with_the_reason() -> None:
    many = named("{:04}.png", 4300)
    created = e.SimulationCreated(
        simulation=ONE, incident=ID, request=requested(many), exercise=False, reply_to=None
    )
    of = scenario(MANAGER).given(created).when(place()).when(submit(ONE, JobState.COMPLETED))
    of.when(wait()).rejected("told to 1 calls at once")
    of.when(report(JobState.COMPLETED)).then(e.SimulationStateChanged, CollectOutputs)
    of.when(e.KeepOutputs(simulation=ONE, outputs=dict.fromkeys(many, LARGE)))
    of.then(e.OutputsKept, Deliver, LeaveMachine, ReleaseJob)
    of.size()
    assert (one(of).result.outputs, one(of).result.missing) == ({}, many[:100])
    assert one(of).result.reason == "none of its 4300 results is kept, since they are too many"
