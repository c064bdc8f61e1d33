"""Runs the stages' code for the Workflow Manager: its hands.

A loop that a stage keeps busy is left to that stage: all others start again in another one, from
their recorded answers.
"""

import asyncio
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn

import structlog
from structlog.contextvars import bind_contextvars

from events.envelope import Rejection
from events.values import Context
from managers.blobs import BlobStore
from managers.incidents import Call, FailRun, FinishRun, RecordStep, RequestCall, RestRun, Run
from managers.incidents import Incident as IncidentRecord
from managers.runtime import Assignment, Work, about
from managers.runtime.manager import Input
from workflows.conversation import Conversation, Worker
from workflows.execution import execute
from workflows.loops import LoopThread, Mailbox, Workshop
from workflows.stopwatch import Stopwatch
from workflows.workers import Workers
from workflows.workflow import Workflow

_log = structlog.get_logger()

_UNTOLD = "it failed, and its error could not be recorded: see the server's log"
"""A run always ends, whatever its error is like."""
_BEAT = 0.5
"""Seconds between two looks at the loops; one that does not answer until the next is busy."""


class StageHost:
    """Where the stages of all incidents of this process run."""

    def __init__(
        self,
        workflows: Mapping[str, Workflow[Any, Any]],
        blobs: BlobStore,
        new_workshop: Callable[[], Workshop],
        work: Worker,
    ) -> None:
        self.workflows, self.blobs, self.work = workflows, blobs, work
        self._new_workshop = new_workshop
        self.workshop = new_workshop()
        self.runs: set[StageRun] = set()

    @classmethod
    def threaded(cls, workflows: Mapping[str, Workflow[Any, Any]], blobs: BlobStore) -> "StageHost":
        """A host whose stages run in threads of their own."""
        return cls(workflows, blobs, LoopThread, Workers())

    def begin(self, assignment: Assignment[IncidentRecord, Run]) -> Work[Run]:
        """Start a run."""
        return StageRun(assignment, self)

    async def watch(self) -> NoReturn:
        """Leave a loop that does not answer to the stage that keeps it busy."""
        while True:
            answered = asyncio.Event()
            home = Mailbox(asyncio.get_running_loop())
            self.workshop.call(home.call, answered.set)
            await asyncio.sleep(_BEAT)
            try:
                if not answered.is_set() and (culprit := self.workshop.busy_with()):
                    self._move_away_from(culprit)
            except Exception:  # whatever it is, the next look may succeed
                _log.exception("a busy loop could not be left")

    def left(self, workshop: Workshop) -> None:
        """A run has left the workshop; one that others were moved from ends with its last run."""
        if workshop is not self.workshop and all(run.workshop is not workshop for run in self.runs):
            workshop.close()

    def close(self) -> None:
        self.workshop.close()

    def _move_away_from(self, culprit: str) -> None:
        busy, self.workshop = self.workshop, self._new_workshop()
        moved = [run for run in self.runs if run.workshop is busy and run.name != culprit]
        ids = next((run.about for run in self.runs if run.name == culprit), {})
        _log.warning("a stage keeps its loop busy", run=culprit, others_moved=len(moved), **ids)
        for run in moved:
            run.move(self.workshop)
        self.left(busy)  # in case the culprit was stopped meanwhile


class StageRun:
    """A run: its code in a workshop of the host, its manager in the loop it was made in."""

    def __init__(self, assignment: Assignment[IncidentRecord, Run], host: StageHost) -> None:
        self.name = assignment.name
        self.about = about(assignment.key, f"{Context.INCIDENTS}.work/{self.name}")
        self.workshop = host.workshop
        self._assignment, self._host, self._run = assignment, host, assignment.item
        self._home = Mailbox(asyncio.get_running_loop())
        self._execution: Execution | None = None
        host.runs.add(self)
        self._start()

    def update(self, item: Run) -> None:
        """Tell the stage what was answered."""
        new = {
            key: call
            for key, call in item.calls.items()
            if call.answered and call is not self._run.calls.get(key)
        }
        self._run = item
        if new and self._execution:
            self.workshop.call(self._execution.told, new)

    def stop(self) -> None:
        self._host.runs.discard(self)
        if self._execution:
            self.workshop.call(self._execution.cancel)
            self._execution = None
        self._host.left(self.workshop)

    def move(self, workshop: Workshop) -> None:
        """Start again elsewhere; what the old execution still says is not heard."""
        if self._execution:
            self.workshop.call(self._execution.cancel)
        self.workshop = workshop
        self._start()

    def _start(self) -> None:
        self._execution = Execution(self._host, self._assignment.state, self._run, self._post)
        self.workshop.call(self._execution.start, self.name, self.about)

    def _post(self, execution: "Execution", input: Input) -> None:
        """Called in the workshop; goes on at home."""
        self._home.call(self._tell, execution, input)

    def _tell(self, execution: "Execution", input: Input) -> None:
        if execution is self._execution:
            reply = self._assignment.tell(input)
            reply.add_done_callback(partial(self._decided, execution, input))

    def _decided(
        self, execution: "Execution", input: Input, reply: asyncio.Future[Rejection | None]
    ) -> None:
        if reply.cancelled() or execution is not self._execution:
            return
        if (rejection := reply.result()) is None:
            return
        match input:
            case RequestCall() | RecordStep():
                refused = Call(input.name, answered=True, error=rejection.reason)
                self.workshop.call(execution.told, {input.call: refused})
            case FinishRun():
                reason = f"what the stage left was refused: {rejection.reason}"
                self._tell(execution, FailRun(input.run, input.attempt, reason, final=True))
            case FailRun() if input.error != _UNTOLD:
                self._tell(execution, FailRun(input.run, input.attempt, _UNTOLD, final=True))
                failure = ascii(input.error)
                _log.error("failure refused", why=rejection.reason, failure=failure, **self.about)


class Execution:
    """A stage's code at work; but for the making, all of it happens in its workshop."""

    def __init__(
        self,
        host: StageHost,
        record: IncidentRecord,
        run: Run,
        post: Callable[["Execution", Input], None],
    ) -> None:
        self._host, self._record, self._run = host, record, run
        self._post = partial(post, self)
        self.patient = False
        """See `Conversation.patient`."""
        self._talk: Conversation | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def asked(self) -> set[str]:
        """The calls that the stage has made so far."""
        return self._talk.asked if self._talk else set()

    def start(self, name: str, ids: Mapping[str, str]) -> None:
        loop = asyncio.get_running_loop()
        again = self._run.starts > 1
        stopwatch = Stopwatch(self._timeout(), self._overran, self._rested if again else None)
        self._talk = Conversation(
            self._run, self._host.blobs, self._post, stopwatch, self._host.work
        )
        self._talk.patient = self.patient
        self._task = loop.create_task(self._execute(self._talk, ids), name=name)

    def told(self, answers: Mapping[str, Call]) -> None:
        if self._talk:
            for key, call in answers.items():
                self._talk.told(key, call)

    def cancel(self) -> None:
        if self._task and self._talk:
            self._talk.ended = True
            self._task.cancel()

    async def _execute(self, talk: Conversation, ids: Mapping[str, str]) -> None:
        bind_contextvars(**ids)
        try:
            ended = await execute(self._host.workflows, self._record, talk)
        except BaseException as error:
            if talk.ended:
                raise
            where = "".join(traceback.format_exception(error))  # copes with any error
            _log.error("a run ended without a word", traceback=where)
            ended = FailRun(self._run.id, self._run.attempt, _UNTOLD, final=True)
        self._post(ended)

    def _timeout(self) -> float | None:
        workflow = self._host.workflows.get(self._record.kind)
        stage = workflow and workflow.stages.get(self._run.message.stage)
        return stage.timeout.total_seconds() if stage and stage.timeout else None

    def _rested(self) -> None:
        self._post(RestRun(self._run.id, self._run.attempt))

    def _overran(self) -> None:
        error = f"the stage ran longer than its {self._timeout():g} s"
        self._post(FailRun(self._run.id, self._run.attempt, error))
        self.cancel()
