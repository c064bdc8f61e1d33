"""What the Machine Interface makes of commands and of what its hands saw: pure."""

from collections.abc import Iterable, Iterator

from events import operations as e
from events.jobs import Token
from events.machines import FLEET, SeeTrouble
from events.simulations import ForeseeStart, KeepOutputs
from events.values import Context, Event
from managers.operations import inputs as i
from managers.operations import questions, reports
from managers.operations.job import Job, Phase
from managers.operations.keeping import ended_again, look, released
from managers.operations.reports import seen
from managers.operations.state import MachineJobs, evolve
from managers.operations.submitting import cancel, retry, room, submit, submitted
from managers.runtime import Decided, Effect, Given, Rejected, Send
from managers.runtime.manager import Input


def decide(was: MachineJobs | None, input: Input, given: Given) -> Decided[MachineJobs]:
    """The effects of one command, or of what was seen, on one machine's jobs."""
    decided = _decide(was or MachineJobs(), input, given)
    if not isinstance(decided, Decided):
        decided = _folded(was, list(decided))
    effects, after = list(decided.effects), decided.state
    trouble = "" if was is None else was.trouble
    if after and after.settings and after.trouble != trouble:
        see = SeeTrouble(name=after.settings.name, reason=after.trouble, full=bool(after.full))
        effects.append(Send(Context.MACHINES, FLEET, see))
    return Decided(effects, after)


def _folded(was: MachineJobs | None, effects: list[Effect]) -> Decided[MachineJobs]:
    after = was
    for effect in effects:
        if isinstance(effect, Event):
            after = evolve(after, effect)
    return Decided(effects, after)


_Decided = Iterable[Effect] | Decided[MachineJobs]


def _decide(was: MachineJobs, input: Input, given: Given) -> _Decided:
    match input:
        case e.TakeTurn():
            return _take_turn(was, input)
        case e.HandsTold():
            mine = was.turn == input.turn
            return _decide(was, i.read(input.kind, input.told), given) if mine else []
        case e.ConfigureMachine():
            same = was.settings == input.settings
            return [] if same else [e.MachineConfigured(settings=input.settings)]
        case e.TryLogin():
            return [e.LoginIntended()] if was.login_needed else []
        case e.CheckUp():
            return questions.check(was, input)
        case e.EstimateJob():
            return questions.estimate(was, input)
        case i.Estimated():
            return questions.estimated(was, input)
        case i.CheckedUp():
            return questions.checked(was, input)
        case e.ForgetMachine():
            return [] if was.settings is None else [e.MachineForgotten()]
        case i.MachineLooked():
            return questions.looked(was, input)
        case i.LookAtClock():
            return look(was, given.now)
        case i.FolderGone(token=token):
            return [e.FolderRemoved(token=token)] if token in was.removing else []
        case i.TaskFails(task=e.JobTask.REMOVE):
            return _stays(was, input)
        case i.RoomLooked():
            return room(was, input.full)
        case e.SubmitJob():
            return submit(was, input, given)
        case e.ForgoJob(token=token):
            awaited = any(token in was.jobs[one].others for one in was.followers)
            return [e.JobForgone(token=token, state=input.state)] if awaited else []
    return _of_one(was, input, given)


def _take_turn(was: MachineJobs, wanted: e.TakeTurn) -> Iterator[Effect]:
    if was.settings is None or wanted.agent not in was.settings.agents:
        raise Rejected(f"the machine does not name the agent {wanted.agent}")
    yield e.TurnTaken(agent=wanted.agent, turn=wanted.turn)


def _of_one(was: MachineJobs, input: Input, given: Given) -> _Decided:
    """What is about one job; nobody asks any more about a job that is not there."""
    token: Token | None = getattr(input, "token", None)
    if token is None:
        raise Rejected(f"operations do not take {type(input).__name__}")
    job = was.jobs.get(token)
    if job is None:
        return []
    match input:
        case (
            i.SubmissionBegins()
            | i.SubmissionAnswered()
            | i.SubmissionTurnedDown()
            | i.SubmissionInDoubt()
            | i.SubmissionAbsent()
            | i.SubmissionImpossible()
        ):
            going = job.phase is Phase.SUBMITTING
            current = going and job.submission == input.submission
            return submitted(job, input) if current else []
        case i.JobSeen(report=report, others=others):
            return ended_again(job, seen(was, job, [report, *others]), given.now)
        case i.TaskFails():
            return _hindered(job, input)
        case i.StartSeen(expected=expected):
            return _foreseen(job, expected) if reports.is_foreseen_anew(job, expected) else []
        case e.CancelJob():
            return [] if _over(job) else cancel(job, input.reason)
        case e.RetrySubmission():
            return retry(was, job)
        case i.CancelTaken(settled=settled):
            mine = job.cancelling and settled in (job.settled, None)
            return [e.CancelSent(token=token)] if mine else []
        case e.HoldJob():
            return _hold(job, input)
        case i.HoldTaken(held=held):
            mine = job.holding is held
            return [e.HoldSent(token=token, held=held)] if mine else []
        case i.HoldTurnedDown(held=held, reason=reason):
            mine = job.holding is held
            return [e.HoldRefused(token=token, held=held, reason=reason)] if mine else []
        case e.CollectOutputs():
            return [e.CollectionIntended(token=token, names=input.names)]
        case i.OutputsStored():
            return _stored(job, input)
        case e.RefreshJob():
            return [e.RefreshRequested(token=token)]
        case e.ReleaseJob():
            asked = not job.released or job.heard
            return [released(job, input.attempt, given.now)] if asked else []
    raise Rejected(f"operations do not take {type(input).__name__}")


def _foreseen(job: Job, expected: float) -> Iterator[Effect]:
    yield e.JobForeseen(token=job.token, expected=expected)
    told = ForeseeStart(simulation=job.simulation, expected=expected)
    yield Send(Context.SIMULATIONS, job.incident, told)


def _hold(job: Job, wanted: e.HoldJob) -> Iterator[Effect]:
    if not _over(job) and job.holding is not wanted.held:
        yield e.HoldIntended(token=job.token, held=wanted.held, reason=wanted.reason)


def _hindered(job: Job, input: i.TaskFails) -> Iterator[Effect]:
    hindered = e.TaskHindered(token=job.token, task=input.task, reason=input.reason)
    if input.task in job.tasks and job.hindered.get(input.task) != hindered.reason:
        yield hindered


def _stays(was: MachineJobs, input: i.TaskFails) -> Iterator[Effect]:
    """A folder that cannot be removed."""
    hindered = e.TaskHindered(token=input.token, task=input.task, reason=input.reason)
    folder = was.removing.get(input.token)
    if folder is not None and folder.hindered != hindered.reason:
        yield hindered


def _over(job: Job) -> bool:
    """Whether a wish for its end was taken, or comes too late."""
    return job.unwanted or job.end is not None


def _stored(job: Job, input: i.OutputsStored) -> Iterator[Effect]:
    if not job.collecting:
        return
    outputs, missing = dict(input.outputs), tuple(input.missing)
    collected = e.OutputsCollected(
        token=input.token, outputs=outputs, missing=missing, reason=input.reason
    )
    yield collected
    keep = KeepOutputs(
        simulation=job.simulation, outputs=outputs, missing=missing, reason=collected.reason
    )
    yield Send(Context.SIMULATIONS, job.incident, keep)
