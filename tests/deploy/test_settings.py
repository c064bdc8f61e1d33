"""Settings that only make sense together, or of some length, and what storage makes of them."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from pydantic import ValidationError

from bus import Doubt, Record
from deploy.settings import Settings
from deploy.storage import open_storage
from events.envelope import events_topic
from events.prose import describe
from events.values import Context
from tests.servers import database_url, server_url

__all__ = ["database_url", "server_url"]

LOG = "postgresql://db/vestec"


async def schemas(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetch("select nspname from pg_namespace")
    finally:
        await connection.close()
    return {name for (name,) in found if name.startswith("vestec")}


async def test_a_database_of_its_own_for_read_models_leaves_the_log_where_it_is(
    made: Path, database_url: str
) -> None:
    async with open_storage(Settings(data=made, database=database_url)) as storage:
        topic = events_topic(Context.INCIDENTS)
        assert await storage.log.append(topic, 0, [Record("here", b"")]) == 0
        assert await schemas(database_url) == {"vestec_read", "vestec_private"}


def test_a_log_that_other_hosts_may_share_wants_to_know_where_blobs_are() -> None:
    with pytest.raises(ValidationError, match="set VESTEC_BLOBS to"):
        Settings(log=LOG)
    assert Settings(log=LOG, blobs="s3://bucket/blobs").log == LOG
    assert Settings(log=LOG, blobs="file:///shared/blobs").log == LOG


def test_a_password_that_cuts_its_url_is_not_shown_by_what_is_said_of_it() -> None:
    with pytest.raises(ValidationError, match="%2F") as error:
        Settings(database="postgresql://postgres:s3cr/et@db/postgres")
    assert "s3cr" not in describe(error.value)
    hosts = "postgresql://me:s3cr%2Fet@[::1]:5432,db:5433/postgres?user=a@b"
    assert Settings(database=hosts).database == hosts


@pytest.mark.parametrize("name", ["DATA", "SENSORS"])
def test_a_folder_or_file_has_a_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"VESTEC_{name}", "")
    with pytest.raises(ValidationError, match="has a name"):
        Settings()


def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESTEC_PROXIES", "10.0.0.1, fd00::/8")
    assert [str(one) for one in Settings().proxies] == ["10.0.0.1/32", "fd00::/8"]
    monkeypatch.setenv("VESTEC_PROXIES", "front")
    with pytest.raises(ValidationError, match="not a valid IPv4 or IPv6 network"):
        Settings()


@pytest.mark.parametrize("key", ["", "x" * 31])
def test_a_short_key_signs_nothing(key: str) -> None:
    with pytest.raises(ValidationError, match="at least 32"):
        Settings(token_key=key)
    assert Settings(token_key="x" * 32).token_key


async def test_an_append_has_as_long_as_was_set(tmp_path: Path, database_url: str) -> None:
    settings = Settings(log=database_url, blobs=tmp_path.as_uri(), data=tmp_path)
    topic = events_topic(Context.INCIDENTS)
    async with open_storage(settings):
        pass  # what is made once may take longer
    async with open_storage(settings.model_copy(update={"append_deadline": 2.0})) as storage:
        other = await asyncpg.connect(database_url)
        try:
            async with other.transaction():
                await other.execute("select from vestec_log.heads for update")
                with pytest.raises(Doubt):
                    async with asyncio.timeout(30):  # by default it is a minute
                        await storage.log.append(topic, 0, [Record("", b"")])
        finally:
            await other.close()
