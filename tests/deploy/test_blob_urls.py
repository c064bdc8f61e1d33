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
        ("s3://key:se/hidden@bucket", "no @ ends .*, in which / is %2F, [?] is %3F"),
        ("s3://key:se?hidden@bucket", "no @ ends .*, in which / is %2F, [?] is %3F"),
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


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://bucket/team@site", "s3://bucket/team@site"),
        ("s3://key:secret@bucket/team@site", "s3://bucket/team@site"),
        ("s3://key:se@cret@bucket", "s3://bucket"),
        ("s3://k:s@bucket?endpoint=http://u:p@host:9", "s3://bucket?endpoint=http://u:***@host:9"),
    ],
)
def test_only_the_login_is_cut_off(url: str, place: str) -> None:
    assert place_of_blobs(blobs(url)) == place


def test_a_prefix_with_an_at_sign_is_kept() -> None:
    store = open_blobs(blobs("s3://key:secret@bucket/team@site?region=x"))
    assert "team@site" in repr(store._store)


def test_a_folder_is_one_of_this_host(tmp_path: Path) -> None:
    assert place_of_blobs(blobs(f"file://{tmp_path}")).startswith(f"the folder {tmp_path} of host")
