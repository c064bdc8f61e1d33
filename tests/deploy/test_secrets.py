"""The key that signs logins is made once, is on the disk before it signs, and heals."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.secrets import WrongKey, token_key
from deploy.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def test_a_key_is_made_once_for_its_owner_alone(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as starting:
        (key,) = set(starting.map(lambda _: token_key(settings), range(8)))
    assert len(key) == 32
    assert (settings.data / "token.key").stat().st_mode & 0o777 == 0o600
    assert os.listdir(settings.data) == ["token.key"]


def test_a_key_and_its_name_are_on_the_disk_before_it_is_used(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronized: dict[Path, bytes | list[str]] = {}

    def noticed(file: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink()
        synchronized[path] = os.listdir(path) if path.is_dir() else path.read_bytes()

    monkeypatch.setattr(os, "fsync", noticed)
    key = token_key(settings)
    file = settings.data.resolve() / "token.key"
    assert synchronized == {file: key, file.parent: ["token.key"]}


@pytest.mark.parametrize("lost", [b"", bytes(32)])
def test_a_key_that_was_lost_with_the_power_is_made_anew(settings: Settings, lost: bytes) -> None:
    settings.data.mkdir()
    file = settings.data / "token.key"
    file.write_bytes(lost)
    key = token_key(settings)
    assert file.stat().st_mode & 0o777 == 0o600
    assert any(key)
    assert len(key) == 32
    assert token_key(settings) == key


def test_a_short_key_is_refused_and_left_as_it_is(settings: Settings) -> None:
    settings.data.mkdir()
    (settings.data / "token.key").write_bytes(b"secret")
    with pytest.raises(WrongKey, match=r"token\.key has 6 bytes.*remove it"):
        token_key(settings)
    assert (settings.data / "token.key").read_bytes() == b"secret"
