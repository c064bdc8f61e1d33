"""Sensor feeds: raw readings on topics, turned into arrivals for workflows.

Anyone produces readings, JSON objects, to `vestec.sensors.<feed>`. What is looked for in them is
declared in a settings file (`feeds`), found by plain functions (`rules`), and pushed to incidents'
endpoints like data that comes by HTTP (`delivery`). `worker` is the Faust application around that:
it shares the partitions with other workers and keeps what the rules remember.

Readings are delivered at least once. What a rule remembers of a key says up to which offset it was
told, so that a reading counts once; an arrival's id follows from what was found, so that it arrives
once. Nothing of this is on the way from commands to events.
"""

from interfaces.sensors.feeds import Feed, FeedsError, read_feeds

__all__ = ["Feed", "FeedsError", "read_feeds"]
