"""What events are in the words of an incident's log."""

from typing import Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from events import endpoints, incidents, machines, operations, simulations
from events.envelope import Commit
from events.jobs import JobState, Token, Waiting
from events.prose import day
from events.values import Event
from managers.incidents import question_id

Level = Literal["info", "warning", "error"]


class Line(NamedTuple):
    """What an operator should read, and what to do about it."""

    level: Level
    text: str
    next: str = ""
    subject: UUID | Token | None = None


class Subject(BaseModel):
    """What lines are about: a stage's run, a simulation and where it runs, or its job."""

    id: str
    """The run's, the simulation's, or the job's token."""
    name: str
    machine: str | None = None
    simulation: UUID | None = None
    """Whose job it is."""


class Subjects(dict[str, Subject]):
    """What is known of those that lines are about."""

    def of(self, id: UUID | Token) -> Subject | None:
        return self.get(str(id))


_RETRY = "Look at the error, then retry the stage or cancel the incident."
_PERMANENT = "Trying again would end the same: correct the workflow, or cancel the incident."
_REFUSED = "what the stage left was refused"
"""How an error begins that no other attempt can avoid."""


def line_of(commit: Commit, event: Event, known: Subjects) -> Line | None:
    """What an operator should read about an event of a commit."""
    if not isinstance(event, incidents.IncidentEnding):
        return _line(event, known)
    over = any(isinstance(other, incidents.IncidentEnded) for other in commit.events)
    clauses = [
        f"the incident ends ({event.ending.outcome})",
        event.stopped and f"runs stopped: {event.stopped}",
        event.dropped and f"messages dropped: {event.dropped}",
        not over and "its last stage cleans up",
    ]
    told = [clause for clause in clauses if clause]
    if len(told) == 1:
        return None
    next = "" if over else "If that does not end, cancel the incident with force."
    return Line("info", ", ".join(told), next)


def _stage(run: UUID, known: Subjects) -> str:
    subject = known.of(run)
    return f"the stage {subject.name}" if subject else "a stage"


def _simulation(id: UUID, known: Subjects) -> str:
    """Its kind and its id, as short as commands take it."""
    subject = known.of(id)
    return (
        f"the simulation {subject.name} ({_short(id)})"
        if subject
        else f"the simulation {_short(id)}"
    )


def _of_job(token: Token, known: Subjects) -> str:
    job = known.of(token)
    if job is None or job.simulation is None:
        return f"the job {token}"
    return f"the job {token} of the simulation {job.name} ({_short(job.simulation)})"


def _short(id: UUID) -> str:
    return str(id)[:8]


def _output(id: UUID, known: Subjects) -> str:
    subject = known.of(id)
    if subject is None or subject.machine is None:
        return ""
    show = f"vestec simulations show {_short(id)}"
    return f"Its stdout and stderr are on {subject.machine}, in the folder that is shown by: {show}"


def _line(event: Event, known: Subjects) -> Line | None:
    match event:
        case incidents.Noted(note=note):
            return Line(note.level, note.text)
        case incidents.UrgencySet(urgency=urgency, reason=reason):
            return Line("info", f"the incident is {urgency} from now on: {reason}".rstrip(": "))
        case incidents.ArrivalRejected(arrival=arrival, reason=reason):
            text = f"data was refused: {reason}"
            return Line("warning", text, "Correct the data and send it again.", arrival)
        case incidents.StageAttemptFailed(run=run, error=error):
            text = f"{_stage(run, known)} failed and is tried again: {error}"
            return Line("warning", text, subject=run)
        case incidents.StageFailed(run=run, error=error):
            next = _PERMANENT if error.startswith(_REFUSED) else _RETRY
            return Line("error", f"{_stage(run, known)} failed: {error}", next, run)
        case incidents.StageResumed(run=run, starts=starts):
            stage = _stage(run, known)
            text = f"{stage} was started again after its process ended (start {starts})"
            return Line("info", text, subject=run)
        case incidents.StageHeld(run=run):
            stage = _stage(run, known)
            text = f"{stage} is started again a little later: its process ended several times"
            return Line("info", text, subject=run)
        case incidents.CallRequested(run=run, question=str() as question, choices=choices):
            id, otherwise = question_id(run, event.call), event.otherwise.json_value
            text = f"{_stage(run, known)} asks: {question} ({', '.join(choices)})"
            next = f"vestec incidents answer {_short(id)} CHOICE; unanswered, it is {otherwise}"
            return Line("warning", text, next, run)
        case incidents.CallAnswered(run=run, name="ask", value=value):
            text = f"{_stage(run, known)} is answered: {value.json_value}"
            return Line("info", text, subject=run)
        case incidents.StageStopped(run=run, reason=reason):
            return Line("info", f"{_stage(run, known)} was stopped: {reason}", subject=run)
        case incidents.IncidentEnded(ending=ending):
            return Line("info", f"the incident is {ending.outcome}: {ending.reason}".rstrip(": "))
        case endpoints.PullFailed(name=name, reason=reason):
            text = f"pulling {name} fails: {reason}"
            return Line("warning", text, "It is tried again; look at the source and its URL.")
        case endpoints.PullRecovered(name=name):
            return Line("info", f"pulling {name} works again")
        case _:
            return _line_of_job(event, known)


def _line_of_job(event: Event, known: Subjects) -> Line | None:
    match event:
        case simulations.SimulationStateChanged():
            return _line_of_state(event, known)
        case simulations.OutputsKept(simulation=id, missing=missing, reason=why) if missing:
            which, names = _simulation(id, known), ", ".join(missing)
            text = f"{which} did not write {names}"
            if why:
                text = f"{which} is without its results {names}: {why}"
            return Line("warning", text, _output(id, known), id)
        case simulations.CancellationRequested(simulation=id, reason=reason):
            text = f"{_simulation(id, known)} is to be cancelled: {reason}".rstrip(": ")
            return Line("info", text, subject=id)
        case simulations.HoldRequested(simulation=id, held=held, reason=reason):
            text = f"{_simulation(id, known)} is to be {'held' if held else 'released'}: {reason}"
            return Line("info", text.rstrip(": "), subject=id)
        case machines.NoMachineFound(simulation=id, reason=reason):
            text = f"no machine can run {_simulation(id, known)}: {reason}"
            return Line("error", text, "Add a machine that is large enough.", id)
        case machines.ChoicePostponed(wanted=wanted, reason=reason):
            which = _simulation(wanted.simulation, known)
            text = f"{which} waits for a machine: {reason}"
            return Line("warning", text, "Enable a machine or repair one.", wanted.simulation)
        case operations.SubmissionDoubted(token=token, reason=reason):
            text = f"nobody knows whether {_of_job(token, known)} was submitted: {reason}"
            next = "The job is looked up before it is submitted again."
            return Line("warning", text, next, token)
        case operations.TaskHindered(token=token, task=task, reason=reason):
            text = f"{_TASKS[task]} {_of_job(token, known)} fails and is tried again: {reason}"
            next = "It goes on by itself as soon as this is repaired."
            return Line("warning", text, next, token)
        case operations.CopiesSeen(token=token, copies=copies):
            text = f"copies of {_of_job(token, known)} started, and ended before its program"
            next = "Its program started once: nothing need be done."
            return Line("info", f"{text}: {copies} until now", next, token)
        case operations.PurgeNears(token=token):
            whose = _of_job(token, known)
            what = f"the results of {whose} are not fetched" if event.ended else f"{whose} goes on"
            text = f"{what}, and its machine's centre removes its files from {day(event.at)} on"
            next = "See what keeps them: vestec machines list; its centre may keep them for longer."
            return Line("warning", text, next, token)
        case operations.HoldRefused(token=token, held=held, reason=reason):
            what = "hold" if held else "release"
            text = f"the machine does not {what} {_of_job(token, known)}: {reason}"
            return Line("warning", text, "Look at the job on its machine.", token)
        case operations.SubmissionConfirmed(token=token, remarks=remarks) if remarks:
            text = f"{_of_job(token, known)} was submitted without some of what was said: {remarks}"
            return Line("info", text, subject=token)
        case operations.JobReported(report=report) if report.unknown:
            which = _of_job(report.token, known)
            part = "" if report.instance is None else f"instance {report.instance} of "
            text = f"the machine says {report.unknown!r} of {part}{which}"
            next = "Nobody knows that word: its state stays as it was. Tell whoever keeps VESTEC."
            return Line("warning", text, next, report.token)
        case operations.PrivilegeRefused(token=token, privilege=privilege, reason=reason):
            instead = f"with the privilege {event.next}" if event.next else "as any other job"
            text = (
                f"the machine refused {_of_job(token, known)} the privilege {privilege}: {reason}"
            )
            return Line("warning", text, f"It is submitted {instead}.", token)
        case operations.SubmissionRefused(token=token, reason=reason):
            text = f"the machine refused {_of_job(token, known)}: {reason}"
            return Line("error", text, "Correct what it asks for.", token)
        case _:
            return None


_TASKS = {
    operations.JobTask.SUBMIT: "submitting",
    operations.JobTask.CANCEL: "cancelling",
    operations.JobTask.HOLD: "holding",
    operations.JobTask.RELEASE: "releasing",
    operations.JobTask.COLLECT: "fetching the results of",
    operations.JobTask.REMOVE: "removing the folder of",
}
_STATES = {
    JobState.FAILED: "",
    JobState.TIMEOUT: "Ask for a longer walltime or for less work. ",
    JobState.CANCELLED: "Ask who cancelled it there, or which limit killed it. ",
    JobState.LOST: "Look at the machine: nobody there knows the job any more. ",
}


_STUCK = {
    Waiting.MAINTENANCE: "It starts when the machine's maintenance is over.",
    Waiting.NEEDS_A_HUMAN: "Release it (vestec simulations release), or ask the machine's"
    " administrators.",
    Waiting.IMPOSSIBLE: "Cancel it, and ask for what the machine has.",
}


def _line_of_state(event: simulations.SimulationStateChanged, known: Subjects) -> Line | None:
    if event.stuck and event.state is JobState.PENDING:
        text = f"{_simulation(event.simulation, known)} is not submitted: {event.reason}"
        commands = f"vestec simulations retry {_short(event.simulation)}, or cancel"
        next = f"Mend that; if it does not go on then: {commands}"
        return Line("error", text, next, event.simulation)
    if event.stuck:
        text = f"{_simulation(event.simulation, known)} waits and will not start by itself"
        why = event.reason or f"it is {event.state}"
        return Line("warning", f"{text}: {why}", _STUCK[event.stuck], event.simulation)
    id = event.simulation
    subject = known.of(id)
    where = subject and subject.machine
    if event.again and not event.state.ended:
        text = f"{_simulation(id, known)} begins anew on {where}, as its attempt {event.attempt}"
        return Line("warning", f"{text}: {event.reason}".rstrip(": "), subject=id)
    wished = event.state is JobState.CANCELLED and not event.unwished
    if event.state not in _STATES or wished:
        return None
    clauses = [
        f"{_simulation(id, known)} is {event.state}{f' on {where}' if where else ''}",
        event.unwished and "by nobody here",
        event.exit_code is not None and f"exit code {event.exit_code}",
        f"says {event.witness}",
    ]
    text = f"{', '.join(clause for clause in clauses if clause)}: {event.reason}".rstrip(": ")
    return Line("error", text, f"{_STATES[event.state]}{_output(id, known)}".strip(), id)


_OF_HANDS = {"RequestCall", "RecordStep", "FinishRun", "FailRun", "ResumeRun", "RestRun"}
"""What a run asks for: it is told of a refusal, and what becomes of it is an event of its own."""

_WISHES = {
    "CreateIncident": "creating the incident",
    "ActivateIncident": "activating the incident",
    "CancelIncident": "cancelling the incident",
    "ArchiveIncident": "archiving the incident",
    "RetryStage": "retrying a stage",
    "SetUrgency": "setting its urgency",
    "AnswerQuestion": "an answer",
    "TakeNote": "a note",
    "ReceivePush": "data that was pushed",
    "DeliverArrival": "data that arrived",
    "Deliver": "a message for a stage",
    "AnswerCall": "an answer to a stage",
    "OpenEndpoint": "opening an endpoint",
    "CloseEndpoint": "closing an endpoint",
    "PullBrought": "data that was pulled",
    "PullBroke": "the failure of a pull",
    "CreateSimulation": "creating a simulation",
    "SubmitSimulation": "submitting a simulation",
    "CancelSimulation": "cancelling a simulation",
    "RefreshSimulation": "asking about a simulation",
    "RetrySimulation": "submitting a simulation again",
    "HoldSimulation": "holding a simulation",
    "ReleaseSimulation": "releasing a simulation",
    "GroupSimulations": "grouping simulations",
    "RegisterDataSet": "registering a data set",
}
"""Commands in the words of those who read of their refusal."""


def refusal_of(commit: Commit) -> Line | None:
    """What is told of a command that was refused; None: who asked is told elsewhere."""
    refused = commit.rejection
    if refused is None or refused.command in _OF_HANDS:
        return None
    what = _WISHES.get(refused.command, refused.command)
    return Line("warning", f"{what} was refused: {refused.reason}")
