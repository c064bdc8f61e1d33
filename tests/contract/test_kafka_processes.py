"""Several processes at one Kafka log."""

import pytest

from tests.contract.log_processes import ManyProcesses


class TestKafkaProcesses(ManyProcesses):
    @pytest.fixture
    def url(self, kafka_url: str) -> str:
        return kafka_url
