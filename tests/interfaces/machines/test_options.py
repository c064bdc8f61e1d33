"""What is told a submit command when a request, a site and a user's script all have a say."""

import asyncio
from pathlib import Path, PurePosixPath

import pytest

from events.accounts import Accounts
from events.jobs import After, Dependency, JobOptions, JobRequest, Token
from events.machines import MachineSettings
from interfaces.machines.dialect import Dialect, Submitted
from interfaces.machines.dialects.batch_settings import BatchSettings, DatedSettings, batch_settings
from interfaces.machines.dialects.lsf import Lsf
from interfaces.machines.dialects.options import Arranged, Grammar, arrange
from interfaces.machines.dialects.pbs import Pbs
from interfaces.machines.dialects.pbs.submit import GRAMMAR as PBS
from interfaces.machines.dialects.sge import GridEngine
from interfaces.machines.dialects.sge.settings import SgeSettings
from interfaces.machines.dialects.sge.submit import GRAMMAR as SGE
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.dialects.slurm.submit import GRAMMAR as SLURM
from interfaces.machines.dialects.slurm.submit import arranged
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.scripts.lines import scripts_in
from interfaces.machines.shell import ShellBatchSystem
from interfaces.machines.testing import FakeMachine
from tests.interfaces.machines.fake_connection import FakeConnection

LAYOUT = Layout(PurePosixPath("/base"))


def request(**more: object) -> JobRequest:
    options = JobOptions.model_validate({k: v for k, v in more.items() if k in KNOWN})
    rest = {k: v for k, v in more.items() if k not in KNOWN}
    base = {"token": "v1", "executable": "true", "walltime": 60, "options": options}
    return JobRequest.model_validate({**base, **rest})


KNOWN = JobOptions.model_fields


def slurm(*directives: str, site: tuple[str, ...] = (), **more: object) -> Arranged:
    return arranged(DatedSettings(native=site), request(**more), directives)


def test_a_script_is_heard_where_nobody_else_speaks() -> None:
    said = slurm("--nodes=4", "-p big --qos=high", "--mem-per-cpu 2G # enough")
    assert said.words[-5:] == ("--nodes=4", "-p", "big", "--qos=high", "--mem-per-cpu=2G")
    assert said.remarks == ""


def test_the_request_wins_then_its_native_lines_then_the_site_then_the_script() -> None:
    said = slurm("-p c -A c -q c --nice=1", site=("-A b -q b",), native=["-q a"], queue="q")
    words = " ".join(said.words)
    assert words.endswith("--partition=q -q a -A b --nice=1")
    assert said.remarks == (
        "-q b of the machine is left out: the request says -q a. "
        "-p c of the script is left out: the request says --partition=q. "
        "-A c of the script is left out: the machine says -A b. "
        "-q c of the script is left out: the request says -q a."
    )


def test_options_about_the_same_exclude_each_other_whatever_they_are_called() -> None:
    said = slurm("--mem-per-cpu=1G", "--gres=gpu:1", memory_mib=100, gpus=2)
    assert "--mem-per-cpu=1G" not in said.words
    assert "--gres=gpu:1" not in said.words
    assert "the request says --mem=100M" in said.remarks
    assert "the request says --gpus-per-node=2" in said.remarks


def test_the_beginning_of_a_long_option_does_for_the_whole() -> None:
    said = slurm("--part=big", "--acco other", "--nodes=2", queue="q", account="a")
    assert said.remarks == (
        "--partition=big of the script is left out: the request says --partition=q. "
        "--account=other of the script is left out: the request says --account=a."
    )
    assert "--nodes=2" in said.words
    assert "--mem=5" in slurm("--mem=5").words
    assert "--of-the-site=x" in slurm("--of-the-site=x").words


def test_what_a_job_is_charged_to_is_not_said_by_a_script_where_it_is_somebodys() -> None:
    machine = MachineSettings(
        name="m",
        base_directory="/m",
        accounts=Accounts(of={"joe": "other"}),
        batch={"native": ["--comment=x"]},
    )
    settings = batch_settings(DatedSettings, machine)
    for line in ("-A other", "--account=OTHER", "-Aother", "--acco=other"):
        for said in (
            arranged(settings, request(native=[line]), ()),
            arranged(settings, request(), [line]),
        ):
            assert "ther" not in " ".join(said.words)
            assert "is left out: the account is for others." in said.remarks
    assert "--account=own" in arranged(settings, request(), ["--account=own"]).words
    site = settings.model_copy(update={"native": ("-A other",)})
    assert "other" in arranged(site, request(), ()).words


@pytest.mark.parametrize(
    ("grammar", "line"),
    [
        (SLURM, "--wckey -w --account=z01"), (SLURM, "-w --account=z01"), (SLURM, "--wckey"),
        (SLURM, "--mcs-label -w -Az01"), (SGE, "-pe -P z01"), (SGE, "-dc"), (SGE, "-l -P z01"),
        (PBS, "-q -Az01"), (PBS, "-p"),
    ],
)  # fmt: skip
def test_no_option_takes_another_for_its_value(grammar: Grammar, line: str) -> None:
    said = arrange(grammar, [], request(native=[line]), BatchSettings(), ())
    assert not said.words or said.words == ("z01",)
    assert "has no value" in said.remarks


def test_options_have_as_many_values_as_they_want() -> None:
    lines = ["-binding pe linear:1", "-binding linear:2", "-p -100", "-masterl a b"]
    for line in lines:
        said = arrange(SGE, [], request(native=[line]), BatchSettings(), ())
        assert (" ".join(said.words), said.remarks) == (line, "")


def test_what_a_job_waits_for_is_said_once() -> None:
    after = [Dependency(token=Token("v2"), on=After.ENDED)]
    said = slurm("--depend=singleton", after=after)
    assert said.remarks == (
        "--dependency=singleton of the script is left out: the request says --dependency."
    )


def test_a_comment_begins_a_word() -> None:
    said = slurm("--account=a#b --qos='x # y' # don't", "-p big #no")
    assert said.words[-4:] == ("--account=a#b", "--qos=x # y", "-p", "big")
    assert said.remarks == ""


@pytest.mark.parametrize(
    ("grammar", "line"),
    [
        (SLURM, "--job=other"), (SLURM, "--job-nam other"), (SLURM, "--arr=1-3"), (SLURM, "--wai"),
        (SLURM, "--ou=x"), (SLURM, "--job-name=other"),
        (SLURM, "-J other"), (SLURM, "-Jother"), (SLURM, "-a 1-9"),
        (SLURM, "--array 1-9"), (SLURM, "-W"), (SLURM, "--wait"), (SLURM, "--wrap='rm x'"),
        (SLURM, "-o x"), (SLURM, "-D /"), (SLURM, "--test-only"), (SLURM, "-M other"),
        (SLURM, "other.sh"), (SLURM, "--"), (SLURM, "-HW"), (SLURM, "'unbalanced"),
        (SGE, "-N other"), (SGE, "-t 1-9"), (SGE, "-sync y"), (SGE, "-b y"), (SGE, "-S /bin/csh"),
        (SGE, "-o x"), (SGE, "-C %"), (SGE, "-cwd"), (SGE, "-@ file"), (SGE, "other.sh"),
        (PBS, "-N other"), (PBS, "-Nother"), (PBS, "-J 0-9"), (PBS, "-I"), (PBS, "-o x"),
        (PBS, "-W block=true"), (PBS, "-W Block=true"), (PBS, "-W Job_Name=other"), (PBS, "-j n"),
        (PBS, "-W 'Output_Path=/x, error_path = /y'"), (PBS, "-W umask=0,Variable_List=A=1"),
        (PBS, "other.sh"), (PBS, "-v A=1"),
    ],
)  # fmt: skip
def test_what_we_need_ourselves_is_nobody_elses(grammar: Grammar, line: str) -> None:
    said = arrange(grammar, [], request(), BatchSettings(), [line])
    assert said.words == ()
    assert "is left out" in said.remarks


def test_resources_of_a_list_are_about_something_each() -> None:
    line = "-l h_rt=9,gpu=1 -l mem=2G -pe mpi 8 -m e"
    requested = [*SGE.read(["-l h_rt=60"])]
    said = arrange(SGE, requested, request(), BatchSettings(), [line])
    assert " ".join(said.words) == "-l h_rt=60 -l gpu=1 -l mem=2G -pe mpi 8 -m e"
    assert said.remarks == "-l h_rt=9 of the script is left out: the request says -l h_rt=60."


def test_attributes_of_pbs_are_about_something_each() -> None:
    said = arrange(PBS, [], request(), BatchSettings(), ["-W group_list=g -W umask=022 -l a=1,b=2"])
    assert " ".join(said.words) == "-W group_list=g -l a=1 -l b=2"


@pytest.mark.parametrize(
    "line", ["-W Account_Name=z01", "-W project=Z01", "-W 'group_list=g, account_name = z01'"]
)
def test_an_account_of_others_is_theirs_as_an_attribute_of_pbs_too(line: str) -> None:
    machine = MachineSettings(name="m", base_directory="/m", accounts=Accounts(of={"ada": "z01"}))
    said = arrange(PBS, [], request(), batch_settings(BatchSettings, machine), [line])
    assert "z01" not in " ".join(said.words).lower()
    assert "the account is for others" in said.remarks


def test_an_account_of_ones_own_may_be_an_attribute_of_pbs() -> None:
    said = arrange(PBS, [], request(), BatchSettings(), ["-W group_list=g,Account_Name=a1 -A b2"])
    assert " ".join(said.words) == "-W group_list=g -A a1 -A b2"


@pytest.mark.parametrize(
    ("executable", "scripts"),
    [
        ("./job.sh", [["job.sh"]]),
        ("sh ./job.sh --fast", [["job.sh"]]),
        ("sh 'my job.sh' >all.log 2>&1", [["my job.sh"]]),
        ("./job.sh; true", [["job.sh"]]),
        ("./one.sh|sh two.sh&&(bash -e bin/three.sh)&", [["one.sh"], ["two.sh"], ["bin/three.sh"]]),
        ("# first\nA=1 sh $PWD/job.sh\n./last.sh", [["job.sh"], ["last.sh"]]),
        ("if srun -n 4 ./job.sh x; then ./done.sh; fi", [["job.sh"], ["done.sh"]]),
        ("srun -p test --exclusive ./job.sh", [["job.sh"]]),
        ("mpirun --hostfile hosts -np 4 ./job.sh", [["job.sh"]]),
        ("timeout -k 5 60m env -i A=./a sh -o pipefail job.sh old.sh", [["pipefail", "job.sh"]]),
        ("timeout 60 grep -c begin old.sh && srun cat old.sh", []),
        ("cat ./old.sh; chmod +x ./old.sh; test -e ./old.sh || env cat ./old.sh", []),
        ("./mesh old.sh; /opt/crash old.sh", [["mesh"], ["/opt/crash"]]),
        ("cd case && ./job.sh; cd ./more; sh job.sh", [["case/job.sh"], ["case/more/job.sh"]]),
        ("singularity exec image.sif ./job.sh", [["job.sh"]]),
        ("bash \\\njob.sh --tag=v#2 && ./last.sh # ./never.sh", [["job.sh"], ["last.sh"]]),
        ("grep -c . old.sh", []),
        ("./model old.sh", [["model"]]),
        ("/bin/sh ../job.sh", []),
        ("/opt/job.sh job.sh", [["/opt/job.sh"]]),
        ("/bin/sh -x /opt/job.sh", [["/opt/job.sh"]]),
        ("it's no line", []),
    ],
)
def test_scripts_that_a_line_may_run(executable: str, scripts: list[list[str]]) -> None:
    assert scripts_in(executable) == scripts


SUBMITTED = "Job <42> is submitted to queue <q>."
SCRIPT = """#!/bin/bash
{prefix} {option}

# a remark
  {prefix} not at the beginning
{prefix} {name}
echo begins
{prefix} {late}
"""


@pytest.mark.parametrize(
    ("dialect", "tool", "answer", "option", "name", "late", "heeded"),
    [
        (Slurm(LAYOUT), "sbatch", "42", "--nodes=4", "-J mine", "--nice=33", False),
        (GridEngine(LAYOUT, SgeSettings()), "qsub", "42", "-pe mpi 4", "-N mine", "-p -33", True),
        (Pbs(LAYOUT), "qsub", "42.vm", "-l select=4", "-N mine", "-p 33", False),
        (Lsf(LAYOUT), "bsub", SUBMITTED, "-n 4", "-J mine", "-sp 33", True),
    ],
)
def test_directives_in_a_users_script_are_applied_and_what_is_not_is_said(
    dialect: Dialect,
    tool: str,
    answer: str,
    option: str,
    name: str,
    late: str,
    heeded: bool,
    tmp_path: Path,
) -> None:
    """Those after the first command, too, where the batch system itself reads them."""
    machine = FakeMachine(tmp_path, {tool: f"echo '{answer}'"})
    system = ShellBatchSystem(FakeConnection(machine), dialect, machine.layout)
    job = request(executable="bash ./job.sh data.sh; cat data.sh")
    script = SCRIPT.format(prefix=dialect.directive, option=option, name=name, late=late)
    folder = Path(machine.layout.folder(Token("v1")))

    async def submit() -> object:
        await system.prepare(job.token, {})
        (folder / "job.sh").write_text(script)
        (folder / "data.sh").write_text(f"{dialect.directive} {name}\n")
        return await system.submit(job, 1)

    said = asyncio.run(submit())
    assert isinstance(said, Submitted)
    assert said.remarks == f"{name} of the script is left out: VESTEC sees to that."
    [call] = machine.calls()
    assert option in " ".join(call)
    assert (late in " ".join(call)) is heeded
