"""What `VESTEC_BLOBS` means, and what of it is told."""

from pathlib import Path

import pytest

from deploy.blobs import open_blobs, place_of_blobs
from deploy.settings import Settings
from managers.blobs import BlobStoreError


def blobs(url: str) -> Settings:
    return Settings(blobs=url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://", "names no bucket"),
        ("s3://key@bucket", "a key comes with its secret"),
        ("s3://bucket?endpoint=host:9", "an endpoint is a URL"),
        ("s3://bucket?secret=hidden", "the options endpoint and region, not secret"),
        ("tape://robot", "recognise"),
    ],
)
def test_a_wrong_url_is_told_in_a_sentence(url: str, reason: str) -> None:
    with pytest.raises(BlobStoreError, match=f"VESTEC_BLOBS is wrong: .*{reason}") as wrong:
        open_blobs(blobs(url))
    assert "hidden" not in str(wrong.value)


def test_others_are_told_the_place_and_no_key() -> None:
    place = place_of_blobs(blobs("s3://key:secret@bucket/fires?endpoint=https://host:9"))
    assert place == "s3://bucket/fires?endpoint=https://host:9"
    assert place_of_blobs(blobs("s3://bucket/fires?endpoint=https://host:9")) == place
    assert (
        place_of_blobs(blobs("az://container?sas_token=secret")) == "az://container?sas_token=***"
    )


def test_a_folder_is_one_of_this_host(tmp_path: Path) -> None:
    assert place_of_blobs(blobs(f"file://{tmp_path}")).startswith(f"the folder {tmp_path} of host")
