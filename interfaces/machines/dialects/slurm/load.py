"""How busy a Slurm machine is."""

from collections import Counter
from dataclasses import dataclass

from events.machines import MachineLoad, Queue
from interfaces.machines.connection import Completed
from interfaces.machines.dialects.asking import rows
from interfaces.machines.dialects.slurm.environment import QUESTION

_AWAY = ("down", "drain", "drng", "fail", "maint", "boot", "unk", "inval", "futr", "pow", "no_")
_BUSY = ("alloc", "mix", "comp", "resv")
_FORMS = {"nodes": "%t:%D:%C", "partitions": "%R:%a:%l:%D", "jobs": "%P:%T"}


@dataclass(frozen=True)
class Load:
    """Nodes by state, once however many partitions share them; partitions; jobs by state.

    Nodes that are down or drained are not counted: they run nothing.
    """

    def script(self) -> str:
        form = {name: text.replace(":", "$separator") for name, text in _FORMS.items()}
        return f"""{QUESTION}
sinfo --noheader --format="nodes$separator{form["nodes"]}" || exit
sinfo --noheader --format="partitions$separator{form["partitions"]}" || exit
squeue --noheader --states=PENDING,RUNNING --format="jobs$separator{form["jobs"]}"
"""

    def parse(self, completed: Completed) -> MachineLoad:
        text = completed.checked()
        nodes = [row[1:] for row in rows(text, 4) if row[0] == "nodes"]
        jobs = [row[1:] for row in rows(text, 3) if row[0] == "jobs"]
        states = Counter(state for _, state in jobs)
        # One that waits in several partitions is one job, and waits in each.
        of = Counter((name, state) for names, state in jobs for name in names.split(","))
        up = [row for row in nodes if not row[0].startswith(_AWAY)]
        cores = [[int(part) for part in row[2].split("/")] for row in up]
        return MachineLoad(
            nodes=sum(int(row[1]) for row in up),
            nodes_used=sum(int(row[1]) for row in up if row[0].startswith(_BUSY)),
            slots=sum(part[3] for part in cores),
            slots_used=sum(part[0] for part in cores),
            running=states["RUNNING"],
            queued=states["PENDING"],
            queues=tuple(
                Queue(
                    name=name,
                    open=open == "up",
                    walltime=seconds(limit),
                    nodes=int(count),
                    running=of[name, "RUNNING"],
                    queued=of[name, "PENDING"],
                )
                for _, name, open, limit, count in rows(text, 5)
            ),
        )


def seconds(clock: str) -> int | None:
    """Slurm's `days-hours:minutes:seconds`, from the right; None for `infinite`."""
    days, _, rest = clock.rpartition("-")
    parts = rest.split(":")
    if not all(part.isdecimal() for part in parts):
        return None
    total = 0
    for part in parts:
        total = total * 60 + int(part)
    return total + int(days or 0) * 86400
