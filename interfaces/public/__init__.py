"""The public stream: what counts, told to outsiders as CloudEvents on a Kafka topic.

`events` is what they are told, and the contract with them, which `schemas` describes for programs;
`telling` makes it of the log's events, `cloud_events` makes records of it. `publisher` appends them
to the topic that `topics` declares, in the order that `order` finds; `progress` is how far it came.
"""
