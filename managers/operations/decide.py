"""What the Machine Interface makes of commands and of what its hands saw: pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from events import operations as e
from events.accounts import NotAllowed
from events.jobs import JobState, Token, Witness
from events.machines import FLEET, MachineSettings, SeeCheckup, SeeMachine, SeeTrouble
from events.simulations import KeepOutputs
from events.values import Context, Event
from managers.operations import inputs as i
from managers.operations.reports import said, seen, tell
from managers.operations.state import Job, MachineJobs, evolve
from managers.runtime import Decided, Effect, Given, Rejected, Send
from managers.runtime.manager import Input


def decide(was: MachineJobs | None, input: Input, given: Given) -> Decided[MachineJobs]:
    """The effects of one command, or of what was seen, on one machine's jobs."""
    effects = list(_decide(was or MachineJobs(), input, given))
    after = was
    for effect in effects:
        if isinstance(effect, Event):
            after = evolve(after, effect)
    trouble = "" if was is None else was.trouble
    if after and after.settings and after.trouble != trouble:
        see = SeeTrouble(name=after.settings.name, reason=after.trouble)
        effects.append(Send(Context.MACHINES, FLEET, see))
    return Decided(effects, after)


def _decide(was: MachineJobs, input: Input, given: Given) -> Iterable[Effect]:
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
            return _check(was, input)
        case i.CheckedUp():
            return _checked(was, input)
        case e.ForgetMachine():
            return [] if was.settings is None else [e.MachineForgotten()]
        case i.MachineLooked():
            return _looked(was, input)
        case e.SubmitJob():
            return _submit(was, input, given)
    return _of_one(was, input)


def _take_turn(was: MachineJobs, wanted: e.TakeTurn) -> Iterator[Effect]:
    if was.settings is None or wanted.agent not in was.settings.agents:
        raise Rejected(f"the machine does not name the agent {wanted.agent}")
    yield e.TurnTaken(agent=wanted.agent, turn=wanted.turn)


def _of_one(was: MachineJobs, input: Input) -> Iterable[Effect]:
    """What is about one job; nobody asks any more about a job that is not there."""
    token: Token | None = getattr(input, "token", None)
    if token is None:
        raise Rejected(f"operations do not take {type(input).__name__}")
    job = was.jobs.get(token)
    if job is None:
        return []
    match input:
        case (
            i.SubmissionAnswered()
            | i.SubmissionTurnedDown()
            | i.SubmissionInDoubt()
            | i.SubmissionAbsent()
            | i.SubmissionImpossible()
        ):
            current = job.submitting and job.submission == input.submission
            return _submitted(job, input) if current else []
        case i.JobSeen(report=report, others=others):
            return seen(job, [report, *others])
        case i.TaskFails():
            return _hindered(job, input)
        case e.CancelJob():
            return [] if _over(job) else [e.CancelIntended(token=token, reason=input.reason)]
        case i.CancelTaken():
            return [e.CancelSent(token=token)] if job.cancelling else []
        case e.CollectOutputs():
            return [e.CollectionIntended(token=token, names=input.names)]
        case i.OutputsStored():
            return _stored(job, input)
        case e.RefreshJob():
            return [e.RefreshRequested(token=token)]
        case e.ReleaseJob():
            return [] if job.released else [e.JobReleased(token=token)]
    raise Rejected(f"operations do not take {type(input).__name__}")


def _looked(was: MachineJobs, input: i.MachineLooked) -> Iterator[Effect]:
    if was.settings is None:
        return
    now = e.MachineAnswered(
        reachable=input.reachable,
        reason=input.reason,
        load=input.load,
        login_needed=input.login_needed,
        notice=input.notice,
    )
    if evolve(was, now) == was:
        return
    yield now
    see = SeeMachine(
        name=was.settings.name,
        reachable=now.reachable,
        reason=now.reason,
        load=now.load,
        login_needed=now.login_needed,
        notice=now.notice,
    )
    yield Send(Context.MACHINES, FLEET, see)


def _check(was: MachineJobs, wanted: e.CheckUp) -> Iterator[Effect]:
    """One at a time: who asks meanwhile gets its answer."""
    if was.settings is not None and was.check is None:
        yield e.CheckIntended(check=wanted.check)


def _checked(was: MachineJobs, input: i.CheckedUp) -> Iterator[Effect]:
    if was.settings is None or was.check != input.check:
        return
    yield e.CheckConcluded(check=input.check, checkup=input.checkup)
    see = SeeCheckup(name=was.settings.name, checkup=input.checkup)
    yield Send(Context.MACHINES, FLEET, see)


def _submit(was: MachineJobs, wanted: e.SubmitJob, given: Given) -> Iterator[Effect]:
    if wanted.request.token in was.jobs:
        return
    account, refusal = _account(was.settings, wanted)
    intended = e.SubmissionIntended(
        incident=wanted.incident,
        simulation=wanted.simulation,
        request=wanted.request,
        inputs=wanted.inputs,
        correlation=given.correlation,
        privileges=was.settings.policy.get(wanted.request.urgency, ()) if was.settings else (),
        account=account,
    )
    yield intended
    after = evolve(was, intended)
    if refusal and after:
        yield from _abandoned(after.jobs[wanted.request.token], JobState.FAILED, refusal)


def _account(settings: MachineSettings | None, wanted: e.SubmitJob) -> tuple[str, str]:
    """What a job is charged to, and why it may not be; it may have been otherwise when placed."""
    asked = wanted.request.options.account
    if settings is None:
        return asked, ""
    try:
        account = settings.accounts.charged(wanted.incident, wanted.owner, asked)
    except NotAllowed as error:
        return asked, f"{settings.name}: {error}"
    default = settings.batch.get("account")
    return account or (default if isinstance(default, str) else ""), ""


_OfSubmission = (
    i.SubmissionAnswered
    | i.SubmissionTurnedDown
    | i.SubmissionInDoubt
    | i.SubmissionAbsent
    | i.SubmissionImpossible
)


def _submitted(job: Job, input: _OfSubmission) -> Iterator[Effect]:
    """What came of the submission that is under way."""
    match input:
        case i.SubmissionAnswered(job_id=job_id, remarks=remarks):
            yield e.SubmissionConfirmed(token=job.token, job_id=job_id, remarks=remarks)
            yield from tell(job, said(job, JobState.QUEUED, Witness.QUEUE, job_id=job_id))
        case i.SubmissionTurnedDown(reason=reason) if job.privileges and not job.unwanted:
            refused, *others = job.privileges
            then = replace(job, privileges=tuple(others))
            yield e.PrivilegeRefused(
                token=job.token,
                privilege=refused.name,
                reason=reason,
                next=others[0].name if others else "",
                submission=job.submission + 1,
                account=then.asked.options.account,
            )
        case i.SubmissionTurnedDown() if job.unwanted:
            yield from _abandoned(job, JobState.CANCELLED, _NEVER)
        case i.SubmissionTurnedDown(reason=reason):
            yield e.SubmissionRefused(token=job.token, reason=reason)
            why = f"the machine refused the job: {reason}"
            yield from tell(job, said(job, JobState.FAILED, Witness.QUEUE, why))
        case i.SubmissionImpossible(reason=reason):
            yield from _abandoned(job, JobState.FAILED, reason)
        case i.SubmissionInDoubt(reason=reason):
            yield e.SubmissionDoubted(token=job.token, reason=reason)
        case i.SubmissionAbsent() if job.unwanted:
            yield from _abandoned(job, JobState.CANCELLED, _NEVER)
        case i.SubmissionAbsent():
            yield e.SubmissionRepeated(token=job.token, submission=job.submission + 1)


_NEVER = "it was cancelled before the machine had it"


def _abandoned(job: Job, state: JobState, reason: str) -> Iterator[Effect]:
    yield e.SubmissionAbandoned(token=job.token, reason=reason)
    yield from tell(job, said(job, state, Witness.OURSELVES, reason))


def _hindered(job: Job, input: i.TaskFails) -> Iterator[Effect]:
    hindered = e.TaskHindered(token=job.token, task=input.task, reason=input.reason)
    if input.task in job.tasks and job.hindered.get(input.task) != hindered.reason:
        yield hindered


def _over(job: Job) -> bool:
    """Whether a wish for its end was taken, or comes too late."""
    last = job.report
    return job.unwanted or (last is not None and last.state.ended and last.state != JobState.LOST)


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
