"""What a wildfire incident is told at its creation, and what its stages keep for each other."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from events.datasets import DataSet
from events.values import Blob
from workflows.wildfire.detections import Area, Detection, Pass
from workflows.wildfire.terrain import Terrain
from workflows.wildfire.times import Moment
from workflows.wildfire.weather import Span


def _known(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(
            f"there is no time zone {name[:60]!r}; one is called like Europe/Athens, or UTC"
        ) from error


TimeZone = Annotated[str, AfterValidator(_known)]
"""A name of the IANA time zone database."""


class FireParameters(BaseModel):
    """What a responder decides when a fire becomes an incident."""

    area: Area | None = None
    """Detections outside are not this fire's."""
    hours: int = Field(default=6, ge=1, le=48)
    """Length of a forecast."""
    members: int = Field(default=20, ge=1, le=500)
    """Runs of the ensemble; 20 is the least to speak of probability."""
    stations: tuple[str, ...] = ()
    """Weather stations whose wind is this fire's, as their feed names them; none: all."""
    wind_shift: float = Field(default=30.0, gt=0, le=180)
    """Degrees by which the wind must turn at a station for a new forecast."""
    timezone: TimeZone = "UTC"
    """Of the people on the ground, as in `America/Los_Angeles`; times on pictures are theirs."""
    made_of: dict[Literal["weather", "terrain"], str] = {}
    """What to say of an input on the pictures: its source, its age, what is odd about it."""
    known_fire: str = ""
    """The name of a fire on which parameters of the model were chosen, if it is this one."""

    @model_validator(mode="after")
    def _corners_in_order(self) -> Self:
        if self.area and not (
            self.area.west < self.area.east and self.area.south < self.area.north
        ):
            raise ValueError("the area's west must be west of its east, its south south of north")
        return self


class Report(BaseModel):
    """Somebody saw fire."""

    model_config = ConfigDict(allow_inf_nan=False)

    latitude: float = Field(gt=-90, lt=90)
    longitude: float = Field(ge=-180, le=180)
    time: Moment


class Sources(BaseModel):
    """What a forecast starts from."""

    kind: Literal["report", "pass"]
    name: str
    start: datetime
    ignition: list[dict[str, JsonValue]]
    burned: list[Detection] = []


class Forecast(BaseModel):
    """A forecast that was made, with the files a later score needs."""

    start: datetime
    name: str
    files: dict[str, Blob]
    data_sets: list[DataSet]

    @property
    def id(self) -> UUID:
        """Its first data set's: forecasts with the same start are several."""
        return self.data_sets[0].id


class Scored(BaseModel):
    """What a pass said of a forecast."""

    forecast: UUID
    start: datetime
    data_sets: list[DataSet]


class FireState(BaseModel):
    """What is known of the fire."""

    landscape: Blob | None = None
    terrain: Terrain | None = None
    """Where the landscape lies."""
    weather: Blob | None = None
    weather_span: Span | None = None
    places: Blob | None = None
    report: Report | None = None
    passes: list[Pass] = []
    observed: list[DataSet] = []
    """The newest map of what was seen to burn."""
    forecasts: list[Forecast] = []
    scores: list[Scored] = []
    """Starts of the forecasts that a pass has judged."""
