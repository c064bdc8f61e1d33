"""Names for the pictures, checked before a program draws them."""

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from events.prose import describe


class Place(BaseModel):
    """A name on the map; the lowest rank is written first and largest."""

    model_config = ConfigDict(allow_inf_nan=False)

    name: str
    latitude: float = Field(gt=-90, lt=90)
    longitude: float = Field(ge=-180, le=180)
    rank: int = Field(default=3, ge=1, le=100)


_PLACES = TypeAdapter(list[Place])


def read_places(content: bytes) -> list[Place]:
    """The places of a file; raises `ValueError` with what is wrong where."""
    try:
        return _PLACES.validate_json(content)
    except ValidationError as error:
        raise ValueError(f"not a list of places: {describe(error)}") from error
