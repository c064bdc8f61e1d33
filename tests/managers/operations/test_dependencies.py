"""Jobs that come after others on the same machine."""

from uuid import UUID

import pytest

from events import operations as e
from events.jobs import (
    After,
    Dependency,
    JobId,
    JobOptions,
    JobReport,
    JobRequest,
    JobState,
    Witness,
    token_of,
)
from events.machines import MachineSettings
from events.values import IncidentId
from managers.operations import (
    JobSeen,
    MachineJobs,
    SubmissionAnswered,
    SubmissionInDoubt,
    SubmissionTurnedDown,
    on_machine,
)
from tests.managers.operations.test_operations import MANAGER
from tests.managers.scenario import Scenario, scenario

FIRST, SECOND = (token_of(UUID(int=n)) for n in (1, 2))


def submit(n: int, after: tuple[Dependency, ...] = ()) -> e.SubmitJob:
    simulation = UUID(int=n)
    request = JobRequest(
        token=token_of(simulation),
        executable="fire",
        walltime=60,
        options=JobOptions(after=after),
    )
    return e.SubmitJob(
        incident=IncidentId("i-1"), simulation=simulation, request=request, inputs={}
    )


def seen(state: JobState, attempt: int = 1) -> JobSeen:
    report = JobReport(token=FIRST, state=state, attempt=attempt, witness=Witness.ACCOUNTING)
    return JobSeen(report)


def both() -> Scenario[MachineJobs]:
    of = scenario(MANAGER)
    of.when(e.ConfigureMachine(settings=MachineSettings(name="m", base_directory="/m")))
    return of.when(submit(1)).when(submit(2, (Dependency(token=FIRST, on=After.ENDED),)))


def submitting(of: Scenario[MachineJobs]) -> list[str]:
    assert of.state is not None
    return [name.split()[1] for name in on_machine(of.state) if name.startswith("submit ")]


def known(of: Scenario[MachineJobs]) -> JobState | None:
    """How the first one ended, as the second one's submission is told."""
    assert of.state is not None
    [other] = of.state.jobs[SECOND].asked.options.after
    return other.end


def test_a_job_goes_out_once_the_machine_has_the_one_that_it_comes_after() -> None:
    of = both()
    assert submitting(of) == [FIRST]
    of.when(SubmissionInDoubt(FIRST, 1, "cut"))
    assert submitting(of) == [FIRST]
    of.when(SubmissionAnswered(FIRST, 1, JobId("17")))
    assert submitting(of) == [SECOND]
    assert known(of) is None


def test_a_job_goes_out_once_the_one_that_it_comes_after_never_will() -> None:
    of = both().when(SubmissionTurnedDown(FIRST, 1, "no such queue"))
    assert submitting(of) == [SECOND]
    assert known(of) is JobState.FAILED


def test_a_job_does_not_go_out_while_the_one_that_it_comes_after_is_lost() -> None:
    of = both().when(SubmissionAnswered(FIRST, 1, JobId("17"))).when(seen(JobState.LOST))
    assert submitting(of) == []
    of.when(seen(JobState.COMPLETED))
    assert submitting(of) == [SECOND]
    assert known(of) is JobState.COMPLETED


@pytest.mark.parametrize("end", [JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED])
def test_an_end_is_known_when_its_job_is_forgotten(end: JobState) -> None:
    of = both().when(SubmissionAnswered(FIRST, 1, JobId("17")))
    before = on_machine(of.state or MachineJobs()).keys()
    of.when(seen(end)).when(e.ReleaseJob(token=FIRST))
    assert of.state is not None
    assert FIRST not in of.state.jobs or of.state.jobs[FIRST].released
    assert known(of) is end
    assert on_machine(of.state).keys() != before, "its submission begins anew, and is told"


def test_what_is_requeued_has_no_end_any_more() -> None:
    of = both().when(SubmissionAnswered(FIRST, 1, JobId("17"))).when(seen(JobState.FAILED))
    assert known(of) is JobState.FAILED
    of.when(seen(JobState.RUNNING, attempt=2))
    assert known(of) is None


def test_an_end_of_before_is_known() -> None:
    of = scenario(MANAGER)
    of.when(e.ConfigureMachine(settings=MachineSettings(name="m", base_directory="/m")))
    of.when(submit(1)).when(SubmissionAnswered(FIRST, 1, JobId("17"))).when(seen(JobState.FAILED))
    of.when(submit(2, (Dependency(token=FIRST),)))
    assert known(of) is JobState.FAILED


def test_what_is_not_wanted_any_more_does_not_wait() -> None:
    of = both().when(e.CancelJob(token=SECOND, reason="enough"))
    assert submitting(of) == [FIRST, SECOND]


def test_one_that_is_expected_is_waited_for_until_it_came_or_never_will() -> None:
    after = (Dependency(token=FIRST, on=After.ENDED, expected=True),)
    for comes in (True, False):
        of = scenario(MANAGER)
        of.when(e.ConfigureMachine(settings=MachineSettings(name="m", base_directory="/m")))
        assert submitting(of.when(submit(2, after))) == []
        if comes:
            of.when(submit(1)).when(SubmissionAnswered(FIRST, 1, JobId("17")))
        else:
            of.when(e.ForgoJob(token=FIRST, state=JobState.CANCELLED)).then(e.JobForgone)
            assert known(of) is JobState.CANCELLED
        assert submitting(of) == [SECOND]


def test_what_nobody_waits_for_need_not_be_forgone() -> None:
    both().when(e.ForgoJob(token=SECOND, state=JobState.CANCELLED)).then()
