"""Whatever happens to an incident, in any order: the rules of lanes and messages hold."""

from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from events import incidents as e
from events.incidents import Delivery, Ending, IncidentStatus
from events.values import Document
from managers.incidents import (
    FailRun,
    FinishRun,
    LookAtClock,
    RecordStep,
    RequestCall,
    RestRun,
    ResumeRun,
    Run,
    question_id,
)
from tests.managers.incidents.site import arrives, created, incident, sent

STAGES = st.sampled_from(
    ["plain", "a", "b", "newest", "old-name", "burst", "flaky", "tick", "gone"]
)
KINDS = st.sampled_from(["test", "whole", "ticking"])
AFTER = st.sampled_from([0.0, 0.0, 5.0, 30.0])
CALLS = st.sampled_from(["x", "y"])
FIELDS = st.dictionaries(
    st.sampled_from(["p", "q"]), st.integers().map(lambda i: Document(json_value=i))
)


class AnySequence(RuleBasedStateMachine):
    """Valid inputs in any order, and every message followed from its queue to its end."""

    @initialize(kind=KINDS)
    def begin(self, kind: str) -> None:
        self.scenario = created(kind)
        self.arrivals = 0
        self.open: dict[UUID, str | None] = {}
        """Messages that have not ended, in order of arrival, with their lanes."""
        self.failed: set[UUID] = set()

    def happens(self, input: object) -> None:
        """Decide; refusals are allowed, exceptions are not."""
        self.scenario.when(input)
        for effect in self.scenario.effects:
            self.follow(effect)

    def follow(self, effect: object) -> None:
        match effect:
            case e.MessageQueued(message=message, lane=lane):
                assert message not in self.open
                self.open[message] = lane
            case e.StageStarted(run=run, attempt=1):
                self.in_order(run)
            case e.StageCompleted(run=run) | e.StageStopped(run=run):
                del self.open[run]
            case e.MessageDropped(message=message):
                del self.open[message]
            case e.StageFailed(run=run):
                self.failed.add(run)
            case e.StageRetried(run=run):
                self.failed.remove(run)
            case e.IncidentEnding():
                self.open, self.failed = {}, set()
            case e.IncidentEnded():
                self.open = {id: lane for id, lane in self.open.items() if id not in self.failed}

    def in_order(self, run: UUID) -> None:
        """All that came before it in its lane and still waits is not due yet."""
        lane = self.open[run]
        for message in self.open:
            if message == run or lane is None:
                return
            waiting = incident(self.scenario).waiting.get(message)
            if self.open[message] == lane and waiting:
                assert waiting.due is not None
                assert waiting.due > self.scenario.now

    def some_run(self, data: st.DataObject) -> Run:
        return data.draw(st.sampled_from([*incident(self.scenario).runs.values()]))

    def has_runs(self) -> bool:
        return bool(incident(self.scenario).runs)

    # What people and others do.

    @rule()
    def activate(self) -> None:
        self.happens(e.ActivateIncident())

    @rule(stage=STAGES, after=AFTER)
    def deliver(self, stage: str, after: float) -> None:
        self.happens(sent(stage, after=after))

    @rule(stage=STAGES)
    def arrive(self, stage: str) -> None:
        self.arrivals += 1
        self.happens(arrives(stage, self.arrivals, self.scenario.now))

    @rule()
    def retry(self) -> None:
        self.happens(e.RetryStage())

    @precondition(lambda self: self.scenario.id.int > 15)
    @rule()
    def cancel(self) -> None:
        self.happens(e.CancelIncident())

    @rule()
    def archive(self) -> None:
        self.happens(e.ArchiveIncident())

    # What runs tell.

    @precondition(has_runs)
    @rule(data=st.data(), state=FIELDS, sends=st.lists(STAGES, max_size=3), after=AFTER)
    def finish(
        self, data: st.DataObject, state: dict[str, Document], sends: list[str], after: float
    ) -> None:
        run = self.some_run(data)
        deliveries = [Delivery(stage=stage, after=after) for stage in sends]
        self.happens(FinishRun(run.id, run.attempt, deliveries, state))

    @precondition(lambda self: self.has_runs() and self.scenario.id.int > 15)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        run = self.some_run(data)
        done = Ending(outcome=IncidentStatus.COMPLETE)
        self.happens(FinishRun(run.id, run.attempt, ending=done))

    @precondition(has_runs)
    @rule(data=st.data(), final=st.booleans())
    def fail(self, data: st.DataObject, final: bool) -> None:
        run = self.some_run(data)
        self.happens(FailRun(run.id, run.attempt, "no", forget=("x",), final=final))

    @precondition(has_runs)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        self.happens(ResumeRun(self.some_run(data).id))

    @precondition(has_runs)
    @rule(data=st.data())
    def rest(self, data: st.DataObject) -> None:
        run = self.some_run(data)
        self.happens(RestRun(run.id, run.attempt))

    @precondition(has_runs)
    @rule(data=st.data(), call=CALLS)
    def step(self, data: st.DataObject, call: str) -> None:
        run = self.some_run(data)
        self.happens(RecordStep(run.id, run.attempt, call, "step", Document()))

    @precondition(has_runs)
    @rule(data=st.data(), call=CALLS, after=st.sampled_from([None, 20.0]), asks=st.booleans())
    def ask(self, data: st.DataObject, call: str, after: float | None, asks: bool) -> None:
        run = self.some_run(data)
        question = "Go?" if asks else None
        self.happens(
            RequestCall(
                run.id, run.attempt, call, "ask", None, None, after, Document(), question, "y"
            )
        )

    @precondition(has_runs)
    @rule(data=st.data(), call=CALLS, error=st.sampled_from([None, "no"]))
    def answer(self, data: st.DataObject, call: str, error: str | None) -> None:
        self.happens(e.AnswerCall(run=self.some_run(data).id, call=call, error=error))

    @precondition(has_runs)
    @rule(data=st.data(), call=CALLS)
    def choose(self, data: st.DataObject, call: str) -> None:
        run = self.some_run(data)
        self.happens(e.AnswerQuestion(question=question_id(run.id, call), choice="y"))

    @rule(seconds=st.sampled_from([1.0, 7.0, 61.0]))
    def pass_time(self, seconds: float) -> None:
        """As the runtime does: the clock is looked at when something is due."""
        until = self.scenario.now + seconds
        while (due := self.scenario.manager.due(incident(self.scenario))) and due <= until:
            assert due > self.scenario.now or self.scenario.effects, "the clock rings for nothing"
            self.scenario.now = max(due, self.scenario.now)
            self.happens(LookAtClock())
            assert self.scenario.effects, "the clock rang for nothing"
        self.scenario.now = until

    # What holds at any time.

    @invariant()
    def a_lane_has_one_run(self) -> None:
        lanes = [run.message.lane for run in incident(self.scenario).runs.values()]
        busy = [lane for lane in lanes if lane]
        assert len(busy) == len(set(busy))

    @invariant()
    def no_message_is_lost(self) -> None:
        now = incident(self.scenario)
        assert {*now.waiting, *now.runs, *now.failed} == {*self.open}

    @invariant()
    def the_status_tells_of_failures(self) -> None:
        now = incident(self.scenario)
        if not now.closed and now.status != IncidentStatus.PENDING and not now.ending:
            assert (now.status == IncidentStatus.ERROR) == bool(now.failed)

    def teardown(self) -> None:
        if hasattr(self, "scenario"):
            self.end_everything()

    def end_everything(self) -> None:
        self.happens(e.CancelIncident())
        for run in [*incident(self.scenario).runs.values()]:
            self.happens(FailRun(run.id, run.attempt, "no", final=True))
        assert incident(self.scenario).closed
        assert self.open == {}


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = settings(
    max_examples=120,
    stateful_step_count=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
