"""How busy an LSF machine is. Source: the references of `bhosts` and `bqueues`, `-o`."""

from dataclasses import dataclass

from events.machines import MachineLoad, Queue
from interfaces.machines.connection import Completed
from interfaces.machines.dialects.asking import number, rows
from interfaces.machines.dialects.lsf.jobs import CLEAN

_HOSTS = "host_name status max njobs run"
_QUEUES = "queue_name status njobs pend run susp"


@dataclass(frozen=True)
class Load:
    """Hosts that are down or closed for another reason than being full are not counted."""

    def script(self) -> str:
        return f"""{CLEAN}separator=$(printf '\\037')
bhosts -noheader -o "{_HOSTS} delimiter='$separator'" || exit
bqueues -noheader -o "{_QUEUES} delimiter='$separator'"
"""

    def parse(self, completed: Completed) -> MachineLoad:
        text = completed.checked()
        up = [row for row in rows(text, 5) if row[1] in ("ok", "closed_Full", "closed_Excl")]
        queues = [
            Queue(
                name=name,
                open=status.lower() == "open:active",
                running=_count(running),
                queued=_count(pending),
            )
            for name, status, _, pending, running, _ in rows(text, 6)
        ]
        slots = [_count(row[2]) for row in up]
        return MachineLoad(
            nodes=len(up),
            nodes_used=sum((_count(row[3]) or 0) > 0 for row in up),
            slots=None if None in slots else sum(slot or 0 for slot in slots),
            slots_used=sum(_count(row[3]) or 0 for row in up),
            running=sum(queue.running or 0 for queue in queues),
            queued=sum(queue.queued or 0 for queue in queues),
            queues=tuple(queues),
        )


def _count(text: str) -> int | None:
    value = number(text)
    return None if value is None else int(value)
