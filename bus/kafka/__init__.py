"""The log on Apache Kafka: for many processes on many machines."""

from bus.kafka.engine import KafkaLog

__all__ = ["KafkaLog"]
