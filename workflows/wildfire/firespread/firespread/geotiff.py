"""GeoTIFF in and out, with `tifffile` and the keys of the standard (OGC 19-008r4). Row 0 is in the
north, always."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from .arrays import Floats
from .errors import InputError
from .files import written
from .projection import LambertConformal

NODATA = -9999.0
_PIXEL_SCALE, _TIE_POINT, _KEYS, _DOUBLES = 33550, 33922, 34735, 34736
_METADATA, _NODATA = 42112, 42113
_LAMBERT_2SP = 8


@dataclass(frozen=True)
class Raster:
    """Bands (bands, rows, columns) with their descriptions and place: upper left corner and cell
    size in metres."""

    bands: NDArray[np.int16]
    descriptions: list[str]
    left: float
    top: float
    cell: tuple[float, float]
    projection: LambertConformal


def read(path: Path) -> Raster:
    """The raster in a file; InputError where it cannot be used."""
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            tags = {tag.code: tag.value for tag in page.tags.values()}
            values = np.atleast_3d(page.asarray())
    except (OSError, ValueError, KeyError, tifffile.TiffFileError) as error:
        raise InputError(
            f"{path.name} cannot be read ({error}); "
            "write it as a GeoTIFF with deflate compression or none."
        ) from error
    scale, tie = tags.get(_PIXEL_SCALE), tags.get(_TIE_POINT)
    if scale is None or tie is None or scale[1] <= 0:
        raise InputError(
            f"{path.name} does not say where it lies, with row 0 in the north; "
            "write it with gdalwarp."
        )
    interleaved = page.planarconfig == tifffile.PLANARCONFIG.CONTIG
    return Raster(
        bands=np.moveaxis(values, -1, 0) if interleaved else values,
        descriptions=_descriptions(tags.get(_METADATA, "")),
        left=tie[3] - tie[0] * scale[0],
        top=tie[4] + tie[1] * scale[1],
        cell=(scale[0], scale[1]),
        projection=_projection(path.name, tags),
    )


def write(
    path: Path, bands: Floats, box: tuple[float, float], step: tuple[float, float], names: list[str]
) -> None:
    """Write bands (bands, rows, columns) in EPSG:4326 as float32; NaN becomes NODATA.

    `box` is west and north, `step` the size of a cell (longitude, latitude), in degrees; `names`
    describes the bands.
    """
    west, north = box
    items = "".join(
        f'<Item name="DESCRIPTION" sample="{index}" role="description">{name}</Item>'
        for index, name in enumerate(names)
    )
    keys = (1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326)
    tags = [
        (_PIXEL_SCALE, "d", 3, (*step, 0.0), True),
        (_TIE_POINT, "d", 6, (0.0, 0.0, 0.0, west, north, 0.0), True),
        (_KEYS, "H", len(keys), keys, True),
        (_METADATA, "s", 0, f"<GDALMetadata>{items}</GDALMetadata>", True),
        (_NODATA, "s", 0, f"{NODATA:g}", True),
    ]
    values = np.where(np.isnan(bands), NODATA, bands).astype(np.float32)
    with written(path) as beside:
        tifffile.imwrite(
            beside,
            values,
            photometric="minisblack",
            planarconfig="separate" if len(values) > 1 else None,
            compression="zlib",
            rowsperstrip=values.shape[1],
            extratags=tags,
            metadata=None,
            software=False,
        )


def _descriptions(metadata: str) -> list[str]:
    if not metadata:
        return []
    items = ElementTree.fromstring(metadata).findall("Item[@role='description']")
    names = {int(item.get("sample", "0")): item.text or "" for item in items}
    return [names.get(index, "") for index in range(max(names, default=-1) + 1)]


def _projection(name: str, tags: dict[int, tuple[float, ...]]) -> LambertConformal:
    numbers = [int(value) for value in tags.get(_KEYS, ())]
    entries = {numbers[at]: numbers[at + 1 : at + 4] for at in range(4, len(numbers), 4)}

    def double(key: int, default: float = 0.0) -> float:
        if key not in entries:
            return default
        return float(tags[_DOUBLES][entries[key][2]])

    major, minor = double(2057), double(2058)
    if entries.get(3075, [0, 0, 0])[2] != _LAMBERT_2SP or major <= 0 or abs(major - minor) > 1:
        raise InputError(
            f"{name} is not in Lambert conformal conic on a sphere; convert it: gdalwarp -t_srs "
            "'+proj=lcc +lat_1=.. +lat_2=.. +lat_0=.. +lon_0=.. +R=6371200' -tr 90 90."
        )
    return LambertConformal(
        major, double(3085), double(3084), double(3078), double(3079), double(3086), double(3087)
    )
