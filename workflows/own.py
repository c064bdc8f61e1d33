"""Messages go to stages of the workflow that sends them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflows.workflow import Stage


def own_name(stage: "Stage[Any, Any, Any]", kind: str) -> str:
    """The name of a stage of the workflow `kind`; raises `TypeError` for another one's stage."""
    if stage.kind != kind:
        raise TypeError(f"{stage.name} is a stage of {stage.kind}, not of {kind}")
    return stage.name
