"""The public stream: what counts, told to outsiders as CloudEvents on a Kafka topic.

`events` is what they are told, and the contract with them; `telling` makes it of the log's events.
"""
