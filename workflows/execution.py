"""One run of a stage's code, from its message to what it leaves behind."""

import inspect
import traceback
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError

from bus.tasks import leaves, starved
from events.prose import describe
from events.values import INLINE_BYTES, Document
from managers.blobs import BlobStoreUnavailable, keep_document, open_document
from managers.incidents import FailRun, FinishRun, Run
from managers.incidents import Incident as IncidentRecord
from managers.incidents.inputs import RejectedArrival
from managers.runtime import crash_point
from workflows.arrivals import Arrival
from workflows.conversation import Conversation
from workflows.errors import CodeChanged, Reject, SimulationFailed, ValueUnfit
from workflows.incident import Incident
from workflows.workflow import Stage, Workflow

_STATE_INLINE = 256 * 1024
"""Bytes of all fields together that lie in the record of a run's end."""

Ended = FinishRun | FailRun


class StageGone(Exception):
    """The code that a message is for is not installed (any more)."""


async def execute(
    workflows: Mapping[str, Workflow[Any, Any]], record: IncidentRecord, talk: Conversation
) -> Ended:
    """Run the stage that the run is about; whatever it raises becomes a `FailRun`."""
    run = talk.run
    try:
        workflow, stage = _find(workflows, record, run)
        return await _execute(workflow, stage, record, talk)
    except BaseException as error:  # also Rust's panics: a lane must not wait for ever
        if talk.ended:
            raise
        errors = list(leaves(error))
        if all(isinstance(leaf, Reject) for leaf in errors):
            return _rejected(run, str(errors[0]))
        return failure(run, error)


def _rejected(run: Run, reason: str) -> FinishRun:
    """The stage is well, what came is not."""
    arrivals = [RejectedArrival(arrival.id, reason) for arrival in run.message.arrivals]
    whole = arrivals or [RejectedArrival(None, reason)]
    return FinishRun(run.id, run.attempt, rejected=whole)


_FINAL = (CodeChanged, ValueUnfit, StageGone, ValidationError)
"""Not tried again by itself: the code has to be looked at."""


_OUT_OF_MEMORY = 10
"""Attempts, some minutes: code that still gets no memory then may want more than there ever is."""


def failure(run: Run, error: BaseException) -> FailRun:
    """What an exception means for the run."""
    errors = list(leaves(error))
    unwanted = [leaf.calls for leaf in errors if isinstance(leaf, SimulationFailed | CodeChanged)]
    forget = {call for calls in unwanted for call in calls}
    final = any(isinstance(leaf, _FINAL) for leaf in errors)
    outage = all(_passes(leaf, run.failures) for leaf in errors)
    return FailRun(
        run.id,
        run.attempt,
        "; ".join(map(_sentence, errors)),
        "".join(traceback.format_exception(error)),
        tuple(sorted(forget)),
        final,
        outage,
    )


def _passes(error: BaseException, failures: int) -> bool:
    """Whether what went wrong is no matter of the stage, and may be over later."""
    if isinstance(error, MemoryError):
        return failures + 1 < _OUT_OF_MEMORY
    return isinstance(error, BlobStoreUnavailable) or starved(error)


def _sentence(error: BaseException) -> str:
    said = describe(error) if isinstance(error, ValidationError) else str(error)
    return f"{type(error).__name__}: {said}".rstrip(": ")


def _find(
    workflows: Mapping[str, Workflow[Any, Any]], record: IncidentRecord, run: Run
) -> tuple[Workflow[Any, Any], Stage[Any, Any, Any]]:
    workflow = workflows.get(record.kind)
    if workflow is None:
        raise StageGone(f"the workflow {record.kind} is not installed here")
    stage = workflow.stages.get(run.message.stage)
    if stage is None:
        raise StageGone(
            f"workflow {workflow.kind} version {workflow.version} has no stage"
            f" {run.message.stage}: give the stage that replaces it this name as an alias"
        )
    return workflow, stage


async def _execute(
    workflow: Workflow[Any, Any],
    stage: Stage[Any, Any, Any],
    record: IncidentRecord,
    talk: Conversation,
) -> Ended:
    stored = {name: await open_document(talk.blobs, d) for name, d in talk.run.state.items()}
    state: BaseModel = workflow.state.model_validate(stored)
    before = state.model_dump(mode="json")
    parameters = workflow.parameters.model_validate(record.created.parameters)
    incident: Incident[Any, Any] = Incident(record, parameters, state, talk)
    message = await _message(stage, talk)
    talk.stopwatch.start()
    if inspect.iscoroutinefunction(stage.function):
        await stage.function(incident, *message)
    else:
        await talk.work(stage.function, incident, *message)
    talk.stopwatch.stop()
    crash_point("after stage")
    return await incident.outcome(await _changed(workflow, talk, before, state))


async def _message(stage: Stage[Any, Any, Any], talk: Conversation) -> tuple[Any, ...]:
    """The stage's second argument, if it takes one."""
    if stage.message is None:
        return ()
    waiting = talk.run.message
    if not waiting.arrivals:
        return (stage.message.validate_python(await open_document(talk.blobs, waiting.body)),)
    arrivals = [Arrival.of(arrival, talk.blobs) for arrival in waiting.arrivals]
    return (arrivals if stage.takes_list else arrivals[-1],)


async def _changed(
    workflow: Workflow[Any, Any],
    talk: Conversation,
    before: Mapping[str, JsonValue],
    state: BaseModel,
) -> dict[str, Document]:
    """The fields that the stage set; raises `ValueUnfit` where no later stage could read them."""
    after = state.model_dump(mode="json", warnings=False)
    changed = {name: value for name, value in after.items() if value != before.get(name)}
    if changed:
        try:
            kept = talk.run.state.keys() | changed.keys()
            workflow.state.model_validate({name: after[name] for name in after if name in kept})
        except ValidationError as error:
            text = f"the stage left in its state what does not belong there: {describe(error)}"
            raise ValueUnfit(text) from error
    inline = min(INLINE_BYTES, _STATE_INLINE // max(1, len(changed)))
    return {
        name: await keep_document(talk.blobs, value, f"field {name} of the state", inline)
        for name, value in changed.items()
    }
