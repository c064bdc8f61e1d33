"""A decision in the making: effects so far, and the state they lead to."""

from itertools import islice
from uuid import UUID

from events.incidents import MessageQueued, StageStarted
from events.values import Event
from managers.incidents.catalogue import StagePlan, WorkflowPlan
from managers.incidents.state import Incident, Run, Waiting, evolve
from managers.runtime import Effect, Given, Rejected, Send

AT_ONCE = 200
"""Runs that one decision starts, and that it retries: all of it has to fit into one record."""


class Draft:
    """Gathers effects; what is added is seen by what is decided after it."""

    def __init__(self, incident: Incident, plan: WorkflowPlan | None, given: Given) -> None:
        self.incident, self.plan, self.given = incident, plan, given
        self.effects: list[Effect] = []

    def add(self, *effects: Effect) -> None:
        for effect in effects:
            self.effects.append(effect)
            if isinstance(effect, Event) and (after := evolve(self.incident, effect)):
                self.incident = after

    def send(self, *messages: Send) -> None:
        self.effects.extend(messages)

    def stage(self, name: str) -> StagePlan:
        return self.plan.stage(name) if self.plan else StagePlan(name)

    def require_open(self) -> None:
        """Raises `Rejected` when the incident is over, or about to be."""
        if self.incident.closed:
            raise Rejected(f"the incident is over ({self.incident.status})")
        if self.incident.ending:
            raise Rejected(
                "the incident is ending, its last stage cleans up; end it without by force"
            )

    def current(self, run_id: UUID, attempt: int) -> Run:
        """The run, at work on that very attempt; raises `Rejected`."""
        run = self.incident.runs.get(run_id)
        if run is None or run.attempt != attempt or not run.under_way:
            raise Rejected("this run is not current any more")
        return run

    def start_stages(self) -> None:
        """Start what waits, is due, and finds its lane free; in order of arrival.

        What is more than fits into a decision is started with the next one, which comes at once.
        """
        for message in islice(self.incident.startable(self.given.now), AT_ONCE):
            at, attempt = self.given.now, message.attempts + 1
            self.add(StageStarted(run=message.id, attempt=attempt, at=at))
            self._schedule_next(message)

    def queue_periodic(self, plan: StagePlan, due: float) -> None:
        """The next run of a stage that runs on a period."""
        self.add(
            MessageQueued(
                message=self.given.name("every", plan.name, due),
                stage=plan.name,
                lane=plan.lane,
                due=due,
                periodic=True,
            )
        )

    def _schedule_next(self, message: Waiting) -> None:
        """One run queues the next, but not once more when an operator retries it."""
        period = self.stage(message.stage).every
        if period is None or message.due is None or not message.periodic or self.incident.ending:
            return
        missed = (self.given.now - message.due) // period
        self.queue_periodic(self.stage(message.stage), message.due + period * (missed + 1))
