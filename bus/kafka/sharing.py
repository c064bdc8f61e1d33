"""How the leader of a group shares out the partitions of its topic: evenly, and moving few.

Not with aiokafka's sticky assignor, which keeps what a member owned in a variable of the whole
process, where this one has several members.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)
from pydantic_core import from_json, to_json


class Sharing(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
    """What one member brings into the group: what it owns now, and the rule, should it lead."""

    name = "vestec"
    version = 0

    def __init__(self, partitions: int, owned: Callable[[], Collection[int]]) -> None:
        self._partitions, self._owned = partitions, owned

    def metadata(self, topics: Collection[str]) -> Any:
        owned = to_json(sorted(self._owned()))
        return ConsumerProtocolMemberMetadata(self.version, [*topics], owned)

    def assign(self, _cluster: object, members: Mapping[str, Any]) -> dict[str, Any]:
        owned = {member: from_json(said.user_data) for member, said in members.items()}
        topics = {topic for said in members.values() for topic in said.subscription}
        return {
            member: ConsumerProtocolMemberAssignment(
                self.version, [(topic, sorted(parts)) for topic in topics], b""
            )
            for member, parts in share(self._partitions, owned).items()
        }

    def on_assignment(self, _assignment: object) -> None:
        """Nothing to remember: members say themselves what they own."""


def share(partitions: int, owned: Mapping[str, Collection[int]]) -> dict[str, set[int]]:
    """What each member gets, who owned what before: as many as the others, or one more.

    Those that have most get the odd ones, so that little moves.
    """
    order = sorted(owned, key=lambda member: (-len(owned[member]), member))
    least, more = divmod(partitions, len(order))
    fair = {member: least + (place < more) for place, member in enumerate(order)}
    free = set(range(partitions))
    shares: dict[str, set[int]] = {}
    for member in order:
        kept = sorted(free.intersection(owned[member]))[: fair[member]]
        shares[member] = set(kept)
        free -= shares[member]
    for member in order:
        missing = sorted(free)[: fair[member] - len(shares[member])]
        shares[member].update(missing)
        free.difference_update(missing)
    return shares
