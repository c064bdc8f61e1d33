"""The Kafka engine keeps the contract, also behind the cache."""

import pytest

from bus import CachedLog, Log
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
            return CachedLog(await KafkaLog.connect(kafka_url), records=10, size=100_000)

        return open
