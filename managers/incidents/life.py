"""The life of an incident: created, activated, ended with everything that it started, archived."""

from collections.abc import Iterable

from events import incidents as e
from events.datasets import CloseDataSets
from events.endpoints import CloseAllEndpoints
from events.incidents import Ending, IncidentStatus
from events.simulations import CancelAllSimulations, CloseSimulations
from events.values import Command, Context
from managers.incidents import messages
from managers.incidents.catalogue import Catalogue
from managers.incidents.draft import Draft
from managers.incidents.state import Incident
from managers.runtime import Effect, Rejected, Send

_CLEAN_UP = "end"
"""The name of the message for the last stage."""


def create(
    catalogue: Catalogue, incident: Incident | None, wanted: e.CreateIncident
) -> Iterable[Effect]:
    """A new incident with parameters that its workflow takes; sent twice, it is the same."""
    if incident is not None:
        return []
    plan = catalogue.get(wanted.kind)
    if plan is None:
        known = ", ".join(sorted(catalogue)) or "none"
        raise Rejected(f"unknown kind of incident {wanted.kind!r}; known are: {known}")
    try:
        parameters = plan.check(wanted.parameters)
    except ValueError as error:
        raise Rejected(f"parameters of {wanted.kind}: {error}") from error
    return [
        e.IncidentCreated(
            incident=wanted.incident,
            kind=wanted.kind,
            workflow_version=plan.version,
            name=wanted.name,
            parameters=parameters,
            exercise=wanted.exercise,
            urgency=wanted.urgency,
            owner=wanted.owner,
        )
    ]


def activate(draft: Draft) -> None:
    """Start the first stage, and those that run on a period."""
    draft.require_open()
    if draft.incident.status != IncidentStatus.PENDING:
        raise Rejected(f"the incident is {draft.incident.status} already")
    if draft.plan is None:
        raise Rejected(f"the workflow {draft.incident.kind} is not installed here")
    draft.add(e.IncidentActivated())
    if draft.plan.on_activate:
        messages.queue(draft, e.Delivery(stage=draft.plan.on_activate), "activate")
    for plan in {plan.name: plan for plan in draft.plan.stages.values()}.values():
        if plan.every is not None:
            draft.queue_periodic(plan, draft.given.now + plan.every)


def set_urgency(draft: Draft, wanted: e.SetUrgency) -> None:
    """From now on; what was submitted before stays as it is."""
    draft.require_open()
    if wanted.urgency != draft.incident.urgency:
        draft.add(e.UrgencySet(urgency=wanted.urgency, reason=wanted.reason))


def cancel(draft: Draft, wanted: e.CancelIncident) -> None:
    """People's word that it is over; by force, without the rest of its clean-up."""
    if messages.id_of(draft, _CLEAN_UP) in draft.incident.runs:
        return  # the same command again
    if draft.incident.ending and wanted.force:
        _end_without_clean_up(draft, draft.incident.ending, wanted.reason)
        return
    draft.require_open()
    end(draft, Ending(outcome=IncidentStatus.CANCELLED, reason=wanted.reason))


def archive(draft: Draft) -> None:
    """Out of sight, once it is over."""
    if not draft.incident.closed:
        raise Rejected(f"only an incident that is over is archived; it is {draft.incident.status}")
    if draft.incident.status != IncidentStatus.ARCHIVED:
        draft.add(e.IncidentArchived())


def end(draft: Draft, ending: Ending) -> None:
    """Stop everything, clean up, and be over."""
    incident, was_pending = draft.incident, draft.incident.status == IncidentStatus.PENDING
    stopped, dropped = len(incident.runs) + len(incident.failed), len(incident.waiting)
    draft.add(e.IncidentEnding(ending=ending, stopped=stopped, dropped=dropped))
    clean_up = draft.plan.on_end if draft.plan and not was_pending else None
    if clean_up is None:
        be_over(draft, ending)
        return
    _tell(draft, incident.id, Context.SIMULATIONS, CancelAllSimulations(reason=ending.sentence))
    _tell(draft, incident.id, Context.ENDPOINTS, CloseAllEndpoints())
    messages.queue(draft, e.Delivery(stage=clean_up), _CLEAN_UP)


def _end_without_clean_up(draft: Draft, ending: Ending, reason: str) -> None:
    """Its outcome stays."""
    stopped = f"its clean-up was stopped: {reason}".removesuffix(": ")
    draft.add(*(e.StageStopped(run=run, reason=stopped) for run in draft.incident.runs))
    both = "; ".join(filter(None, (ending.reason, stopped)))
    be_over(draft, Ending(outcome=ending.outcome, reason=both))


def be_over(draft: Draft, ending: Ending) -> None:
    """Nothing of the incident goes on, and other managers forget what was its."""
    incident = draft.incident.id
    draft.add(e.IncidentEnded(ending=ending))
    _tell(draft, incident, Context.SIMULATIONS, CloseSimulations(reason=ending.sentence))
    _tell(draft, incident, Context.ENDPOINTS, CloseAllEndpoints())
    _tell(draft, incident, Context.DATASETS, CloseDataSets())


def _tell(draft: Draft, incident: str, context: Context, command: Command) -> None:
    draft.send(Send(context, incident, command))
