"""The Workflow Manager as the runtime takes it."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from events.values import Context
from managers.incidents.catalogue import Catalogue
from managers.incidents.decide import decider
from managers.incidents.inputs import LookAtClock, ResumeRun
from managers.incidents.state import Incident, Run, evolve
from managers.runtime import Assignment, Manager, Work
from managers.runtime.manager import Input

Hands = Callable[[Assignment[Incident, Run]], Work[Run]]


def incident_manager(catalogue: Catalogue, run_stage: Hands) -> Manager[Incident, Run]:
    """The manager of incidents; `run_stage` runs the code of a stage."""
    return Manager(
        context=Context.INCIDENTS,
        sources=(Context.ENDPOINTS, Context.SIMULATIONS, Context.DATASETS),
        state=Incident,
        fold=8,
        decide=decider(catalogue),
        evolve=evolve,
        under_way=_under_way,
        due=_due,
        resume=_resume,
        begin=run_stage,
        clock=LookAtClock(),
    )


def _under_way(incident: Incident) -> Mapping[str, Run]:
    """Runs by id and attempt: a new attempt is new work."""
    return {f"{run.id}:{run.attempt}": run for run in incident.runs.values() if run.under_way}


def _due(incident: Incident) -> float | None:
    return min(_moments(incident), default=None)


def _moments(incident: Incident) -> Iterator[float]:
    """When something is to be decided: a decision starts so many runs, the rest are due at once."""
    busy, last_start = incident.busy_lanes, incident.last_start
    for message in incident.waiting.values() if incident.at_work else ():
        if message.lane not in busy:
            yield max(message.due or 0.0, last_start)
    if incident.retrying:
        yield last_start
    for run in incident.runs.values():
        if run.retry_at is not None:
            yield run.retry_at
        if run.held is not None:
            yield run.held
        for call in run.calls.values():
            if call.due is not None and not call.answered:
                yield call.due


def _resume(incident: Incident) -> Iterable[Input]:
    """The runs to start again after a takeover."""
    return [ResumeRun(run.id) for run in incident.runs.values() if run.under_way]
