"""The graph of what ran: stages with their state and total time, and who sent to whom.

Also as Graphviz DOT in the form that clients of the original system show.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from projections.stages import RunStatus, StageRun


class Node(BaseModel):
    """A stage, or somebody outside of the workflow who sent to one."""

    name: str
    status: RunStatus | None
    """Of its newest run; None: not a stage."""
    since: datetime | None
    seconds: float
    """Of running, all its runs together."""
    runs: int


class Edge(BaseModel):
    """Messages from one node to another."""

    sender: str
    receiver: str
    messages: int


class Graph(BaseModel):
    """An incident's stages as they ran."""

    nodes: list[Node]
    edges: list[Edge]


def draw(runs: Sequence[StageRun], now: datetime) -> Graph:
    """The graph of these runs, in order of their messages; what runs has run until `now`."""
    nodes: dict[str, Node] = {}
    edges: dict[tuple[str, str], int] = {}
    stages = {run.run: run.stage for run in runs}
    for run in runs:
        sender = stages.get(run.sender) if run.sender else run.origin
        if sender:
            nodes.setdefault(sender, _outsider(sender))
            edges[sender, run.stage] = edges.get((sender, run.stage), 0) + 1
        nodes[run.stage] = _with(nodes.get(run.stage), run, now)
    return Graph(
        nodes=list(nodes.values()),
        edges=[Edge(sender=a, receiver=b, messages=n) for (a, b), n in edges.items()],
    )


def _outsider(name: str) -> Node:
    return Node(name=name, status=None, since=None, seconds=0.0, runs=0)


def _with(was: Node | None, run: StageRun, now: datetime) -> Node:
    before = was or _outsider(run.stage)
    since = run.ended or run.started or run.queued
    started = run.started if run.status == RunStatus.RUNNING and run.started else now
    seconds = run.seconds + (now - started).total_seconds()
    newer = before.since is None or since >= before.since
    return Node(
        name=run.stage,
        status=run.status if newer else before.status,
        since=since if newer else before.since,
        seconds=before.seconds + max(seconds, 0.0),
        runs=before.runs + 1,
    )


_COLOURS = {
    None: "chartreuse",
    RunStatus.WAITING: "white",
    RunStatus.RUNNING: "orange",
    RunStatus.COMPLETED: "chartreuse",
    RunStatus.FAILED: "red",
    RunStatus.STOPPED: "grey",
}
_TOOLTIPS = {
    RunStatus.WAITING: "Message sent",
    RunStatus.RUNNING: "Message received",
    RunStatus.COMPLETED: "Completed",
    RunStatus.FAILED: "Error",
    RunStatus.STOPPED: "Not processed",
}


def dot(graph: Graph) -> str:
    """The graph in Graphviz' language."""
    loops = any(edge.sender == edge.receiver for edge in graph.edges)
    lines = [f'{"" if loops else "strict "}digraph "" {{']
    if graph.nodes:
        lines.append('\tnode [label="\\N"];')
    lines += [f"\t{_quoted(node.name)}\t[{_attributes(node)}];" for node in graph.nodes]
    lines += [f"\t{_quoted(e.sender)} -> {_quoted(e.receiver)};" for e in graph.edges]
    return "\n".join([*lines, "}", ""])


def _attributes(node: Node) -> str:
    label = f"{node.name} ({timedelta(microseconds=round(node.seconds * 1e6))})"
    attributes = [f"fillcolor={_COLOURS[node.status]}", f"label={_text(label)}", "style=filled"]
    if node.status and node.since:
        moment = node.since.astimezone(UTC).strftime("%d/%m/%Y, %H:%M:%S")
        attributes.append(f"tooltip={_text(f'{_TOOLTIPS[node.status]} {moment}')}")
    return ", ".join(attributes)


def _quoted(name: str) -> str:
    plain = name.isascii() and name.isidentifier() and name.lower() not in _KEYWORDS
    return name if plain else _text(name)


def _text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


_KEYWORDS = ("node", "edge", "graph", "digraph", "subgraph", "strict")
