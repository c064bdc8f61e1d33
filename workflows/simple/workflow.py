"""Keeps what is pushed to it: `data` registers a file, `finish` completes the incident."""

from pydantic import BaseModel

from workflows import Arrival, Incident, NoParameters, Workflow


class Kept(BaseModel):
    """How many files were kept."""

    files: int = 0


simple = Workflow("simple", version=1, title="Keep what arrives", state=Kept)


@simple.on_activate
async def start(incident: Incident[NoParameters, Kept]) -> None:
    """Open the two endpoints."""
    await incident.endpoints.push("data", to=data)
    await incident.endpoints.push("finish", to=finish)


@simple.stage(lane="data")
async def data(incident: Incident[NoParameters, Kept], arrival: Arrival) -> None:
    """Make what arrived a data set."""
    incident.state.files += 1
    await incident.data.register(
        f"data-{incident.state.files}", arrival.content, media_type=arrival.media_type
    )


@simple.stage(lane="data")
async def finish(incident: Incident[NoParameters, Kept], arrival: Arrival) -> None:
    """Complete the incident, with what was pushed as the reason."""
    incident.complete(arrival.text() or f"{incident.state.files} files were kept")
