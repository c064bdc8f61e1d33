"""Machines as OpenSSH and AiiDA describe them."""

import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from interfaces.machines.importing import Found, NotReadable, aiida_computers, openssh_hosts
from interfaces.machines.registry import connect


def hosts(folder: Path, text: str) -> dict[str, Found]:
    file = folder / "config"
    file.write_text(dedent(text))
    return {one.name: one for one in openssh_hosts(file)}


def usable(found: Found) -> dict[str, Any]:
    """What the connection has to know, as it takes it."""
    machine = found.completed(base_directory="/scratch", dialect="slurm").machine()
    connect(machine)
    return machine.access


def test_hosts_of_a_configuration_become_machines(tmp_path: Path) -> None:
    found = hosts(
        tmp_path,
        """
        # the first value counts
        Host archer archer-long
            HostName login.%h.example.org
            User ada
            IdentityFile ~/.ssh/archer
            ProxyJump gate,bob@second.example.org:2222
        Host gate
            HostName gate.example.org
            User gatekeeper
            Port 2200
        Host *.example.org !secret.example.org
            User nobody
        Host=*
            User somebody
            IdentityFile ~/.ssh/all
            ServerAliveInterval 30
            ConnectTimeout 7
            UserKnownHostsFile ~/.ssh/known_archer
        """,
    )
    assert [*found] == ["archer", "archer-long", "gate"]
    access = usable(found["archer"])
    assert access == {
        "host": "login.archer.example.org",
        "user": "ada",
        "key": ["~/.ssh/archer", "~/.ssh/all"],
        "jump": ["gatekeeper@gate.example.org:2200", "bob@second.example.org:2222"],
        "known_hosts": "~/.ssh/known_archer",
        "keep_alive": 30,
        "connect_within": 7,
    }
    assert usable(found["gate"])["host"] == "gate.example.org:2200"
    assert found["archer"].missing == ["base_directory", "dialect"]


def test_what_a_host_says_that_we_cannot_is_told(tmp_path: Path) -> None:
    found = hosts(
        tmp_path,
        """
        Host archer
            StrictHostKeyChecking no
            LocalForward 8080 localhost:80
            CertificateFile ~/.ssh/a-cert.pub
            CertificateFile ~/.ssh/b-cert.pub
            IdentityFile ~/.ssh/%r
            ProxyJump gate
            IdentitiesOnly yes
        Host gate
            IdentityFile ~/.ssh/gate
        Match exec "touch /tmp/owned"
            User mallory
        """,
    )
    left = "\n".join(found["archer"].left)
    for said in (
        "stricthostkeychecking no: host keys are always checked",
        "localforward 8080 localhost:80: it is not carried over",
        "certificatefile ~/.ssh/b-cert.pub: there is one only",
        "key ['~/.ssh/%r']: its tokens are not known here",
        "identityfile ~/.ssh/gate of gate: hosts to go through have the same keys",
        "how many nodes and cores it has is not known: 1 each",
    ):
        assert said in left
    assert 'match exec "touch /tmp/owned": what holds under that condition is not read' in left
    assert len(found["archer"].left) == 7
    assert "user" not in usable(found["archer"])


def test_what_only_the_systems_ssh_can_is_left_to_it(tmp_path: Path) -> None:
    found = hosts(tmp_path, "Host archer\n    ProxyCommand nc -X 5 %h 22\n")["archer"]
    assert found.settings["connection"] == "openssh"
    assert usable(found) == {"host": "archer", "config": str(tmp_path / "config")}
    assert any("ProxyCommand" in sentence for sentence in found.left)


def test_included_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "more").write_text(f"Host inner\n  User ada\nInclude {tmp_path}/none-*\n")
    found = hosts(tmp_path, f"Include {tmp_path}/mor*\nHost outer\n")
    assert [*found] == ["inner", "outer"]
    (tmp_path / "loop").write_text(f"Include {tmp_path}/loop\n")
    with pytest.raises(NotReadable, match="without an end"):
        hosts(tmp_path, f"Include {tmp_path}/loop\n")
    for nothing in ("~nosuchuser/x", '""', f"{tmp_path}/a**x", f"{tmp_path}"):
        assert [*hosts(tmp_path, f"Include {nothing}\nHost outer\n")] == ["outer"]
    with pytest.raises(NotReadable, match="~nosuchuser/x cannot be read"):
        openssh_hosts(Path("~nosuchuser/x"))
    for text, why in (("Host 'a\n", "No closing quotation"), ("Host\n", "line 1 is no line")):
        with pytest.raises(NotReadable, match=why):
            hosts(tmp_path, text)


NASTY = """
Include {folder}/outer-*
User ada
IdentityFile ~/.ssh/all
ConnectTimeout 5m
Host gate
    Include {folder}/of-gate
    HostName gate.example.org
Host archer archer-long
    Include {folder}/of-archer
    HostName login.%h.example.org # the long queue, too
    ServerAliveInterval 1h30m10
Host quick
    Include {folder}/of-gate
    ConnectTimeout 7
Match all
    Port 2200
"""
PARTS = {
    "outer-1": "Host a-*\n  User nobody\nHost archer\n  IdentityFile ~/.ssh/archer\n",
    "outer-2": "ServerAliveCountMax 5\nMatch host a-one\n  User matched\n",
    "of-gate": "User late\nPort 2222\nHost quick\n  Port 2224\nHost other\n  Port 2223\n",
    "of-archer": "IdentityFile ~/.ssh/both\nHost archer-long\n  ServerAliveInterval 2H\n",
}


@pytest.mark.parametrize("host", ["archer", "archer-long", "gate", "quick"])
def test_it_is_read_as_ssh_reads_it(tmp_path: Path, host: str) -> None:
    for name, text in PARTS.items():
        (tmp_path / name).write_text(text)
    found = hosts(tmp_path, NASTY.format(folder=tmp_path))
    assert [*found] == ["archer", "gate", "archer-long", "quick"]
    access = usable(found[host])
    if shutil.which("ssh") is None:
        pytest.skip("ssh is not installed")
    command = ["ssh", "-G", "-F", str(tmp_path / "config"), host]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    said = [line.partition(" ")[::2] for line in lines]
    ssh = dict(said)
    address = ssh["hostname"] if ssh["port"] == "22" else f"{ssh['hostname']}:{ssh['port']}"
    assert access["host"] == address
    assert access["user"] == ssh["user"]
    assert access["key"] == [value for keyword, value in said if keyword == "identityfile"]
    assert access["connect_within"] == int(ssh["connecttimeout"])
    assert access.get("keep_alive", 0) == int(ssh["serveraliveinterval"])


@pytest.mark.parametrize("time", ["0", "none", "5x", "m", "-3"])
def test_a_time_that_is_none_is_told(tmp_path: Path, time: str) -> None:
    found = hosts(tmp_path, f"Host archer\n  ConnectTimeout {time}\n")["archer"]
    assert f"connecttimeout {time}: it is always some time with us" in found.left
    assert "connect_within" not in usable(found)


SETUP = """
label: daint-gpu
hostname: daint.example.org
description: Piz Daint
transport: core.ssh
scheduler: core.slurm
shebang: '#!/bin/bash'
work_dir: /scratch/snx3000/{username}/aiida/
mpirun_command: srun -n {tot_num_mpiprocs}
mpiprocs_per_machine: 12
default_memory_per_machine: 65536000
use_double_quotes: false
prepend_text: |
    ### computer prepend_text start ###
    #SBATCH --partition=normal
    #SBATCH --constraint=gpu
    export OMP_NUM_THREADS=1
    module load daint-gpu
append_text: ' '
"""
CONFIGURE = """
username: ada
port: 22
look_for_keys: true
key_filename: ~/.ssh/id_ed25519
timeout: 60
allow_agent: false
proxy_jump: ada@ela.example.org
proxy_command: ''
compress: true
gss_auth: false
load_system_host_keys: true
key_policy: AutoAddPolicy
use_login_shell: true
safe_interval: 30
"""


def computers(folder: Path, *texts: str) -> list[Found]:
    files = [folder / f"{number}.yaml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    return aiida_computers(files)


def test_a_computer_of_aiida_becomes_a_machine(tmp_path: Path) -> None:
    (found,) = computers(tmp_path, SETUP, CONFIGURE)
    machine = found.machine()
    connect(machine)
    assert (machine.name, machine.connection, machine.dialect) == ("daint-gpu", "ssh", "slurm")
    assert machine.base_directory == "/scratch/snx3000/ada/aiida/"
    assert machine.cores_per_node == 12
    assert machine.access == {
        "host": "daint.example.org",
        "user": "ada",
        "key": "~/.ssh/id_ed25519",
        "jump": ["ada@ela.example.org"],
        "agent": False,
        "connect_within": 60.0,
    }
    assert machine.batch["native"] == ["--partition=normal", "--constraint=gpu"]
    assert str(machine.batch["prologue"]).splitlines()[1:] == [
        "export OMP_NUM_THREADS=1",
        "module load daint-gpu",
    ]
    left = "\n".join(found.left)
    for said in (
        "nodes it has is not known",
        "mpirun_command srun -n {tot_num_mpiprocs}: a stage says that",
        "default_memory_per_machine 65536000: it is not carried over",
        "key_policy AutoAddPolicy: host keys are always checked",
        "compress True: it is not carried over",
    ):
        assert said in left
    assert "append_text" not in left


def test_what_aiida_has_and_we_have_not_is_missing_and_told(tmp_path: Path) -> None:
    torque = SETUP.replace("core.slurm", "core.torque").replace("daint-gpu\nhost", "my box!\nhost")
    found, local = computers(
        tmp_path,
        torque,
        "label: here\ntransport: local\nscheduler: direct\nwork_dir: /tmp/aiida\n"
        "prepend_text: '{{ text }}'\nmpiprocs_per_machine: many\n",
    )
    assert (found.name, found.missing) == ("my-box", ["base_directory", "dialect"])
    left = "\n".join(found.left)
    assert "scheduler torque: there is no such dialect" in left
    assert "the account there is not known" in left
    machine = local.machine()
    assert (machine.connection, machine.dialect) == ("local", "processes")
    assert "prepend_text is a template" in "\n".join(local.left)
    assert "mpiprocs_per_machine many: it is no number" in "\n".join(local.left)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("username: ada\n", "no label"),
        ("- a\n- b\n", "no names with values"),
        ("label: [\n", "cannot be read"),
        ("label: !!python/object/apply:os.system ['true']\n", "cannot be read"),
    ],
)
def test_what_is_no_file_of_aiida_is_said(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(NotReadable, match=why):
        computers(tmp_path, text)


@pytest.mark.parametrize(
    "line",
    [
        "mpiprocs_per_machine: .inf",
        "mpiprocs_per_machine: .nan",
        "minimum_job_poll_interval: .nan",
        "minimum_job_poll_interval: 1" + "0" * 400,
    ],
)
def test_numbers_that_are_none_are_said(tmp_path: Path, line: str) -> None:
    (found,) = aiida_computers([written(tmp_path, f"label: archer\n{line}\n")])
    assert any("is no number" in sentence for sentence in found.left)


def test_a_file_that_is_nested_too_deep_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotReadable, match="cannot be read"):
        aiida_computers([written(tmp_path, "label: " + "[" * 3000 + "]" * 3000)])


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [" + "x, " * 9 + "x]\n"
        + "".join(f"{n}: &{n} [{', '.join([f'*{o}'] * 10)}]\n" for o, n in pairwise("abcdefghi"))
        + "label: *i\n",
        f"a: &a {'x' * 10_000}\nlabel: [{', '.join(['*a'] * 1000)}]\n",
        "label: &a [*a]\n",
    ],
    ids=["of lists", "of a long word", "of itself"],
)  # fmt: skip
def test_a_file_that_repeats_itself_without_bounds_cannot_be_read(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(NotReadable, match="its aliases repeat"):
        aiida_computers([written(tmp_path, text)])


def test_a_file_may_repeat_itself_within_bounds(tmp_path: Path) -> None:
    text = "label: archer\nhostname: &host login\nwork_dir: *host\n"
    (found,) = aiida_computers([written(tmp_path, text)])
    assert found.settings["base_directory"] == "login"


def written(folder: Path, text: str) -> Path:
    file = folder / "computer.yaml"
    file.write_text(text)
    return file
