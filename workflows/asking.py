"""How a stage asks another manager: one recorded call, one answer."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import JsonValue

from events.incidents import IncidentCreated
from events.values import Command, Context, ReplyTo, Target
from managers.incidents import RequestCall
from workflows.conversation import Conversation


class Asking:
    """Asks one manager about one incident, in the conversation of one run."""

    _context: Context

    def __init__(self, created: IncidentCreated, conversation: Conversation) -> None:
        self._incident, self._kind = created.incident, created.kind
        self._exercise = created.exercise
        self._talk = conversation

    async def _ask(
        self, name: str, command: Callable[[ReplyTo], Command], *arguments: Any
    ) -> tuple[str, JsonValue]:
        """The call's key, and the answer to it; raises `CallFailed`."""
        key = self._talk.key(name, *arguments)
        return key, await self._talk.ask(key, partial(self._request, key, name, command))

    def _request(self, key: str, name: str, command: Callable[[ReplyTo], Command]) -> RequestCall:
        run = self._talk.run
        made = command(ReplyTo(incident=self._incident, run=run.id, call=key))
        target = Target(context=self._context, key=self._incident)
        return RequestCall(run.id, run.attempt, key, name, target=target, command=made)
