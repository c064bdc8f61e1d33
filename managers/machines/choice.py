"""Where a job runs: of the machines that will do, enabled and reachable, the least loaded first."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from events.accounts import NotAllowed
from events.machines import LOGIN_NEEDED, ChooseMachine, MachineLoad
from managers.machines.state import Machine


@dataclass(frozen=True, slots=True)
class Chosen:
    """A machine, and why this one."""

    name: str
    explanation: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """No machine; `final`: none would do even if all were enabled and reachable."""

    reason: str
    final: bool


def choose(
    machines: Mapping[str, Machine], jobs: Counter[str], wanted: ChooseMachine
) -> Chosen | NotFound:
    """The machine for a request, with an explanation that an operator can read.

    `jobs`: how many of ours are on which machine.
    """
    if wanted.wanted is not None and machines and wanted.wanted not in machines:
        return NotFound(f"there is no machine {wanted.wanted}", final=True)
    asked = [m for m in machines.values() if wanted.wanted in (None, m.settings.name)]
    unfit = {m.settings.name: reason for m in asked if (reason := _unfit(m, wanted))}
    fit = [m for m in asked if m.settings.name not in unfit]
    away = {m.settings.name: reason for m in fit if (reason := _away(m))}
    ready = sorted(
        (m for m in fit if m.settings.name not in away),
        key=lambda m: (m.reachable is None, _rank(m, jobs), m.settings.name),
    )
    passed_over = [f"{name}: {reason}" for name, reason in {**unfit, **away}.items()]
    if not machines:
        return NotFound("there is no machine yet", final=False)
    if not ready:
        return NotFound("; ".join(passed_over), final=not fit)
    loads = [f"{m.settings.name}: {_describe(m, jobs)}" for m in ready]
    why = "least loaded of " + "; ".join([*loads, *passed_over])
    return Chosen(ready[0].settings.name, why)


def _unfit(machine: Machine, wanted: ChooseMachine) -> str:
    """Why it will not do as long as its settings are what they are."""
    has, needs = machine.settings, wanted.resources
    try:
        has.accounts.charged(wanted.incident, wanted.owner, wanted.account)
    except NotAllowed as error:
        return str(error)
    if needs.nodes > has.nodes:
        return f"{needs.nodes} nodes are wanted, it has {has.nodes}"
    cores, all_cores = needs.tasks * needs.cpus_per_task, needs.nodes * has.cores_per_node
    if cores > all_cores:
        return f"{cores} cores are wanted, {needs.nodes} of its nodes have {all_cores}"
    most = {**machine.learned, **has.batch}.get("instances")
    if isinstance(most, int) and needs.instances > most:
        return f"an array of {needs.instances} is wanted, it takes {most} at most"
    return ""


def _away(machine: Machine) -> str:
    if not machine.enabled:
        return "disabled"
    if machine.login_needed:
        return f"{LOGIN_NEEDED} ({machine.reason})"
    if machine.full:
        return machine.trouble
    return f"unreachable ({machine.reason})" if machine.reachable is False else ""


def _rank(machine: Machine, jobs: Counter[str]) -> tuple[bool, bool, float]:
    """Those with room come first, then those whose load is unknown, then the others by load.

    Load: jobs there, ours and others', over the jobs that the machine runs at once.
    """
    load = machine.load or MachineLoad()
    there = max(jobs[machine.settings.name], (load.running or 0) + (load.queued or 0))
    relative = there / max(machine.settings.slots, machine.settings.nodes)
    return relative >= 1, load.running is None, relative


def _describe(machine: Machine, jobs: Counter[str]) -> str:
    ours = jobs[machine.settings.name]
    load = machine.load
    if load is None or load.running is None:
        return f"{ours} of our jobs, its load is unknown"
    queued = "unknown" if load.queued is None else load.queued
    return f"{ours} of our jobs, {load.running} running and {queued} queued in all"
