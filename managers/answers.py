"""How a manager answers the call of a stage's run."""

from collections.abc import Iterator

from pydantic import JsonValue

from events.incidents import AnswerCall
from events.values import Context, Document, ReplyTo
from managers.runtime import Send


def answer(
    reply_to: ReplyTo | None, value: JsonValue = None, error: str | None = None
) -> Iterator[Send]:
    """The message that answers a call; none where nobody waits for one."""
    if reply_to is not None:
        command = AnswerCall(
            run=reply_to.run, call=reply_to.call, value=Document(json_value=value), error=error
        )
        yield Send(Context.INCIDENTS, reply_to.incident, command)
