"""A decision in the making: effects so far, and the state they lead to."""

from collections.abc import Iterator

from events.incidents import IncidentStatus, MessageQueued, StageStarted
from events.values import Event
from managers.incidents.catalogue import StagePlan, WorkflowPlan
from managers.incidents.state import Incident, Waiting, evolve
from managers.runtime import Effect, Given, Send


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

    def start_stages(self) -> None:
        """Start what waits, is due, and finds its lane free; in order of arrival."""
        while message := next(self._startable(), None):
            at, attempt = self.given.now, message.attempts + 1
            self.add(StageStarted(run=message.id, attempt=attempt, at=at))
            self._schedule_next(message)

    def _startable(self) -> Iterator[Waiting]:
        incident = self.incident
        if incident.status not in (IncidentStatus.ACTIVE, IncidentStatus.ERROR):
            return
        busy = incident.busy_lanes
        for message in incident.waiting.values():
            due = message.due is None or message.due <= self.given.now
            if due and message.lane not in busy:
                yield message

    def _schedule_next(self, message: Waiting) -> None:
        plan = self.stage(message.stage)
        if plan.every is None or self.incident.ending:
            return
        missed = (self.given.now - (message.due or self.given.now)) // plan.every
        due = (message.due or self.given.now) + plan.every * (missed + 1)
        self.add(
            MessageQueued(
                message=self.given.name("every", plan.name, due),
                stage=plan.name,
                lane=plan.lane,
                due=due,
            )
        )
