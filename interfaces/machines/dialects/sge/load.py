"""How busy a Grid Engine machine is: its queue instances, and everybody's jobs in them."""

from dataclasses import dataclass
from xml.etree import ElementTree

from events.machines import MachineLoad, Queue
from interfaces.machines.connection import Completed
from interfaces.machines.dialects.sge.jobs import NO_HIDING

_AWAY = set("dDEuC")
"""Letters of a queue instance that runs nothing: disabled, in error, unreachable …"""


@dataclass(frozen=True)
class Load:
    """A node is up if one of its queue instances is; a pending job is in no queue yet."""

    def script(self) -> str:
        return f"{NO_HIDING}qstat -f -xml -u '*'"

    def parse(self, completed: Completed) -> MachineLoad:
        said = ElementTree.fromstring(completed.checked())
        up = [
            one for one in said.iter("Queue-List") if not _AWAY & {*(one.findtext("state") or "")}
        ]
        names = sorted({_part(one, 0) for one in said.iter("Queue-List")})
        jobs = [job.get("state") for job in said.iter("job_list")]
        return MachineLoad(
            nodes=len({_part(one, 2) for one in up}),
            nodes_used=len({_part(one, 2) for one in up if _slots(one, "used")}),
            slots=sum(_slots(one, "total") for one in up),
            slots_used=sum(_slots(one, "used") for one in up),
            running=jobs.count("running"),
            queued=jobs.count("pending"),
            queues=tuple(
                Queue(
                    name=name,
                    open=any(_part(one, 0) == name for one in up),
                    nodes=sum(_part(one, 0) == name for one in up),
                    running=sum(
                        job.get("state") == "running"
                        for one in said.iter("Queue-List")
                        if _part(one, 0) == name
                        for job in one.iter("job_list")
                    ),
                )
                for name in names
            ),
        )


def _part(instance: ElementTree.Element, part: int) -> str:
    """Of `queue@host`."""
    return (instance.findtext("name") or "").partition("@")[part]


def _slots(instance: ElementTree.Element, kind: str) -> int:
    return int(instance.findtext(f"slots_{kind}") or 0)
