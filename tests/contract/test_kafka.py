"""The Kafka engine keeps the contract, also behind the watch and the cache."""

import pytest

from bus import CachedLog, Log, WatchedLog
from bus.kafka import KafkaLog
from tests.contract.log_contract import Opener, WholeContract


class TestKafka(WholeContract):
    @pytest.fixture
    def open_log(self, kafka_url: str) -> Opener:
        async def open() -> Log:
            return await KafkaLog.connect(kafka_url)

        return open


class TestCachedKafka(WholeContract):
    @pytest.fixture
    def open_log(self, kafka_url: str) -> Opener:
        async def open() -> Log:
            log = WatchedLog(await KafkaLog.connect(kafka_url), whole=lambda _: False)
            return CachedLog(log, records=10, size=100_000)

        return open
