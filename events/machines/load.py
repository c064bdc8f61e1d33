"""How a machine fares: whether it answers, how busy it is, when a job would start there."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator

from events.prose import Prose
from events.values import Value


class Queue(Value):
    """One queue, or partition, of a batch system; what it does not tell is None."""

    name: str
    open: bool | None = None
    """Whether its jobs start."""
    walltime: int | None = None
    """The most that a job may ask for, in seconds."""
    nodes: int | None = None
    running: int | None = None
    queued: int | None = None


def _by_name(queues: tuple[Queue, ...]) -> tuple[Queue, ...]:
    named = {queue.name: queue for queue in queues}
    return tuple(named[name] for name in sorted(named))


class MachineLoad(Value):
    """What a machine says of itself; what cannot be seen is unknown (None), never 0."""

    nodes: int | None = None
    nodes_used: int | None = None
    slots: int | None = None
    """What jobs run on: cores, mostly."""
    slots_used: int | None = None
    running: int | None = None
    queued: int | None = None
    queues: Annotated[tuple[Queue, ...], AfterValidator(_by_name)] = ()


class LoadNews(MachineLoad):
    """What a machine says of itself; of its queues, only those that are new or have changed."""

    gone: tuple[str, ...] | None = None
    """Names of queues that are there no more; None: `queues` are all there are."""

    @classmethod
    def of(cls, was: MachineLoad | None, now: MachineLoad) -> "LoadNews":
        """What of a load is to be told to whoever knows the one before."""
        if was is None:
            return cls(**dict(now))
        names = {queue.name for queue in now.queues}
        gone = tuple(queue.name for queue in was.queues if queue.name not in names)
        changed = tuple(queue for queue in now.queues if queue not in was.queues)
        return cls(**{**dict(now), "queues": changed, "gone": gone})

    def after(self, was: MachineLoad | None) -> MachineLoad:
        """The load, whole, for whoever knows the one before."""
        known = was.queues if was and self.gone is not None else ()
        left = [queue for queue in known if queue.name not in (self.gone or ())]
        whole = {name: getattr(self, name) for name in MachineLoad.model_fields}
        return MachineLoad(**{**whole, "queues": (*left, *self.queues)})


class MachineCondition(Value):
    """Whether and how a machine answers."""

    reachable: bool
    reason: Prose = ""
    load: LoadNews | None = None
    login_needed: bool = False
    """Whether it does not let us in, and nobody has said since that it may be tried again."""
    notice: Prose = ""
    """What somebody should do there before long; empty: nothing."""

    @property
    def condition(self) -> dict[str, Any]:
        """These fields, for whoever passes them on."""
        return {name: getattr(self, name) for name in MachineCondition.model_fields}


MOST_ESTIMATES = 20
"""Under way on a machine at a time, since each is a command there. As many of the newest are kept,
for those who asked to find theirs."""


class StartEstimate(Value):
    """What a batch system says of a job that was not submitted."""

    id: UUID
    """Of the question."""
    start: float | None = None
    """Seconds since the epoch; None: it does not tell."""
    impossible: Prose = ""
    """Why it would never start, in its own words."""
    failed: Prose = ""
    """Why it could not be asked."""
