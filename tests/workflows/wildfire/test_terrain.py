"""Landscapes: what can be known without decoding them, and what is refused for it."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.warp
from affine import Affine
from rasterio.crs import CRS
from rasterio.io import MemoryFile

import workflows.wildfire.workflow as under_test
from workflows.wildfire.terrain import BANDS, read_terrain

TUBBS = Path(under_test.__file__).parent / "data" / "tubbs_2017"
LANDSCAPE = (TUBBS / "landscape.tif").read_bytes()
LAMBERT = "+proj=lcc +lat_1=35.5 +lat_2=41.5 +lat_0=35.5 +lon_0=-122.7 +R=6371200"


def landscape(
    bands: tuple[str, ...] = BANDS, crs: str = LAMBERT, written: bool = True, **options: Any
) -> bytes:
    """A file of 40 by 30 cells, as GDAL writes it."""
    profile = {
        "driver": "GTiff",
        "width": 40,
        "height": 30,
        "count": len(bands),
        "dtype": "int16",
        "crs": CRS.from_string(crs),
        "transform": Affine(90, 0, -1800, 0, -90, 1350),
        "compress": "deflate",
    } | options
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            for index, name in enumerate(bands, start=1):
                if written:
                    file.write(np.full((30, 40), index, np.int16), index)
                file.set_band_description(index, name)
        return bytes(memory.read())


def test_the_tubbs_fire_s_landscape() -> None:
    terrain = read_terrain(LANDSCAPE)
    with rasterio.open(TUBBS / "landscape.tif") as file:
        assert (terrain.rows, terrain.columns) == file.shape
        bounds = file.bounds
    assert (terrain.left, terrain.top) == pytest.approx((bounds.left, bounds.top))
    assert terrain.outside(38.60895, -122.62879) == 0
    assert terrain.outside(10, 10) > 1000


def test_how_far_outside_agrees_with_the_map_that_gdal_draws() -> None:
    terrain = read_terrain(LANDSCAPE)
    with rasterio.open(TUBBS / "landscape.tif") as file:
        sphere = CRS.from_string("+proj=longlat +R=6370000")
        xs = [terrain.left + 1000, terrain.left - 5000, terrain.left - 3000]
        ys = [terrain.top - 1000, terrain.top - 1000, terrain.top + 4000]
        longitudes, latitudes = rasterio.warp.transform(file.crs, sphere, xs, ys)
    there = [terrain.outside(*place) for place in zip(latitudes, longitudes, strict=True)]
    assert there == pytest.approx([0, 5, 5], abs=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compress": None},
        {"compress": "packbits"},
        {"tiled": True, "blockxsize": 16, "blockysize": 16},
        {"interleave": "band"},
        {"endianness": "big"},
        {"dtype": "float32"},
    ],
)
def test_what_gdal_writes_is_taken(options: dict[str, Any]) -> None:
    terrain = read_terrain(landscape(**options))
    assert (terrain.rows, terrain.columns, terrain.cell) == (30, 40, (90, 90))


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.99, 0.9999])
@pytest.mark.parametrize("make", [lambda: LANDSCAPE, landscape])
def test_a_part_of_a_file_is_refused(make: Callable[[], bytes], share: float) -> None:
    whole = make()
    with pytest.raises(ValueError, match=r"^the landscape cannot be read: .+"):
        read_terrain(whole[: int(len(whole) * share)])


def test_half_a_file_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match=r"\d+ of its 150 pieces of data lie beyond its end"):
        read_terrain(LANDSCAPE[: len(LANDSCAPE) // 2])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not a TIFF file"),
        (b"\x89PNG" + bytes(1000), "it is not a TIFF file"),
        (b"II*\0", "it ends before its directory does"),
        (b"II*\0\x08\0\0\0\0\0\x08\0\0\0", "a tag makes no sense"),
        (landscape(BANDS[:-1]), "no band described as canopy bulk density"),
        (landscape(("dem", *BANDS[1:])), "no band described as elevation"),
        (landscape(compress="lzw"), "its compression is none that the model reads"),
        (landscape(crs="EPSG:32610"), "it is not in Lambert conformal conic on a sphere"),
        (landscape(sparse_ok=True, written=False), "some of its data was never written"),
    ],
)
def test_what_no_model_could_read_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=f"^the landscape cannot be read: .*{why}"):
        read_terrain(content)


def test_a_landscape_that_would_fill_the_memory_is_refused() -> None:
    whole = bytearray(LANDSCAPE)
    at = whole.index(struct.pack("<HHIH", 256, 3, 1, 233))
    whole[at : at + 12] = struct.pack("<HHII", 256, 4, 1, 4_000_000)
    with pytest.raises(ValueError, match="4000000 by 300 cells; there may be 25,000,000 in all"):
        read_terrain(bytes(whole))


def sentence(content: bytes) -> str:
    """Why it is no terrain, or nothing."""
    try:
        read_terrain(content)
    except ValueError as error:
        return str(error)
    return ""


def test_whatever_a_file_holds_it_is_a_terrain_or_a_sentence() -> None:
    said = set()
    for at in range(2700):
        for value in (0, 255):
            broken = bytearray(LANDSCAPE)
            broken[at] = value
            said.add(sentence(bytes(broken)))
    assert all(one.startswith("the landscape cannot be read: ") for one in said - {""})
