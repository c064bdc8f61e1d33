"""What batch systems say of how they are set up, and login nodes of themselves."""

import subprocess
from pathlib import Path, PurePosixPath

import pytest

from events.jobs import MOST_INSTANCES
from interfaces.machines.connection import CommandFailed, Completed
from interfaces.machines.dialects.lsf import Lsf
from interfaces.machines.dialects.pbs import Pbs
from interfaces.machines.dialects.sge import GridEngine
from interfaces.machines.dialects.slurm import Slurm
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.site import AskHost, Host, Room, Site
from interfaces.machines.testing import FakeMachine
from tests.disks import small_disk
from tests.interfaces.machines.recordings import recorded

LAYOUT = Layout(PurePosixPath("/base"))


def slurm(config: str) -> Site:
    said = f"slurm-wlm 22.05.8\nConfiguration data as of 2026-01-01T00:00:00\n{config}\n"
    return Slurm(LAYOUT).site().parse(Completed(0, said, ""))


def test_slurm_with_accounts_and_comments() -> None:
    site = slurm(
        "AccountingStoreFlags    = job_comment,job_env\n"
        "AccountingStorageType   = accounting_storage/slurmdbd\n"
        "MaxArraySize            = 1001\n"
        "PrivateData             = none"
    )
    assert site.version == "slurm-wlm 22.05.8"
    assert site.instances == 1001
    assert (site.accounting, site.comments, site.others) == (True, True, True)


@pytest.mark.parametrize("storage", ["accounting_storage/none", "(null)"])
def test_slurm_without_accounts(storage: str) -> None:
    site = slurm(
        f"AccountingStorageType   = {storage}\n"
        "AccountingStoreFlags    = (null)\n"
        "PrivateData             = accounts,jobs"
    )
    assert (site.accounting, site.comments, site.others) == (False, False, False)


def test_an_older_slurm_has_a_word_for_comments() -> None:
    assert slurm("AccountingStoreJobComment = Yes").comments is True
    assert slurm("AccountingStoreJobComment = No").comments is False


def test_a_slurm_without_arrays() -> None:
    assert slurm("MaxArraySize            = 0").instances == 1


def test_what_slurm_does_not_tell_is_unknown() -> None:
    site = slurm("")
    assert site.instances is None
    assert (site.accounting, site.comments, site.others) == (None, None, None)


def test_a_controller_that_is_away() -> None:
    with pytest.raises(CommandFailed):
        Slurm(LAYOUT).site().parse(Completed(1, "slurm-wlm 22.05.8\n", "Unable to contact"))


def test_pbs_as_it_was_recorded() -> None:
    site = Pbs(LAYOUT).site().parse(recorded("openpbs-23.06", "qstat_B_json").completed)
    assert site.version == "PBS 23.06.06"
    assert site.instances == 10_000
    assert (site.accounting, site.comments, site.others) == (True, True, True)


def test_a_pbs_that_keeps_no_history_and_hides_jobs() -> None:
    said = '{"pbs_version": "23.06.06", "Server": {"vm": {"server_state": "Active"}}}'
    site = Pbs(LAYOUT).site().parse(Completed(0, said, ""))
    assert (site.accounting, site.comments, site.others) == (False, False, False)


def sge(folder: Path, qacct: str, others: str, most: int = 75_000) -> Site:
    jobs = f"job-ID prior name user\n---\n 1 0.5 mine {me()} r\n{others}"
    tools = {
        "qstat": "case $1 in -help) echo SGE 8.1.9; echo usage ;;"
        f" *) cat <<'END'\n{jobs}\nEND\nesac",
        "qacct": qacct,
        "qconf": f"printf 'max_aj_instances 2000\\nmax_aj_tasks {most}\\n'",
    }
    machine = FakeMachine(folder, tools)
    command = GridEngine(machine.layout).site()
    return command.parse(machine.run(command.script()))


def lsf(folder: Path, users: str) -> Site:
    tools = {
        "lsid": "echo 'IBM Spectrum LSF Standard 10.1.0.13'; echo Copyright",
        "bjobs": f"printf '{users}'",
        "bparams": "echo 'MAX_JOB_ARRAY_SIZE = 1000'",
    }
    machine = FakeMachine(folder, tools)
    command = Lsf(machine.layout).site()
    return command.parse(machine.run(command.script()))


def me() -> str:
    return Path("/proc/self").owner()


def test_grid_engine(tmp_path: Path) -> None:
    site = sge(tmp_path, "echo OWNER", " 2 0.5 theirs somebody r")
    assert site.instances == 75_000
    assert (site.version, site.accounting, site.comments, site.others) == (
        "SGE 8.1.9",
        True,
        True,
        True,
    )


def test_a_grid_engine_that_shows_nothing_says_nothing(tmp_path: Path) -> None:
    site = sge(tmp_path, "echo 'no accounting file' >&2; exit 1", "")
    assert (site.accounting, site.comments, site.others) == (None, None, None)


def test_a_grid_engine_without_a_limit_takes_arrays_as_large_as_ours_are(tmp_path: Path) -> None:
    assert sge(tmp_path, "echo OWNER", "", most=0).instances == MOST_INSTANCES


def test_lsf(tmp_path: Path) -> None:
    site = lsf(tmp_path / "one", f"{me()}\\nsomebody\\n")
    assert (site.version, site.others) == ("IBM Spectrum LSF Standard 10.1.0.13", True)
    assert site.accounting is None
    assert site.instances == 1000
    assert lsf(tmp_path / "two", f"{me()}\\n").others is None


def host_of(folder: Path, **tools: str) -> tuple[Room | None, Room | None, bool | None]:
    machine = FakeMachine(folder, tools)
    command = AskHost(machine.layout)
    host = command.parse(machine.run(command.script()))
    assert not machine.pwned
    assert host.shell.startswith("/")
    assert host.clock
    return host.disk, host.inodes, host.over_quota


def df(available: str) -> str:
    head = "Filesystem 1024-blocks Used Available Capacity Mounted"
    return f"printf '{head}\\n/dev/vda 100 10 {available} 10%% /\\n'"


NO_QUOTA = "exit 1"


def test_a_login_node_tells_of_its_room(tmp_path: Path) -> None:
    assert host_of(tmp_path, df=df("90"), quota=NO_QUOTA) == (
        Room(90 * 1024, 100 * 1024),
        Room(90, 100),
        None,
    )


def test_a_file_system_that_does_not_count_inodes(tmp_path: Path) -> None:
    uncounted = (
        "case $1 in -Pi) printf 'head\\n/dev/vda 0 0 0 - /\\n' ;; *) " + df("90") + " ;; esac"
    )
    _, inodes, _ = host_of(tmp_path, df=uncounted, quota=NO_QUOTA)
    assert inodes is None


@pytest.mark.parametrize(("blocks", "over"), [("90", False), ("110*", True)])
def test_a_quota(tmp_path: Path, blocks: str, over: bool) -> None:
    head = "Disk quotas for user ada (uid 1000):\\n Filesystem blocks quota limit grace files\\n"
    quota = f"printf '{head} /dev/vda {blocks} 100 120 7days 5 0 0\\n'"
    assert host_of(tmp_path, df=df("90"), quota=quota)[2] is over


def test_whether_there_is_room_is_tried(tmp_path: Path) -> None:
    base = tmp_path / "small"
    with small_disk(base, 2) as disk:
        assert host_at(base).full == ""
        disk.fill()
        assert host_at(base).full.endswith(": No space left on device")
        disk.make_room()
        assert host_at(base).full == ""
        assert list(base.iterdir()) == []


def host_at(base: Path) -> Host:
    """What this computer says of itself, by its own shell."""
    command = AskHost(Layout(PurePosixPath(base)))
    done = subprocess.run(
        ["sh"], input=command.script(), capture_output=True, text=True, check=True
    )
    return command.parse(Completed(done.returncode, done.stdout, done.stderr))
