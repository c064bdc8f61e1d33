"""What of the log is told to outsiders, in which words."""

from events import datasets, endpoints, incidents, simulations
from events.envelope import Recorded
from events.values import Context
from interfaces.public import events as public
from interfaces.public.events import PublicEvent

CONTEXTS = (Context.INCIDENTS, Context.ENDPOINTS, Context.SIMULATIONS, Context.DATASETS)
"""Whose events are told: all of incidents, and so of the same partition for one incident."""


def told(it: Recorded) -> PublicEvent | None:
    """What outsiders are told of an event that counts; None: nothing."""
    incident = it.commit.key
    match it.event:
        case incidents.IncidentCreated() as event:
            return public.IncidentCreated(
                incident=incident,
                kind=event.kind,
                workflow_version=event.workflow_version,
                title=event.name,
                exercise=event.exercise,
            )
        case incidents.IncidentActivated():
            return public.IncidentActivated(incident=incident)
        case incidents.IncidentEnded(ending=ending):
            return public.IncidentEnded(incident=incident, outcome=ending.outcome)
        case incidents.IncidentArchived():
            return public.IncidentArchived(incident=incident)
        case incidents.ArrivalRejected(arrival=arrival):
            return public.ArrivalRejected(incident=incident, arrival=arrival)
        case endpoints.DataArrived(arrival=arrival):
            content = arrival.content
            return public.ArrivalReceived(
                incident=incident,
                arrival=arrival.id,
                received=arrival.received,
                media_type=content.media_type,
                size=content.size,
                sha256=content.sha256,
            )
        case datasets.DataSetRegistered(data_set=data_set):
            return public.DataSetRegistered(
                incident=incident,
                data_set=data_set.id,
                title=data_set.name,
                kind=data_set.type,
                media_type=data_set.media_type,
                size=data_set.blob.size,
                sha256=data_set.blob.sha256,
                simulation=data_set.simulation,
            )
        case datasets.DataSetSuperseded(data_set=old, by=new):
            return public.DataSetSuperseded(incident=incident, data_set=old, by=new)
        case _:
            return _told_of_simulation(it)


def _told_of_simulation(it: Recorded) -> PublicEvent | None:
    incident = it.commit.key
    match it.event:
        case simulations.SimulationCreated(simulation=id, request=request):
            needs = request.resources
            return public.SimulationCreated(
                incident=incident,
                simulation=id,
                kind=request.kind,
                instances=needs.instances,
                nodes=needs.nodes,
                tasks=needs.tasks,
                cpus_per_task=needs.cpus_per_task,
                walltime=needs.walltime,
            )
        case simulations.SimulationPlaced(simulation=id, machine=machine):
            return public.SimulationPlaced(incident=incident, simulation=id, machine=machine)
        case simulations.SimulationStateChanged() as event:
            return public.SimulationChanged(
                incident=incident,
                simulation=event.simulation,
                state=event.state,
                witness=event.witness,
                attempt=event.attempt,
                exit_code=event.exit_code,
                started=event.started,
                ended=event.ended,
                instances=event.instances,
            )
        case simulations.OutputsKept(simulation=id, outputs=outputs, missing=missing):
            return public.ResultsKept(
                incident=incident,
                simulation=id,
                results={
                    name: public.File(sha256=blob.sha256, size=blob.size)
                    for name, blob in outputs.items()
                },
                missing=missing,
            )
        case _:
            return None
