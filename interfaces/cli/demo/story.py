"""What happens in the demonstration: the Tubbs fire of October 2017, as it was seen then."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from uuid import UUID, uuid5

from pydantic import JsonValue

_DATA = Path(str(files("workflows.wildfire"))) / "data" / "tubbs_2017"
_NAMES = UUID("3d0f9d0e-6f4b-5a39-8f0a-94a2f1c5b1c7")

NAME = "Tubbs fire, 8 to 12 October 2017"
PARAMETERS: Mapping[str, JsonValue] = {
    "area": {"west": -122.85, "south": 38.35, "east": -122.45, "north": 38.75},
    "hours": 6,
    "members": 20,
    "timezone": "America/Los_Angeles",
    "made_of": {
        "weather": "hourly, one value for the whole area; the time of its first hour is inferred",
        "terrain": "LANDFIRE fuel and canopy, 90 m cells; as it was before the fire",
    },
    "known_fire": "tubbs_2017",
}
REPORT = b'{"latitude": 38.60895, "longitude": -122.62879, "time": "2017-10-09T04:45:00Z"}'

NOT_SHOWN = (
    "No fire-fighting is in the model, and towns are crude in it: built-up land burns as grass.",
    "The weather is one mean for the whole area and hour; its first hour was inferred.",
    "How far embers fly was chosen on this very fire: on another one expect worse scores.",
)


@dataclass(frozen=True)
class Push:
    """What is pushed to one endpoint."""

    endpoint: str
    name: str
    content: bytes

    def id(self, incident: str) -> UUID:
        """The same each time, so that a push that is repeated arrives once."""
        return uuid5(_NAMES, f"{incident} {self.endpoint} {self.name}")


@dataclass(frozen=True)
class Chapter:
    """Pushes that come together, and what a viewer is told of them."""

    title: str
    pushes: tuple[Push, ...]


def chapters() -> list[Chapter]:
    """The story in order."""
    passes = sorted((_DATA / "passes").glob("*.csv"))
    ground = tuple(
        _push(endpoint, _DATA / name)
        for endpoint, name in (
            ("landscape", "landscape.tif"),
            ("weather", "weather.csv"),
            ("places", "places.json"),
        )
    )
    report = Chapter("somebody reports a fire", (Push("report", "report.json", REPORT),))
    bursts = [passes[:1], passes[1:3], *([one] for one in passes[3:])]
    seen = [Chapter(_seen(burst), tuple(_push("hotspots", p) for p in burst)) for burst in bursts]
    over = Chapter("the fire is contained", (Push("all-clear", "all-clear", b"contained"),))
    return [Chapter("terrain, weather and places", ground), report, *seen, over]


def incident_id(count: int) -> str:
    """The id of the folder's `count`-th demonstration."""
    return str(uuid5(_NAMES, f"incident {count}"))


def _push(endpoint: str, path: Path) -> Push:
    return Push(endpoint, path.name, path.read_bytes())


def _seen(burst: list[Path]) -> str:
    times = " and ".join(f"{p.stem[5:10]} {p.stem[11:13]}:{p.stem[13:15]}" for p in burst)
    burst_words = ", as one burst" if len(burst) > 1 else ""
    return f"satellite pass of {times} UTC{burst_words}"
