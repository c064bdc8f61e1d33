"""Jobs that come after others, which may be over and forgotten by the batch system."""

from pathlib import Path

import pytest

from events.jobs import After, Dependency, JobOptions, JobState, Token
from interfaces.machines.dialect import Refused, Submitted
from interfaces.machines.dialects.other_jobs import NOT_YET
from interfaces.machines.testing import DialectContract
from interfaces.machines.testing.fake_machine import FakeMachine
from tests.interfaces.machines.test_dialects import TestGridEngine as GridEngineGiven
from tests.interfaces.machines.test_dialects import TestLsf as LsfGiven
from tests.interfaces.machines.test_dialects import TestPbs as PbsGiven
from tests.interfaces.machines.test_dialects import TestSlurm as SlurmGiven

OTHER = Token("vother")
REAL = (SlurmGiven(), GridEngineGiven(), PbsGiven(), LsfGiven())
KNOWING_OUTCOMES = (SlurmGiven(), PbsGiven(), LsfGiven())


class Pair:
    """A job that was submitted, and one that comes after it."""

    def __init__(self, contract: DialectContract, folder: Path, instances: int = 1) -> None:
        self.contract, self.instances = contract, instances
        self.machine = FakeMachine(folder, contract.tools)
        self.dialect = contract.dialect(self.machine.layout)
        first = contract.request(instances=instances).model_copy(update={"token": OTHER})
        self.machine.submit(self.dialect, first)
        self.submitted = len(self.machine.calls())

    def tells(self, status: str, word: str) -> None:
        """A status file of the first one's wrapper."""
        line = f"{word}\t{OTHER}\t1\t42\tn1\t1\t2\t0\n"
        (Path(self.machine.layout.ours(OTHER)) / status).write_text(line)

    def second(self, on: After, end: JobState | None = None) -> Submitted | Refused:
        other = Dependency(token=OTHER, on=on, instances=self.instances, end=end)
        request = self.contract.request(options=JobOptions(after=(other,)))
        said = self.machine.submit(self.dialect, request)
        return self.dialect.submit(request, 1).parse(said)

    @property
    def calls(self) -> list[str]:
        """Commands of the second job that speak of a dependency."""
        words = ("depend", "-hold_jid", "-w")
        later = self.machine.calls()[self.submitted :]
        return [" ".join(call) for call in later if any(map(" ".join(call).__contains__, words))]


def name(contract: object) -> str:
    return type(contract).__name__


@pytest.mark.parametrize("contract", KNOWING_OUTCOMES, ids=name)
@pytest.mark.parametrize("end", [JobState.FAILED, JobState.TIMEOUT, JobState.CANCELLED])
def test_a_job_is_refused_for_good_if_the_other_has_not_succeeded(
    contract: DialectContract, end: JobState, tmp_path: Path
) -> None:
    pair = Pair(contract, tmp_path)
    pair.tells("status-1", end)
    reason = f"job vother is {end}, and it was to start once that has succeeded"
    assert pair.second(After.SUCCEEDED) == Refused(reason, permanent=True)
    assert pair.machine.calls()[pair.submitted :] == []


@pytest.mark.parametrize("contract", KNOWING_OUTCOMES, ids=name)
@pytest.mark.parametrize(
    ("on", "end"),
    [
        (After.SUCCEEDED, JobState.COMPLETED),
        (After.FAILED, JobState.FAILED),
        (After.STARTED, JobState.COMPLETED),
    ],
)
def test_what_has_come_about_is_not_waited_for(
    contract: DialectContract, on: After, end: JobState, tmp_path: Path
) -> None:
    pair = Pair(contract, tmp_path)
    pair.tells("status-1", end)
    assert isinstance(pair.second(on), Submitted)
    assert pair.calls == []


@pytest.mark.parametrize("contract", REAL, ids=name)
def test_an_end_that_is_over_is_not_waited_for(contract: DialectContract, tmp_path: Path) -> None:
    pair = Pair(contract, tmp_path)
    pair.tells("status-1", "FAILED")
    assert isinstance(pair.second(After.ENDED), Submitted)
    assert pair.calls == []


@pytest.mark.parametrize("contract", REAL, ids=name)
def test_the_newest_run_counts(contract: DialectContract, tmp_path: Path) -> None:
    pair = Pair(contract, tmp_path)
    pair.tells("status-1", "FAILED")
    pair.tells("status-2", "RUNNING")
    assert isinstance(pair.second(After.ENDED), Submitted)
    assert len(pair.calls) >= 1


@pytest.mark.parametrize("contract", KNOWING_OUTCOMES, ids=name)
def test_an_array_is_over_when_each_of_its_instances_is(
    contract: DialectContract, tmp_path: Path
) -> None:
    pair = Pair(contract, tmp_path, instances=2)
    pair.tells("status-1.0", "FAILED")
    assert isinstance(pair.second(After.ENDED), Submitted)
    assert len(pair.calls) >= 1
    other = Pair(contract, tmp_path / "over", instances=2)
    other.tells("status-1.0", "FAILED")
    other.tells("status-1.1", "COMPLETED")
    assert isinstance(refused := other.second(After.SUCCEEDED), Refused)
    assert "job vother is FAILED" in refused.reason


@pytest.mark.parametrize("contract", KNOWING_OUTCOMES, ids=name)
def test_what_we_know_counts_though_the_folder_is_gone(
    contract: DialectContract, tmp_path: Path
) -> None:
    pair = Pair(contract, tmp_path)
    Path(pair.machine.layout.folder(OTHER)).rename(tmp_path / "gone")
    refused = pair.second(After.SUCCEEDED, JobState.CANCELLED)
    assert isinstance(refused, Refused)
    assert refused.permanent
    assert "job vother is CANCELLED" in refused.reason


def test_slurm_is_not_asked_to_wait_for_what_it_has_forgotten(tmp_path: Path) -> None:
    """It would take it for one that ended as it should, and nobody knows yet whether it has."""
    pair = Pair(SlurmGiven(), tmp_path)
    pair.machine.tool("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified'; exit 1")
    assert pair.second(After.SUCCEEDED) == Refused(NOT_YET, permanent=False)
    assert not any(call[0] == "sbatch" for call in pair.machine.calls()[pair.submitted :])
    pair.tells("status-1", "COMPLETED")
    assert isinstance(pair.second(After.SUCCEEDED), Submitted)


@pytest.mark.parametrize("contract", [SlurmGiven(), PbsGiven()], ids=name)
def test_an_id_that_is_not_known_yet_is_waited_for(
    contract: DialectContract, tmp_path: Path
) -> None:
    """The answer to its submission was lost; who claims the run tells it."""
    pair = Pair(contract, tmp_path)
    ours = Path(pair.machine.layout.ours(OTHER))
    (ours / "submission-1" / "exit").write_text("124")
    assert pair.second(After.SUCCEEDED) == Refused(NOT_YET, permanent=False)
    (ours / "claim").symlink_to("77")
    assert isinstance(pair.second(After.SUCCEEDED), Submitted)
    assert any("afterok:77" in call for call in pair.calls)
