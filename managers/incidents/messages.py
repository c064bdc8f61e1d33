"""Messages for stages: queued in order of arrival, gathered in bursts, superseded by newer ones."""

from uuid import UUID

from events import incidents as e
from events.simulations import CancelSimulationsOf
from events.values import Context
from managers.incidents.catalogue import Debounce, StagePlan
from managers.incidents.draft import Draft
from managers.incidents.state import Waiting
from managers.runtime import Send


def deliver(draft: Draft, wanted: e.Deliver) -> None:
    """A callback of another manager."""
    draft.require_open()
    queue(draft, wanted.delivery, "callback")


def id_of(draft: Draft, *name: object) -> UUID:
    """The id of the message that this decision queues under a name."""
    return draft.given.name("message", *name)


def queue(draft: Draft, delivery: e.Delivery, *name: object, sender: UUID | None = None) -> None:
    """A message, under the id that `name` gives it."""
    plan = draft.stage(delivery.stage)
    message = id_of(draft, *name)
    if plan.latest:
        _supersede(draft, plan, message)
    draft.add(
        e.MessageQueued(
            message=message,
            stage=plan.name,
            lane=plan.lane,
            body=delivery.message,
            sender=sender,
            due=draft.given.now + delivery.after if delivery.after else None,
        )
    )


def arrive(draft: Draft, wanted: e.DeliverArrival) -> None:
    """Data: a message of its own, or one more in a burst that still waits."""
    draft.require_open()
    plan, arrival = draft.stage(wanted.stage), wanted.arrival
    burst = _burst(draft, plan)
    if plan.debounce and burst:
        due = _quiet_from(draft.given.now, plan.debounce, burst)
        draft.add(e.MessageExtended(message=burst.id, arrival=arrival, due=due))
        return
    message = id_of(draft, arrival.id)
    if plan.latest:
        _supersede(draft, plan, message)
    draft.add(
        e.MessageQueued(
            message=message,
            stage=plan.name,
            lane=plan.lane,
            arrivals=(arrival,),
            due=draft.given.now + plan.debounce.quiet if plan.debounce else None,
        )
    )


def _burst(draft: Draft, plan: StagePlan) -> Waiting | None:
    """The message that gathers; one that an operator retries is complete."""
    bursts = (m for m in draft.incident.waiting.values() if m.opened and not m.attempts)
    return next((m for m in bursts if _is_of(draft, m, plan)), None)


def _quiet_from(now: float, debounce: Debounce, burst: Waiting) -> float:
    return min(now + debounce.quiet, (burst.opened or now) + debounce.at_most)


def _supersede(draft: Draft, plan: StagePlan, newer: UUID) -> None:
    """What is older of the same stage is not wanted any more, nor is the retry of a failed run."""
    incident, reason = draft.incident, "superseded by a newer message"
    for message in incident.waiting.values():
        if _is_of(draft, message, plan):
            draft.add(e.MessageDropped(message=message.id, reason=reason))
    for run in (*incident.runs.values(), *incident.failed.values()):
        if _is_of(draft, run.message, plan):
            draft.add(e.StageStopped(run=run.id, reason=reason, superseded_by=newer))
            unwanted = CancelSimulationsOf(run=run.id, reason=reason)
            draft.send(Send(Context.SIMULATIONS, incident.id, unwanted))


def _is_of(draft: Draft, message: Waiting, plan: StagePlan) -> bool:
    """Whether it is for that stage, by whatever name the stage had when it was queued."""
    return draft.stage(message.stage).name == plan.name
