"""What may be asked for, and that a log may hold more."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from events.entry import entered, said
from events.jobs import JobOptions
from events.machines import MachineSettings, Privilege
from events.simulations import Resources, SimulationRequest

MACHINE = {"name": "m", "base_directory": "/m"}
JOB = {"walltime": 60}

NAMES = (
    "",
    "z01-fire",
    "e05/power+x",
    "Fürth_1",
    "work@server",
    "short,long",
    "short normal",
    "all.q@@fast",
    "(fast|*.q)&!old",
    "ada#0",
)
CONSTRAINTS = (
    "[rack1*2&rack2*4]",
    "(knl&snc4)|bdw",
    "select[mem>1000 && type==any] rusage[mem=20:duration=10]",
    "arch=!(lx-a*|sol-*)",
    "model='ice lake':host=n1",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_batch_systems_know_is_taken(name: str) -> None:
    given = dict.fromkeys(("queue", "account", "qos", "reservation"), name)
    assert said(JobOptions, given).account == name


@pytest.mark.parametrize("constraint", ["", *CONSTRAINTS])
def test_a_constraint_that_batch_systems_know_is_taken(constraint: str) -> None:
    assert said(Resources, {**JOB, "constraint": constraint}).constraint == constraint


def asked(file: str, instances: int) -> dict[str, Any]:
    """A request of a simulation with an input of that name."""
    inputs = {file: {"sha256": "f" * 64, "size": 1}}
    needs = {**JOB, "instances": instances}
    return {"kind": "fire", "executable": "true", "resources": needs, "inputs": inputs}


@pytest.mark.parametrize(("file", "instances"), [("stdout.2", 1), ("stdout.2", 2), ("x/stdout", 1)])
def test_an_input_is_called_as_no_output_of_its_job(file: str, instances: int) -> None:
    assert [*said(SimulationRequest, asked(file, instances)).inputs] == [file]


REFUSED: list[tuple[type[BaseModel], dict[str, Any], str]] = [
    *((JobOptions, {"account": name}, "letters") for name in ("z;rm -rf", "$HOME", "`x`", "a\\b")),
    *((JobOptions, {name: "-x"}, "begin with -") for name in ("queue", "qos", "reservation")),
    *((Resources, {**JOB, "constraint": word}, "without ;") for word in ("a;b", "$x", "-x", " a")),
    *(
        (Resources, {**JOB, name: 10**30}, "less than or equal to")
        for name in ("nodes", "tasks", "cpus_per_task", "memory_mib", "gpus")
    ),
    (JobOptions, {"warning": 10**30}, "less than or equal to"),
    *(
        (SimulationRequest, asked(file, instances), f"call the input {file} otherwise")
        for file, instances in (("stderr", 1), ("stdout/x", 1), ("stdout.2", 3))
    ),
    *(
        (MachineSettings, {**MACHINE, name: 10**30}, "less than or equal to")
        for name in ("nodes", "cores_per_node", "slots", "seed")
    ),
    *(
        (MachineSettings, {**MACHINE, "limits": {name: 10**30}}, "less than or equal to")
        for name in ("commands", "submissions", "ask", "ask_least")
    ),
    (MachineSettings, {**MACHINE, "accounts": {"of": {"ada": "z;rm"}}}, "letters"),
    *(
        (MachineSettings, {**MACHINE, "templates": path}, "below the base directory")
        for path in ("../x", "x/../../y", "..", "~/x", "~ada")
    ),
    (Privilege, {"name": "none"}, "at least one of queue, account, qos, reservation, native"),
    (Privilege, {"name": "none", "waits": True}, "at least one of queue"),
]


@pytest.mark.parametrize(("model", "given", "why"), REFUSED)
def test_what_makes_no_sense_is_refused_and_stays_readable(
    model: type[BaseModel], given: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValidationError, match=why):
        said(model, given)
    in_a_log = model.model_validate(given)
    assert model.model_validate_json(in_a_log.model_dump_json()) == in_a_log
    with pytest.raises(ValidationError, match=why):
        entered(in_a_log)


@pytest.mark.parametrize("path", ["templates", "a/b~", "..x/y..", "/kept/../elsewhere", "/~"])
def test_templates_lie_below_the_base_directory_or_anywhere(path: str) -> None:
    assert said(MachineSettings, {**MACHINE, "templates": path}).templates == path


def test_a_privilege_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValidationError, match="no qso; there are: name, queue, account, qos"):
        said(Privilege, {"name": "express", "qso": "express"})
    assert Privilege.model_validate({"name": "express", "qso": "express"}).name == "express"
