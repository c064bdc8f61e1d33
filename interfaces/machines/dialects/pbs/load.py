"""How busy a PBS machine is: its queues and its nodes."""

import json
from dataclasses import dataclass
from typing import Any

from events.machines import MachineLoad, Queue
from interfaces.machines.connection import Completed
from interfaces.machines.dialects.asking import SEPARATOR

_AWAY = ("down", "offline", "unknown", "stale", "sleep", "provisioning", "maintenance")


@dataclass(frozen=True)
class Load:
    """Two answers in one; nodes that are away run nothing, and are not counted."""

    def script(self) -> str:
        return """export TZ=UTC
qstat -Q -f -F json || exit
printf '\\037\\n'
pbsnodes -a -F json"""

    def parse(self, completed: Completed) -> MachineLoad:
        queues, nodes = (
            json.loads(part, strict=False) for part in completed.checked().split(SEPARATOR)
        )
        up = [node for node in nodes.get("nodes", {}).values() if not _is_away(node)]
        known = [_queue(name, queue) for name, queue in queues.get("Queue", {}).items()]
        return MachineLoad(
            nodes=len(up),
            nodes_used=sum(_cores(node, "assigned") > 0 for node in up),
            slots=sum(_cores(node, "available") for node in up),
            slots_used=sum(_cores(node, "assigned") for node in up),
            running=sum(queue.running or 0 for queue in known),
            queued=sum(queue.queued or 0 for queue in known),
            queues=tuple(known),
        )


def _is_away(node: dict[str, Any]) -> bool:
    return any(word in node.get("state", "") for word in _AWAY)


def _cores(node: dict[str, Any], kind: str) -> int:
    return int(node.get(f"resources_{kind}", {}).get("ncpus", 0))


def _queue(name: str, queue: dict[str, Any]) -> Queue:
    words = queue.get("state_count", "").split()
    count = {state: int(number) for state, number in (word.split(":") for word in words)}
    limit = queue.get("resources_max", {}).get("walltime")
    return Queue(
        name=name,
        open=queue.get("enabled") == queue.get("started") == "True",
        walltime=_seconds(str(limit)) if limit else None,
        running=count.get("Running"),
        queued=count.get("Queued"),
    )


def _seconds(clock: str) -> int:
    total = 0
    for part in clock.split(":"):
        total = total * 60 + int(part)
    return total
