"""Computers of AiiDA, as machines: the YAML that `verdi computer setup|configure --config` takes.

A file with a `label` sets a computer up. One without configures the way to the computer that was
set up before it.
"""

import math
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from interfaces.machines.importing.found import Found, NotReadable, name_of

_TRANSPORTS = {"local": "local", "ssh": "ssh", "ssh_async": "ssh", "ssh_auto": "ssh"}
_SCHEDULERS = {
    "slurm": ("slurm", "#SBATCH"),
    "pbspro": ("pbs", "#PBS"),
    "sge": ("sge", "#$"),
    "lsf": ("lsf", "#BSUB"),
    "direct": ("processes", ""),
}
"""Our dialects, and how lines begin that are meant for the batch system."""
_MOST = 1_000_000
"""Characters and nodes of a file."""
_DEEPEST = 100
_MEANS_NOTHING = ("non_interactive", "description", "use_login_shell", "profile", "user")


def aiida_computers(files: Iterable[Path]) -> list[Found]:
    """The computers that files set up and configure, in this order; raises `NotReadable`."""
    found: list[Found] = []
    for file in files:
        said = {name: value for name, value in _mapping(file).items() if not _is_empty(value)}
        if "label" in said:
            found.append(_set_up(said))
        elif found:
            found[-1] = _configured(found[-1], said)
        else:
            raise NotReadable(f"{file} has no label: name the file that sets its computer up first")
    return [_with_user(one) for one in found]


def _is_empty(value: Any) -> bool:
    return value in (None, [], {}) or (isinstance(value, str) and not value.strip())


def _mapping(file: Path) -> dict[str, Any]:
    try:
        text = file.expanduser().read_text(encoding="utf-8")
        if _expanded(text) > _MOST:
            raise ValueError(f"with what its aliases repeat it has more than {_MOST:,} characters")
        said = yaml.safe_load(text)
    except (OSError, RuntimeError, ValueError, yaml.YAMLError) as error:
        raise NotReadable(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(said, dict) or not all(isinstance(name, str) for name in said):
        raise NotReadable(f"{file} holds no names with values")
    return said


def _expanded(text: str) -> float:
    """How many characters and nodes there are where each alias stands for all that it repeats.

    One within what it repeats makes it infinite. Raises `yaml.YAMLError`, and `ValueError` where
    it is nested too deep to be read.
    """
    sizes: dict[str, float] = {}
    under_way: list[tuple[str | None, float]] = [(None, 0)]
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            under_way.append((event.anchor, 1))
            if len(under_way) > _DEEPEST:
                raise ValueError("it is nested without an end")
            continue
        anchor, size = None, 0.0
        if isinstance(event, yaml.AliasEvent):
            size = sizes.get(event.anchor or "", math.inf)
        elif isinstance(event, yaml.ScalarEvent):
            anchor, size = event.anchor, 1 + len(event.value)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = under_way.pop()
        if anchor is not None:
            sizes[anchor] = size
        around, so_far = under_way[-1]
        under_way[-1] = around, so_far + size
    return under_way[0][1]


def _set_up(said: dict[str, Any]) -> Found:
    left = ["how many nodes it has is not known: 1"]
    settings: dict[str, Any] = {}
    _connection(said, settings, left)
    _dialect(said, settings, left)
    if work := said.pop("work_dir", ""):
        settings["base_directory"] = str(work)
    if cores := said.pop("mpiprocs_per_machine", 0):
        _number(cores, "mpiprocs_per_machine", int, settings, "cores_per_node", left)
    if seconds := said.pop("minimum_job_poll_interval", 0):
        limits: dict[str, Any] = {}
        _number(seconds, "minimum_job_poll_interval", float, limits, "ask_least", left)
        settings["limits"] = limits
    if command := said.pop("mpirun_command", ""):
        left.append(f"mpirun_command {command}: a stage says that, as launcher of its simulation")
    if str(said.get("shebang", "")).split()[:1] in (["#!/bin/bash"], ["#!/bin/sh"]):
        del said["shebang"]
    label = str(said.pop("label"))
    if name_of(label) != label:
        left.append(f"its label {label!r} is no name here")
    _others(said, left)
    return Found(name=name_of(label), settings=settings, left=left)


def _connection(said: dict[str, Any], settings: dict[str, Any], left: list[str]) -> None:
    transport = str(said.pop("transport", "")).removeprefix("core.")
    host = str(said.pop("hostname", ""))
    settings["connection"] = _TRANSPORTS.get(transport, "ssh")
    if transport not in _TRANSPORTS:
        left.append(f"transport {transport}: ssh is taken instead")
    if settings["connection"] == "ssh":
        settings["access"] = {"host": host}


def _dialect(said: dict[str, Any], settings: dict[str, Any], left: list[str]) -> None:
    """The batch system, and what is said to it in lines before every program."""
    scheduler = str(said.pop("scheduler", "")).removeprefix("core.")
    dialect, directive = _SCHEDULERS.get(scheduler, ("", ""))
    if dialect:
        settings["dialect"] = dialect
    else:
        left.append(f"scheduler {scheduler}: there is no such dialect")
    text = str(said.pop("prepend_text", ""))
    if "{{" in text:
        left.append("prepend_text is a template, to be filled in first")
        return
    lines = text.splitlines()
    native = [line for line in lines if directive and line.startswith(f"{directive} ")]
    rest = "\n".join(line for line in lines if line not in native).strip()
    batch: dict[str, Any] = {}
    if native:
        batch["native"] = [line.removeprefix(directive).strip() for line in native]
    if rest:
        batch["prologue"] = rest
    if batch:
        settings["batch"] = batch


def _number(
    value: Any,
    what: str,
    kind: Callable[[Any], float],
    into: dict[str, Any],
    name: str,
    left: list[str],
) -> None:
    try:
        number = kind(value)
        if not math.isfinite(number):
            raise ValueError(number)
    except (OverflowError, TypeError, ValueError):
        left.append(f"{what} {value}: it is no number")
    else:
        into[name] = number


def _configured(computer: Found, said: dict[str, Any]) -> Found:
    """The way to a computer."""
    left, access = list(computer.left), dict(computer.settings.get("access", {}))
    if host := said.pop("host", ""):  # of core.ssh_async: as the configuration of ssh knows it
        access |= {"host": str(host), "config": "~/.ssh/config"}
    if user := said.pop("username", ""):
        access["user"] = str(user)
    if (port := said.pop("port", 22)) != 22:
        access["port"] = port
    if key := said.pop("key_filename", ""):
        access["key"] = str(key)
    if jump := said.pop("proxy_jump", ""):
        access["jump"] = [one.strip() for one in str(jump).split(",")]
    if said.pop("allow_agent", True) is False:
        access["agent"] = False
    if timeout := said.pop("timeout", 0):
        _number(timeout, "timeout", float, access, "connect_within", left)
    if command := said.pop("proxy_command", ""):
        left.append(
            f"proxy_command {command}: put it into ~/.ssh/config, and take the connection openssh"
        )
    if (policy := said.pop("key_policy", "RejectPolicy")) != "RejectPolicy":
        left.append(f"key_policy {policy}: host keys are always checked")
    for name in ("look_for_keys", "load_system_host_keys", "safe_interval", "gss_host"):
        said.pop(name, None)  # as it is with us; a login is kept, and a failed one waited for
    _others(said, left)
    settings = {**computer.settings, **({"access": access} if access else {})}
    return computer.model_copy(update={"settings": settings, "left": left})


def _others(said: dict[str, Any], left: list[str]) -> None:
    for name, value in said.items():
        if name not in _MEANS_NOTHING and value is not False:
            text = " ".join(str(value).split())
            left.append(f"{name} {shlex.quote(text)}: it is not carried over")


def _with_user(computer: Found) -> Found:
    """AiiDA's folders may be named after the account there, which a configuration tells."""
    base = str(computer.settings.get("base_directory", ""))
    user = computer.settings.get("access", {}).get("user")
    if "{username}" not in base:
        return computer
    settings = {**computer.settings}
    if user:
        settings["base_directory"] = base.replace("{username}", user)
    else:
        del settings["base_directory"]
    left = [] if user else [f"work_dir {base}: the account there is not known"]
    return computer.model_copy(update={"settings": settings, "left": [*computer.left, *left]})
