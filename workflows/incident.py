"""An incident as its stages see it: everything a stage can do goes through here.

What is awaited is recorded and asked once; what is sent, set, noted or decided leaves with the
stage's completion, or not at all.
"""

import inspect
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload
from uuid import UUID, uuid5

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from events.incidents import Delivery, Ending, IncidentStatus
from events.prose import describe
from events.values import INLINE_BYTES, Document, Note
from managers.blobs import keep_document
from managers.incidents import FinishRun, RecordStep, RequestCall
from managers.incidents import Incident as IncidentRecord
from managers.incidents.inputs import RejectedArrival
from managers.runtime import crash_point
from workflows.arrivals import Arrival
from workflows.conversation import Conversation, Worker
from workflows.data import Data
from workflows.endpoints import Endpoints
from workflows.errors import CodeChanged, ValueUnfit
from workflows.gathering import gather
from workflows.own import own_name
from workflows.simulations import Simulations

if TYPE_CHECKING:
    from workflows.workflow import Stage

P = TypeVar("P", bound=BaseModel)
S = TypeVar("S", bound=BaseModel)
M = TypeVar("M")
R = TypeVar("R")
Args = ParamSpec("Args")


MOST_SENT = 1000
"""By one run, since all of it leaves in one record."""
_SENT_INLINE = 256 * 1024
"""Bytes of all its messages together that lie in that record; larger ones go to the blob store."""


class Incident(Generic[P, S]):
    """What a stage gets as its first argument. `P`: its parameters, `S`: its state."""

    def __init__(
        self, record: IncidentRecord, parameters: P, state: S, conversation: Conversation
    ) -> None:
        self.id, self.name, self.kind = record.id, record.created.name, record.kind
        self.exercise = record.created.exercise
        self.parameters, self._state = parameters, state
        self.simulations: Simulations[P, S] = Simulations(record.created, conversation)
        self.data = Data(record.created, conversation)
        self.endpoints: Endpoints[P, S] = Endpoints(record.created, conversation)
        self.random = random.Random(conversation.run.id.int)
        """The same numbers when the stage runs again."""
        self._conversation = conversation
        self._deliveries: list[tuple[str, JsonValue, float]] = []
        self._notes: list[Note] = []
        self._rejected: list[RejectedArrival] = []
        self._ending: Ending | None = None
        self._named = 0

    @property
    def state(self) -> S:
        """Shared by all stages; set its fields, what they are at the end leaves with the stage."""
        return self._state

    # Recorded: asked once, however often the stage runs.

    @overload
    async def step(
        self,
        function: Callable[Args, Coroutine[Any, Any, R]],
        *args: Args.args,
        **kwargs: Args.kwargs,
    ) -> R: ...

    @overload
    async def step(
        self, function: Callable[Args, R], *args: Args.args, **kwargs: Args.kwargs
    ) -> R: ...

    async def step(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The result of a function. Plain ones run in a worker.

        Once the result is recorded the function is not run again; until then it may be, by whoever
        goes on after a crash, or beside itself when a busy stage has others move out of its way.
        Arguments and result must be JSON, pydantic models or dataclasses; the function's return
        annotation says what a recorded result is made into. Raises `ValueUnfit` for a result that
        is not what the annotation says, `CodeChanged` for a recorded one.
        """
        name = f"step {getattr(function, '__name__', 'function')}"
        talk = self._conversation
        key = talk.key(name, args, kwargs)
        adapter = _result_type(function)
        if call := talk.recorded(key):
            recorded = await talk.value(call)
            try:
                return adapter.validate_python(recorded)
            except ValidationError as error:
                text = f"the recorded result of {name} fits no longer: {describe(error)}"
                raise CodeChanged(text, (key,)) from error
        result = await talk.working(_run(function, talk.work, args, kwargs))
        crash_point("after step")
        value = adapter.dump_python(result, mode="json", warnings=False)
        try:
            fitting = adapter.validate_python(value)
        except ValidationError as error:
            raise ValueUnfit(f"{name} returned what it should not: {describe(error)}") from error
        document = await keep_document(talk.blobs, value, f"the result of {name}")
        await talk.record(RecordStep(talk.run.id, talk.run.attempt, key, name, document))
        return fitting

    async def sleep(self, duration: timedelta) -> None:
        """Wait; a crash does not make it longer, a retry begins anew."""
        await self._by_clock("sleep", duration)

    async def ask(
        self,
        question: str,
        choices: Sequence[str],
        within: timedelta,
        otherwise: str,
    ) -> str:
        """A person's choice, or `otherwise` if nobody answered within the time."""
        answer = await self._by_clock("ask", within, question, tuple(choices), otherwise)
        return str(answer)

    async def gather(self, *calls: Awaitable[R], at_most: int | None = None) -> list[R]:
        """All results, in the order of the calls; at most so many at once.

        What one of them raises ends the others; several errors come as an `ExceptionGroup`.
        """
        return await gather(calls, at_most or max(len(calls), 1))

    # The same again when the stage runs again.

    def now(self) -> datetime:
        """When this run started."""
        return datetime.fromtimestamp(self._conversation.run.at, UTC)

    def uuid(self) -> UUID:
        """A new id."""
        self._named += 1
        return uuid5(self._conversation.run.id, f"uuid {self._named}")

    # Leaves with the completion of the stage.

    @overload
    def send(
        self, stage: "Stage[P, S, None]", message: None = None, after: timedelta | None = None
    ) -> None: ...

    @overload
    def send(self, stage: "Stage[P, S, M]", message: M, after: timedelta | None = None) -> None: ...

    def send(
        self, stage: "Stage[P, S, Any]", message: Any = None, after: timedelta | None = None
    ) -> None:
        """Give a stage of this workflow a message, now or after a while.

        Raises `TypeError` for a stage of another workflow, `pydantic.ValidationError` for a message
        that the stage does not take, `ValueError` for more than a run may send.
        """
        if len(self._deliveries) == MOST_SENT:
            raise ValueError(
                f"a run sends at most {MOST_SENT:,} messages: send one that holds many, or send the"
                " rest from the stage that gets the last one"
            )
        name = own_name(stage, self.kind)
        wait = after.total_seconds() if after else 0.0
        self._deliveries.append((name, stage.written(message), wait))

    def note(self, text: str, level: Literal["info", "warning", "error"] = "info") -> None:
        """Write a line into the incident's log, for its operators."""
        self._notes.append(Note(level=level, text=text))

    def reject(self, arrival: Arrival | None, reason: str) -> None:
        """Refuse an arrival, or a part of one (say which row), and go on."""
        self._rejected.append(RejectedArrival(arrival.id if arrival else None, reason))

    def complete(self, why: str = "") -> None:
        """The incident is over: it ends `COMPLETE` after this stage."""
        self._ending = Ending(outcome=IncidentStatus.COMPLETE, reason=why)

    def cancel(self, reason: str = "") -> None:
        """The incident ends `CANCELLED` after this stage."""
        self._ending = Ending(outcome=IncidentStatus.CANCELLED, reason=reason)

    async def _by_clock(
        self,
        name: str,
        duration: timedelta,
        question: str | None = None,
        choices: tuple[str, ...] = (),
        otherwise: str | None = None,
    ) -> JsonValue:
        talk, seconds = self._conversation, duration.total_seconds()
        key = talk.key(name, seconds, question, choices)
        request = RequestCall(
            talk.run.id,
            talk.run.attempt,
            key,
            name,
            after=seconds,
            otherwise=Document(json_value=otherwise),
            question=question,
            choices=choices,
        )
        return await talk.ask(key, lambda: request)

    async def outcome(self, state: Mapping[str, Document]) -> FinishRun:
        """What leaves with the completion; for whoever runs the stage."""
        talk = self._conversation
        inline = min(INLINE_BYTES, _SENT_INLINE // max(1, len(self._deliveries)))
        deliveries = [
            Delivery(
                stage=stage,
                message=await keep_document(
                    talk.blobs, message, f"the message for stage {stage}", inline
                ),
                after=after,
            )
            for stage, message, after in self._deliveries
        ]
        return FinishRun(
            talk.run.id,
            talk.run.attempt,
            deliveries,
            state,
            self._notes,
            self._rejected,
            self._ending,
        )


async def _run(function: Callable[..., Any], work: Worker, args: Any, kwargs: Any) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(*args, **kwargs)
    return await work(function, *args, **kwargs)


def _result_type(function: Callable[..., Any]) -> TypeAdapter[Any]:
    try:
        hint = inspect.get_annotations(inspect.unwrap(function), eval_str=True).get("return", Any)
    except (NameError, TypeError):
        hint = Any
    return TypeAdapter(hint)
