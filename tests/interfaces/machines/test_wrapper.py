"""What the wrapper does around a program: run by a shell, with a job id as a batch system gives."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path, PurePosixPath

import pytest

from events.jobs import JobOptions, JobReport, JobRequest, JobState, Token, Witness
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.scripts.folders import Prepare
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.scripts.status import parse_status
from interfaces.machines.scripts.wrapper import CANNOT_LOAD, wrapper
from tests.patience import PATIENCE

TOKEN = Token("v1")
WAITS = "while :; do sleep 0.05; done\n"


class Site:
    """A folder in which one job runs as process of ours."""

    def __init__(self, base: Path) -> None:
        self.layout = Layout(PurePosixPath(base))
        self.folder = Path(self.layout.folder(TOKEN))
        self.path = os.environ["PATH"]
        subprocess.run(["sh", "-c", Prepare(self.layout, TOKEN).script()], check=True)

    def start(
        self, executable: str, site: str = "", walltime: int = 60, **options: object
    ) -> "subprocess.Popen[bytes]":
        request = JobRequest(
            token=TOKEN,
            executable=executable,
            walltime=walltime,
            options=JobOptions.model_validate(options),
        )
        text = wrapper(request, self.layout, "7", site)
        environment = {**os.environ, "PATH": self.path}
        return subprocess.Popen(["sh", "-c", text], start_new_session=True, env=environment)

    def run(self, executable: str, site: str = "", **options: object) -> int:
        return self.start(executable, site, 60, **options).wait(30)

    def script(self, text: str) -> str:
        """A line that runs a script of the job's folder."""
        (self.folder / "job.sh").write_text(text)
        return "sh ./job.sh"

    def ready(self) -> None:
        """Wait until the program has made the file `ready`."""
        deadline = time.monotonic() + PATIENCE
        while not (self.folder / "ready").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    @property
    def report(self) -> JobReport:
        status = Path(self.layout.ours(TOKEN), "status-1").read_text()
        return parse_status(status, Witness.STATUS_FILE)[TOKEN]

    def said(self, name: str = "stdout") -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_the_sites_lines_come_first_then_the_jobs_then_the_program(site: Site) -> None:
    site.run('echo "$A $PWD"', "export A=site; echo one", prologue="A=$A+job; echo two")
    assert site.said() == f"one\ntwo\nsite+job {site.folder}\n"


def test_lines_that_are_no_shell_fail_the_job_and_nothing_else(site: Site) -> None:
    assert site.run("echo never", prologue="if )") != 0
    assert site.report.state == JobState.FAILED
    assert site.said() == ""


def test_modules_are_loaded_as_the_site_loads_them(site: Site) -> None:
    site.run("echo ran", "module() { echo module $*; }", modules=["gcc/12", "open mpi"])
    assert site.said() == "module load gcc/12 open mpi\nran\n"


def test_a_program_does_not_start_without_its_modules(site: Site) -> None:
    assert site.run("echo never", "module() { return 1; }", modules=["gcc"]) == CANNOT_LOAD
    assert site.said() == ""


@pytest.mark.parametrize("line", ["echo one two", "echo one; echo two"])
def test_a_launcher_starts_the_program(site: Site, line: str) -> None:
    site.run(line, launcher="env LAUNCHED=yes")
    assert site.said().split() == ["one", "two"]


@pytest.mark.parametrize(
    ("line", "code"),
    [("exit 3", 3), ("A=1 true", 0), ("cd /", 0), ("true", 0), ("./nothing", 127), ("! true", 1)],
)
def test_lines_of_every_kind(site: Site, line: str, code: int) -> None:
    assert site.run(line) == code


@pytest.mark.parametrize(("line", "runs"), [("true", 1), ("false", 2)])
def test_what_has_completed_is_not_run_again_by_whoever_requeues_it(
    site: Site, line: str, runs: int
) -> None:
    first = site.run(f"echo ran; {line}")
    assert site.run(f"echo ran; {line}") == first
    assert site.said() == "ran\n" * runs
    assert len(list(Path(site.layout.ours(TOKEN)).glob("status-*"))) == runs


@pytest.mark.parametrize("name", ["TERM", "USR1", "USR2"])
def test_signals_reach_the_program_itself(site: Site, name: str) -> None:
    script = site.script(f"trap 'echo {name}; exit 7' {name}; touch ready; {WAITS}")
    running = site.start(script)
    site.ready()
    os.kill(running.pid, getattr(signal, f"SIG{name}"))
    assert running.wait(20) == 7
    assert site.said() == f"{name}\n"
    told = name == "TERM"  # why, the batch system knows
    assert site.report.state == (JobState.ENDING if told else JobState.FAILED)


def test_a_program_is_warned_before_the_end_of_its_walltime(site: Site) -> None:
    started = time.monotonic()
    script = site.script(f"trap 'echo saved; exit 9' TERM; {WAITS}")
    assert site.start(script, walltime=62, warning=60).wait(20) == 9
    assert 0.9 < time.monotonic() - started < 10
    assert site.said() == "saved\n"
    assert (site.report.state, site.report.exit_code) == (JobState.TIMEOUT, 9)


@pytest.fixture(params=["dash", "bash"])
def shelled(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> Site:
    """A site where `sh` is a certain shell."""
    program = shutil.which(request.param)
    if program is None:
        pytest.skip(f"there is no {request.param}")
    folder = tmp_path / "shells"
    folder.mkdir()
    (folder / "sh").symlink_to(program)
    site.path = f"{folder}:{site.path}"
    return site


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("{}", "ALRM"),
        ("{} >>stdout", "ALRM"),
        ("{} w$VESTEC_INSTANCE", "ALRM"),
        ("cd . && {}", "ALRM"),
        ("(cd /; {}); exit $?", "ALRM"),
        ("{} | tee -a log", "ALRM"),
        ("sh ./outer.sh", "ALRM"),
        ("bash ./cleans_up.sh", "ALRM"),
        ("cd . && {}", "USR1"),
        ("cd . && {}", "USR2"),
    ],
)
def test_a_line_of_any_kind_passes_the_signal_to_the_program_that_handles_it(
    shelled: Site, line: str, name: str
) -> None:
    told = "TERM" if name == "ALRM" else name  # its warning
    folder = shelled.folder
    text = f"trap 'echo saved >>saved; echo; exit 0' {told}; touch ready; {WAITS}"
    (folder / "job.sh").write_text(f"cd {folder}\n{text}")
    (folder / "outer.sh").write_text(f"sh {folder}/job.sh\ncode=$?\nexit $code\n")
    (folder / "cleans_up.sh").write_text(f"trap 'echo gone >>cleaned' EXIT\nsh {folder}/job.sh\n")
    running = shelled.start(line.format(f"sh {folder}/job.sh"))
    shelled.ready()
    os.kill(running.pid, getattr(signal, f"SIG{name}"))
    assert running.wait(20) == 0
    assert (folder / "saved").read_text() == "saved\n"
    assert shelled.report.state == JobState.COMPLETED


def test_a_line_that_handles_it_is_told_alone(shelled: Site) -> None:
    waits = "touch ready; until test -e told; do sleep 0.1; done; sleep 1; echo quiet"
    script = shelled.script(f"trap 'echo told; exit 3' TERM; {waits}")
    line = f"trap 'touch told; wait; exit 4' TERM; {script} & wait"
    running = shelled.start(line)
    shelled.ready()
    os.kill(running.pid, signal.SIGALRM)
    assert running.wait(20) == 4
    assert shelled.said() == "quiet\n"


def test_a_line_in_which_nobody_handles_it_ends_and_leaves_nothing_behind(
    shelled: Site,
) -> None:
    running = shelled.start("(sh -c 'sleep 60 & touch ready; wait'; true) | cat; true")
    shelled.ready()
    os.kill(running.pid, signal.SIGALRM)
    assert running.wait(20) == 143
    assert shelled.report.state == JobState.TIMEOUT
    ended(running.pid)


def test_a_bash_that_cleans_up_is_told_where_nobody_below_it_handles_it(site: Site) -> None:
    cleans_up = "trap 'echo gone >>cleaned' EXIT; touch ready; sleep 60; true"
    (site.folder / "job.sh").write_text(f"trap 'echo out >>cleaned' EXIT\n({cleans_up})\ntrue\n")
    running = site.start("bash ./job.sh")
    site.ready()
    os.kill(running.pid, signal.SIGALRM)
    assert running.wait(20) == 143
    assert site.said("cleaned").splitlines()[0] == "out"
    assert site.report.state == JobState.TIMEOUT


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"SLURM_JOB_ID": "8"}, "8"),
        ({"SLURM_JOB_ID": "8", "SLURM_ARRAY_JOB_ID": "8", "SLURM_ARRAY_TASK_ID": "3"}, "8_3"),
    ],
)
def test_slurm_is_told_of_this_job_or_instance_and_no_other(
    tmp_path: Path, variables: dict[str, str], told: str
) -> None:
    (tmp_path / "scancel").write_text('#!/bin/sh\necho "$@"')
    (tmp_path / "scancel").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **variables}
    command = ["sh", "-c", Slurm.launcher.tell, "sh", "TERM"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == f"--signal=TERM {told}\n"


def test_a_program_whose_time_is_over_before_it_starts_is_not_started(site: Site) -> None:
    slow = site.folder.parent / "bin" / "mv"
    slow.parent.mkdir()
    slow.write_text(f'#!/bin/sh\nsleep 2\nexec {shutil.which("mv")} "$@"\n')
    slow.chmod(0o755)
    site.path = f"{slow.parent}:{site.path}"
    assert site.start("echo ran", walltime=61, warning=60).wait(20) == 143
    assert site.said() == ""
    assert site.report.state == JobState.TIMEOUT


def test_a_program_that_completes_after_its_warning_has_completed(site: Site) -> None:
    script = site.script(f"trap 'exit 0' TERM; {WAITS}")
    assert site.start(script, walltime=62, warning=60).wait(20) == 0
    assert site.report.state == JobState.COMPLETED


def test_a_program_that_ends_in_time_is_not_warned_and_leaves_no_alarm(site: Site) -> None:
    running = site.start("true", walltime=600, warning=60)
    assert running.wait(20) == 0
    assert site.report.state == JobState.COMPLETED
    ended(running.pid)


def ended(session: int) -> None:
    """Wait until no process of a session is left."""

    def listed() -> str:
        command = ["ps", "-s", str(session), "-o", "pid=,args="]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    deadline = time.monotonic() + PATIENCE
    while left := listed():
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_a_program_that_term_killed_was_told_though_the_wrapper_hears_of_it_later(
    site: Site,
) -> None:
    """As when a batch system tells one process after the other."""
    running = site.start("touch ready; exec sleep 30")
    site.ready()
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    program = int(children.read_text().split()[0])
    os.kill(program, signal.SIGTERM)
    os.kill(running.pid, signal.SIGTERM)
    assert running.wait(20) == 143
    assert site.report.state == JobState.ENDING
