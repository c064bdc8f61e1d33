"""The Workflow Manager: the life of incidents and the stages of their workflows.

Which stages a workflow has comes in as a `Catalogue`; whoever runs their code is handed in as
hands. Neither the code of workflows nor the way it is run is known here.
"""

from managers.incidents.calls import question_id
from managers.incidents.catalogue import Catalogue, Debounce, Retry, StagePlan, WorkflowPlan
from managers.incidents.inputs import (
    FailRun,
    FinishRun,
    LookAtClock,
    RecordStep,
    RequestCall,
    RestRun,
    ResumeRun,
)
from managers.incidents.manager import incident_manager
from managers.incidents.state import Call, Incident, Run, Waiting

__all__ = [
    "Call",
    "Catalogue",
    "Debounce",
    "FailRun",
    "FinishRun",
    "Incident",
    "LookAtClock",
    "RecordStep",
    "RequestCall",
    "RestRun",
    "ResumeRun",
    "Retry",
    "Run",
    "StagePlan",
    "Waiting",
    "WorkflowPlan",
    "incident_manager",
    "question_id",
]
