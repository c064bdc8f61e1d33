"""The landscape of a fire: checked as far as can be without decoding it, before a job is spent.

`firespread/README.md` says what a model reads; here is refused what no model could.
"""

import math
from collections.abc import Mapping
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict, Field

from workflows.wildfire.lambert import Lambert
from workflows.wildfire.tiff import Values, read_directory

BANDS = (
    "elevation",
    "slope",
    "aspect",
    "fuel model",
    "canopy cover",
    "canopy height",
    "canopy base height",
    "canopy bulk density",
)
_MOST_CELLS = 25_000_000
"""5,000 by 5,000: beyond, the model's arrays fill the memory of a node."""
_COMPRESSIONS = (1, 8, 32773, 32946)
"""None, deflate, PackBits, deflate under its older number."""
_LAMBERT_2SP = 8
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _BAND_COUNT, _PLANAR = 256, 257, 258, 259, 277, 284
_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 278, 322, 323
_STRIPS, _TILES = (273, 279), (324, 325)
"""Where the pieces begin, and their sizes in bytes."""
_SCALE, _TIE_POINT, _KEYS, _DOUBLES, _METADATA = 33550, 33922, 34735, 34736, 42112


class Terrain(BaseModel):
    """Where a landscape lies: its upper left corner and its cells in metres, on a map."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    rows: int = Field(gt=0)
    columns: int = Field(gt=0)
    left: float
    top: float
    cell: tuple[float, float]
    map: Lambert

    def outside(self, latitude: float, longitude: float) -> float:
        """How many kilometres a place lies outside, on the map; 0 where it lies inside."""
        x, y = self.map.forward(latitude, longitude)
        right, bottom = (
            self.left + self.columns * self.cell[0],
            self.top - self.rows * self.cell[1],
        )
        east = max(self.left - x, x - right, 0.0)
        return math.hypot(east, max(bottom - y, y - self.top, 0.0)) / 1000


def read_terrain(content: bytes) -> Terrain:
    """Where a landscape lies; raises `ValueError` with what is wrong with its file."""
    try:
        tags = read_directory(content)
        _check_size(tags)
        _check_pieces(tags, len(content))
        _check_bands(tags)
        terrain = _terrain(tags)
        terrain.outside(terrain.map.origin_latitude, terrain.map.central_meridian)
    except (KeyError, IndexError, TypeError, ArithmeticError) as error:
        raise ValueError(f"the landscape cannot be read: a tag makes no sense ({error})") from error
    except ValueError as error:
        raise ValueError(f"the landscape cannot be read: {error}") from error
    return terrain


def _check_size(tags: Mapping[int, Values]) -> None:
    width, height = _number(tags, _WIDTH), _number(tags, _HEIGHT)
    if not 0 < width * height <= _MOST_CELLS:
        raise ValueError(
            f"it has {width} by {height} cells; there may be {_MOST_CELLS:,} in all: take larger"
            " cells, or a smaller piece of ground"
        )
    bits = set(tags[_BITS])
    if len(bits) != 1 or not bits <= {8, 16, 32, 64}:
        raise ValueError("its bands are not all of 8, of 16, of 32 or of 64 bits")
    if _number(tags, _COMPRESSION, 1) not in _COMPRESSIONS:
        raise ValueError("its compression is none that the model reads: use deflate, or none")


def _check_pieces(tags: Mapping[int, Values], size: int) -> None:
    """The picture is cut into strips or tiles: all must be there, and lie in the file."""
    width, height = _number(tags, _WIDTH), _number(tags, _HEIGHT)
    if _TILES[0] in tags:
        across = math.ceil(width / _number(tags, _TILE_WIDTH))
        pieces = across * math.ceil(height / _number(tags, _TILE_HEIGHT))
        names = _TILES
    else:
        pieces = math.ceil(height / _number(tags, _ROWS_PER_STRIP, height))
        names = _STRIPS
    pieces *= _number(tags, _BAND_COUNT, 1) if _number(tags, _PLANAR, 1) == 2 else 1
    begins, sizes = tags[names[0]], tags[names[1]]
    if not len(begins) == len(sizes) == pieces:
        raise ValueError(f"it should have {pieces} pieces of data, and names {len(begins)}")
    ends = [begin + length for begin, length in zip(begins, sizes, strict=True)]
    if lost := sum(end > size for end in ends):
        raise ValueError(
            f"{lost} of its {pieces} pieces of data lie beyond its end ({size} bytes): send the"
            " whole file"
        )
    if 0 in sizes:
        raise ValueError("some of its data was never written")


def _check_bands(tags: Mapping[int, Values]) -> None:
    metadata = tags.get(_METADATA)
    text = metadata.rstrip(b"\0") if isinstance(metadata, bytes) else b"<none/>"
    try:
        items = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ValueError(f"its band names are not XML: {error}") from error
    count = _number(tags, _BAND_COUNT, 1)
    names = {
        (item.text or "").split("[")[0].strip().lower()
        for item in items.findall("Item[@role='description']")
        if int(item.get("sample", "0")) in range(count)
    }
    if missing := [band for band in BANDS if band not in names]:
        raise ValueError(f"it has no band described as {', '.join(missing)}")


def _terrain(tags: Mapping[int, Values]) -> Terrain:
    scale, tie = tags.get(_SCALE, ()), tags.get(_TIE_POINT, ())
    if len(scale) < 2 or len(tie) < 6 or min(scale[:2]) <= 0:
        raise ValueError(
            "it does not say where it lies, with row 0 in the north: write it with gdalwarp"
        )
    return Terrain(
        rows=_number(tags, _HEIGHT),
        columns=_number(tags, _WIDTH),
        left=tie[3] - tie[0] * scale[0],
        top=tie[4] + tie[1] * scale[1],
        cell=(scale[0], scale[1]),
        map=_map(tags),
    )


def _map(tags: Mapping[int, Values]) -> Lambert:
    """Of the keys of a GeoTIFF (OGC 19-008r4): each is a number, or where one is."""
    numbers = [int(value) for value in tags.get(_KEYS, ())]
    entries = {numbers[at]: numbers[at + 1 : at + 4] for at in range(4, len(numbers), 4)}

    def double(key: int) -> float:
        return float(tags[_DOUBLES][entries[key][2]]) if key in entries else 0.0

    major, minor = double(2057), double(2058)
    if entries.get(3075, [0, 0, 0])[2] != _LAMBERT_2SP or major <= 0 or abs(major - minor) > 1:
        raise ValueError(
            "it is not in Lambert conformal conic on a sphere: convert it with gdalwarp -t_srs"
            " '+proj=lcc +lat_1=.. +lat_2=.. +lat_0=.. +lon_0=.. +R=6371200'"
        )
    return Lambert(
        radius=major,
        origin_latitude=double(3085),
        central_meridian=double(3084),
        parallel_1=double(3078),
        parallel_2=double(3079),
        false_easting=double(3086),
        false_northing=double(3087),
    )


def _number(tags: Mapping[int, Values], tag: int, otherwise: int | None = None) -> int:
    if tag not in tags and otherwise is not None:
        return otherwise
    return int(tags[tag][0])
