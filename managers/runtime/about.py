"""The ids that lines in the log carry, so that one finds all that was said about an incident.

A task or request binds them once, where it begins (`structlog.contextvars.bind_contextvars`): its
context is its own. Deciding binds nothing, it is done too often; where it logs, it says them.
"""

from uuid import UUID


def about(
    incident: str | None = None, cause: str | None = None, correlation: UUID | None = None
) -> dict[str, str]:
    """What a line is about, and what it was caused by; what is not known is left out.

    `cause` is as in a commit: the place of what was decided, or who asked for it and which of it.
    `correlation` is the id of the command that began it all.
    """
    ids = {"incident": incident, "cause": cause, "correlation": correlation}
    return {name: str(id) for name, id in ids.items() if id is not None}
