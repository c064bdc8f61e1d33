"""A manager in this process: an owner for each partition that the group gives us."""

from typing import Generic, TypeVar

from events.envelope import events_topic
from events.values import Context
from managers.runtime.manager import Manager
from managers.runtime.owner import Owner
from managers.runtime.share import Share
from managers.runtime.surroundings import Surroundings

S = TypeVar("S")
W = TypeVar("W")


class Service(Share[Owner[S, W]], Generic[S, W]):
    """A share of the partitions of one manager's events."""

    def __init__(self, manager: Manager[S, W], around: Surroundings) -> None:
        self.context: Context = manager.context
        super().__init__(
            around,
            group=f"vestec.{manager.context}",
            topic=events_topic(manager.context),
            name=str(manager.context),
            owner=lambda partition: Owner(manager, partition, around),
        )
