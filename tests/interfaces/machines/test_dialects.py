"""What every dialect promises, and hostile words in all that reaches a batch system."""

import json
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.jobs import After, Dependency, JobId, JobOptions, JobReport, JobRequest, Mail, Token
from interfaces.machines.connection import Completed
from interfaces.machines.dialect import Dialect, Refused, Submitted
from interfaces.machines.dialects.asking import Unasked, Wish
from interfaces.machines.dialects.batch_settings import BatchSettings, DatedSettings
from interfaces.machines.dialects.lsf import Lsf
from interfaces.machines.dialects.pbs import Pbs
from interfaces.machines.dialects.processes import Processes
from interfaces.machines.dialects.sge import GridEngine
from interfaces.machines.dialects.sge.settings import SgeSettings
from interfaces.machines.dialects.sge.submit import Submit
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.scripts.layout import Layout, quoted
from interfaces.machines.testing import TOKEN, DialectContract, FakeMachine

SITE = SgeSettings(shared="smp", distributed="mpi", gpu="gpu", exclusive="exclusive")
WORDS = st.text(
    st.characters(exclude_characters="\x7f", exclude_categories=["Cs", "Cc"]), max_size=30
)


def said(*row: str) -> str:
    """A command that answers with a row."""
    return f"printf '%s\\n' '{chr(0x1F).join(row)}'"


def pbs_job(**more: object) -> str:
    """A command that answers with a job, as PBS does."""
    return f"echo {quoted(json.dumps({'Jobs': {'42.server': {'Job_Name': TOKEN, **more}}}))}"


class TestProcesses(DialectContract):
    job_id = f"{TOKEN}.1"
    unsupported = (
        "nodes", "tasks", "cpus_per_task", "memory_mib", "gpus", "exclusive", "constraint",
        "comment", "queue", "account", "qos", "reservation", "after", "hold", "mail",
    )  # fmt: skip
    array = ({"VESTEC_INSTANCE": "0"}, {"VESTEC_INSTANCE": "1"})

    def dialect(self, layout: Layout) -> Dialect:
        return Processes(layout)


class TestSlurm(DialectContract):
    tools: ClassVar[Mapping[str, str]] = {"sbatch": "echo 42", "scancel": "", "scontrol": ""}
    job_id = "42"
    queue: ClassVar[Mapping[str, str]] = {
        "squeue": said("42", TOKEN, "RUNNING", "None", "5", "9", "n1", "0", "0", "")
    }
    accounts: ClassVar[Mapping[str, str]] = {
        "sacct": said("42", TOKEN, "FAILED", "None", "5", "9", "n1", "3:0")
    }
    native = "--nice=5"
    variables: ClassVar[Mapping[str, str]] = {"SLURM_JOB_ID": "42"}
    array = tuple(
        {"SLURM_JOB_ID": job, "SLURM_ARRAY_JOB_ID": "42", "SLURM_ARRAY_TASK_ID": task}
        for job, task in (("43", "0"), ("42", "1"))
    )

    def dialect(self, layout: Layout) -> Dialect:
        return Slurm(layout, DatedSettings(instances=10))


class TestGridEngine(DialectContract):
    tools: ClassVar[Mapping[str, str]] = {"qsub": "echo 42", "qdel": "", "qhold": "", "qrls": ""}
    job_id = "42"
    queue: ClassVar[Mapping[str, str]] = {
        "qstat": "echo '<job_info><job_list><JB_job_number>42</JB_job_number>"
        f"<JB_name>{TOKEN}</JB_name><state>r</state></job_list></job_info>'"
    }
    accounts: ClassVar[Mapping[str, str]] = {
        "qacct": f"echo =====; echo jobname {TOKEN}; echo jobnumber 42; echo failed 0; "
        "echo exit_status 3"
    }
    native = "-p -5"
    unsupported = ("qos",)
    variables: ClassVar[Mapping[str, str]] = {"JOB_ID": "42"}
    array = tuple({"JOB_ID": "42", "SGE_TASK_ID": task} for task in "12")

    def dialect(self, layout: Layout) -> Dialect:
        return GridEngine(layout, SITE)


class TestPbs(DialectContract):
    tools: ClassVar[Mapping[str, str]] = {
        "qsub": "echo 42.server", "qselect": "echo 42.server", "qdel": "", "qhold": "", "qrls": "",
    }  # fmt: skip
    job_id = "42.server"
    queue: ClassVar[Mapping[str, str]] = {"qstat": pbs_job(job_state="R")}
    accounts: ClassVar[Mapping[str, str]] = {"qstat": pbs_job(job_state="F", Exit_status=3)}
    native = "-p 5"
    unsupported = ("qos",)
    variables: ClassVar[Mapping[str, str]] = {"PBS_JOBID": "42.server"}
    array = tuple({"PBS_JOBID": f"42[{n}].server", "PBS_ARRAY_INDEX": n} for n in "01")

    def dialect(self, layout: Layout) -> Dialect:
        return Pbs(layout)


class TestLsf(DialectContract):
    tools: ClassVar[Mapping[str, str]] = {
        "bsub": "echo 'Job <42> is submitted to default queue <normal>.'", "bkill": "", "bstop": "",
        "bresume": "",
    }  # fmt: skip
    job_id = "42"
    queue: ClassVar[Mapping[str, str]] = {
        "bjobs": said("42", "0", TOKEN, "RUN", "-", "-", "n1", "-")
    }
    accounts: ClassVar[Mapping[str, str]] = {
        "bjobs": said("42", "0", TOKEN, "EXIT", "3", "-", "n1", "-")
    }
    native = "-sp 5"
    variables: ClassVar[Mapping[str, str]] = {"LSB_JOBID": "42"}
    array = tuple({"LSB_JOBID": "42", "LSB_JOBINDEX": index} for index in "12")

    def dialect(self, layout: Layout) -> Dialect:
        return Lsf(layout)


class Sweeping(GridEngine):
    """Cancels the jobs of others as well."""

    def cancel(self, token: Token, job_id: JobId | None) -> Wish:
        return Wish(f"qdel {token}; qdel '*'")


class Idle(GridEngine):
    """Forgets to hold."""

    def hold(self, token: Token) -> Wish:
        return Wish(":")


class Refusing(GridEngine):
    """Takes no job."""

    def submit(
        self, request: JobRequest, submission: int, directives: Sequence[str] = ()
    ) -> Submit:
        return Submit(self.layout, self.settings, request.model_copy(update={"gpus": 1}), ())


class Useless(GridEngine):
    """Submits, and hears neither what is asked nor what is told."""

    def submit(
        self, request: JobRequest, submission: int, directives: Sequence[str] = ()
    ) -> Submit:
        bare = JobRequest(token=request.token, executable="true", walltime=60)
        return Submit(self.layout, self.settings, bare, ())

    def jobs(self, tokens: Collection[Token]) -> Unasked[list[JobReport]]:  # type: ignore[override]
        return Unasked([])

    def accounts(self, tokens: tuple[Token, ...]) -> Unasked[list[JobReport]]:
        return Unasked([])


@pytest.mark.parametrize(
    ("wrong", "promise"),
    [
        (Useless, "test_all_that_is_asked_reaches_the_batch_system"),
        (Useless, "test_what_is_said_in_its_own_words_reaches_the_batch_system"),
        (Useless, "test_a_job_in_the_queue_is_seen_there"),
        (Useless, "test_the_history_tells_how_a_job_ended"),
        (Sweeping, "test_wishes_name_the_job_and_no_other"),
        (Idle, "test_wishes_name_the_job_and_no_other"),
        (Refusing, "test_words_reach_the_batch_system_as_they_are"),
    ],
)
def test_a_dialect_that_breaks_its_promise_is_found(
    wrong: type[GridEngine], promise: str, tmp_path: Path
) -> None:
    class Broken(TestGridEngine):
        def dialect(self, layout: Layout) -> Dialect:
            return wrong(layout)

    with pytest.raises(AssertionError):
        getattr(Broken(), promise)(tmp_path)


REAL = (TestSlurm(), TestGridEngine(), TestPbs(), TestLsf())
"""Those with a batch system behind them."""


def submitted(contract: DialectContract, request: JobRequest) -> list[str]:
    """The words that the submit command was called with; the request was taken."""
    with tempfile.TemporaryDirectory() as folder:
        machine = FakeMachine(Path(folder), contract.tools)
        dialect = contract.dialect(machine.layout)
        completed = machine.submit(dialect, request)
        answer = dialect.submit(request, 1).parse(completed)
        assert isinstance(answer, Submitted), completed
        assert answer.job_id == contract.job_id
        assert not machine.pwned
        return machine.calls()[-1]


@pytest.mark.parametrize("contract", REAL, ids=lambda contract: type(contract).__name__)
@settings(max_examples=25)
@given(queue=WORDS, account=WORDS, constraint=WORDS, mail=WORDS.filter(bool), comment=WORDS)
def test_words_of_any_text(
    contract: DialectContract, queue: str, account: str, constraint: str, mail: str, comment: str
) -> None:
    options = JobOptions(queue=queue, account=account, mail=Mail(to=mail, begin=True))
    request = contract.request(constraint=constraint, comment=comment, options=options)
    words = submitted(contract, request)
    for value in (queue, account, constraint, mail):
        assert any(value in word for word in words)


@pytest.mark.parametrize("contract", REAL, ids=lambda contract: type(contract).__name__)
@settings(max_examples=25)
@given(lines=st.lists(WORDS, max_size=3))
def test_native_lines_of_any_text(contract: DialectContract, lines: list[str]) -> None:
    words = submitted(contract, contract.request(options=JobOptions(native=tuple(lines))))
    assert any(TOKEN in word for word in words)


@pytest.mark.parametrize("contract", REAL, ids=lambda contract: type(contract).__name__)
def test_everything_at_once(contract: DialectContract) -> None:
    options = JobOptions(
        queue="q", account="a", reservation="7", hold=True, mail=Mail(to="a@b", begin=True),
        modules=("gcc",), launcher="srun", warning=60,
    )  # fmt: skip
    words = submitted(
        contract,
        contract.request(
            nodes=2, tasks=8, cpus_per_task=4, memory_mib=8000, gpus=2, exclusive=True,
            constraint="fast", options=options,
        ),
    )  # fmt: skip
    assert " ".join(words) == EVERYTHING[type(contract)]


@pytest.mark.parametrize("contract", REAL, ids=lambda contract: type(contract).__name__)
def test_an_exercise_is_called_one_on_the_machine(contract: DialectContract) -> None:
    request = contract.request(comment="EXERCISE: Tubbs, the fire's 1=1")
    assert any("EXERCISE: Tubbs" in word for word in submitted(contract, request))


EVERYTHING = {
    TestSlurm: (
        f"sbatch --parsable --output=job.log --open-mode=append --job-name={TOKEN} "
        f"--time=0:10:00 --comment={TOKEN} --mem=8000M --gpus-per-node=2 "
        "--constraint=fast --partition=q --account=a --reservation=7 --nodes=2 "
        "--ntasks=8 --cpus-per-task=4 --mail-user=a@b --mail-type=BEGIN,END,FAIL "
        "--exclusive --hold wrapper.sh"
    ),
    TestGridEngine: (
        "qsub -terse -S /bin/sh -C  -b n -now n -sync n -cwd -j y -o job.log -N "
        f"{TOKEN} -A {TOKEN} -l h_rt=600 -l h_vmem=500M -l gpu=2 -l exclusive=true -l "
        "fast -q q -P a -ar 7 -M a@b -m bea -h -pe mpi 32 wrapper.sh"
    ),
    TestPbs: (
        f"qsub -C  -j oe -S /bin/sh -N {TOKEN} -v VESTEC_TOKEN={TOKEN} -q 7 -A a -M "
        "a@b -m bea -l walltime=600 -l "
        "select=2:ncpus=16:mpiprocs=4:mem=8000mb:ngpus=2:fast -l place=excl -h "
        "wrapper.sh"
    ),
    TestLsf: (
        f"bsub -o job.log -J {TOKEN} -Jd {TOKEN} -W 10 -n 32 -q q -P a -U 7 -gpu "
        "num=2 -u a@b -x -H -B -N -R select[fast] span[ptile=16] rusage[mem=8000MB] "
        "/bin/sh ./wrapper.sh"
    ),
}


@pytest.mark.parametrize("contract", REAL, ids=lambda contract: type(contract).__name__)
def test_a_job_that_says_nothing_is_told_nothing_but_its_name_and_time(
    contract: DialectContract,
) -> None:
    assert " ".join(submitted(contract, contract.request())) == NOTHING[type(contract)]


NOTHING = {
    TestSlurm: (
        f"sbatch --parsable --output=job.log --open-mode=append --job-name={TOKEN} "
        f"--time=0:10:00 --comment={TOKEN} wrapper.sh"
    ),
    TestGridEngine: (
        "qsub -terse -S /bin/sh -C  -b n -now n -sync n -cwd -j y -o job.log -N "
        f"{TOKEN} -A {TOKEN} -l h_rt=600 wrapper.sh"
    ),
    TestPbs: (
        f"qsub -C  -j oe -S /bin/sh -N {TOKEN} -v VESTEC_TOKEN={TOKEN} -l walltime=600 wrapper.sh"
    ),
    TestLsf: (f"bsub -o job.log -J {TOKEN} -Jd {TOKEN} -W 10 /bin/sh ./wrapper.sh"),
}


@pytest.mark.parametrize("contract", REAL, ids=lambda contract: type(contract).__name__)
def test_another_jobs_end_is_waited_for(contract: DialectContract, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, contract.tools)
    dialect, other = contract.dialect(machine.layout), Token("vother")
    first = contract.request().model_copy(update={"token": other})
    options = JobOptions(after=(Dependency(token=other, on=After.ENDED),))
    machine.submit(dialect, first)
    machine.submit(dialect, contract.request(options=options))
    assert AFTER[type(contract)] in machine.calls()[-1]


AFTER = {
    TestSlurm: "--dependency=afterany:42",
    TestGridEngine: "vother",
    TestPbs: "depend=afterany:42.server",
    TestLsf: 'ended("vother")',
}


@pytest.mark.parametrize(
    "made",
    [
        lambda layout: Slurm(layout, DatedSettings(accounting=False)),
        lambda layout: GridEngine(layout, SgeSettings(accounting=False)),
        lambda layout: Pbs(layout, BatchSettings(accounting=False)),
        lambda layout: Lsf(layout, BatchSettings(accounting=False)),
    ],
    ids=["slurm", "sge", "pbs", "lsf"],
)
def test_accounts_that_a_site_does_not_keep_are_not_asked(
    made: Callable[[Layout], Dialect], tmp_path: Path
) -> None:
    asked = made(FakeMachine(tmp_path, {}).layout).history([TOKEN])
    assert asked.script() == ":"
    assert asked.parse(Completed(0, "", "")) == []


@pytest.mark.parametrize("contract", REAL, ids=lambda contract: type(contract).__name__)
def test_a_job_cannot_wait_for_one_that_is_not_there(
    contract: DialectContract, tmp_path: Path
) -> None:
    machine = FakeMachine(tmp_path, contract.tools)
    dialect = contract.dialect(machine.layout)
    options = JobOptions(after=(Dependency(token=Token("vnowhere"), on=After.ENDED),))
    request = contract.request(options=options)
    answer = dialect.submit(request, 1).parse(machine.submit(dialect, request))
    assert answer == Refused("no job vnowhere is known here", permanent=True)
    assert machine.calls() == []


@pytest.mark.parametrize("contract", [TestSlurm(), TestPbs()], ids=["slurm", "pbs"])
def test_another_job_is_the_copy_that_claimed_the_run(
    contract: DialectContract, tmp_path: Path
) -> None:
    machine = FakeMachine(tmp_path, contract.tools)
    dialect, other = contract.dialect(machine.layout), Token("vother")
    machine.submit(dialect, contract.request().model_copy(update={"token": other}))
    (Path(machine.layout.ours(other)) / "claim").symlink_to("77")
    options = JobOptions(after=(Dependency(token=other),))
    machine.submit(dialect, contract.request(options=options))
    assert "afterok:77" in " ".join(machine.calls()[-1])


@pytest.mark.parametrize(
    ("contract", "more", "options", "why"),
    [
        (TestGridEngine(), {}, {"qos": "high"}, "Grid Engine has no QoS"),
        (TestGridEngine(), {}, {"after": [{"token": "v2"}]}, "nothing but another's end"),
        (TestPbs(), {}, {"qos": "high"}, "PBS has no QoS"),
        (TestLsf(), {"nodes": 2, "tasks": 3}, {}, "tasks must divide by nodes"),
        (TestProcesses(), {"nodes": 2}, {}, "it has one node"),
        (TestProcesses(), {}, {"hold": True}, "neither holds jobs nor lets them wait"),
    ],
)
def test_what_a_batch_system_cannot_do_is_refused_before_it_is_asked(
    contract: DialectContract,
    more: dict[str, object],
    options: dict[str, object],
    why: str,
    tmp_path: Path,
) -> None:
    machine = FakeMachine(tmp_path, contract.tools)
    dialect = contract.dialect(machine.layout)
    request = contract.request(options=JobOptions.model_validate(options), **more)
    answer = dialect.submit(request, 1).parse(machine.submit(dialect, request))
    assert isinstance(answer, Refused)
    assert answer.permanent
    assert why in answer.reason
    assert machine.calls() == []


def test_grid_engine_needs_the_names_of_its_site() -> None:
    class Unknown(TestGridEngine):
        def dialect(self, layout: Layout) -> Dialect:
            return GridEngine(layout)

    for more in ({"nodes": 2}, {"tasks": 2}, {"gpus": 1}, {"exclusive": True}):
        with tempfile.TemporaryDirectory() as folder:
            machine = FakeMachine(Path(folder), Unknown.tools)
            dialect, request = Unknown().dialect(machine.layout), Unknown().request(**more)
            answer = dialect.submit(request, 1).parse(machine.submit(dialect, request))
        assert isinstance(answer, Refused)
        assert "the machine's settings name no" in answer.reason
