"""The parts of this process as Prometheus sees them: what they own, and how they get on."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from interfaces.gateway.surroundings import CommandsSpent, FeedHealth, PartHealth

Family = CounterMetricFamily | GaugeMetricFamily


class PartMetrics(Collector):
    """Shows what `parts` were last."""

    def __init__(self) -> None:
        self.parts: Mapping[str, PartHealth] = {}

    def collect(self) -> Iterator[Family]:
        owned = GaugeMetricFamily("vestec_part_partitions", "Owned here", labels=["part"])
        behind = GaugeMetricFamily("vestec_part_behind_records", "Not taken in", labels=["part"])
        broken = GaugeMetricFamily(
            "vestec_part_broken", "What makes no progress here", labels=["part"]
        )
        for name, part in self.parts.items():
            owned.add_metric([name], len(part.owns))
            broken.add_metric([name], len({*part.broken, *part.failing}))
            if part.behind is not None:
                behind.add_metric([name], part.behind)
        yield from (owned, behind, broken)
        feeds = {name: feed for part in self.parts.values() for name, feed in part.feeds.items()}
        if feeds:
            yield from _feeds(feeds)


def _feeds(feeds: Mapping[str, FeedHealth]) -> Iterator[Family]:
    label = ["feed"]
    taken = CounterMetricFamily("vestec_feed_readings_taken", "Seen by rules", labels=label)
    parked = CounterMetricFamily("vestec_feed_readings_parked", "No readings", labels=label)
    findings = CounterMetricFamily("vestec_feed_findings", "Made by rules", labels=label)
    arrivals = CounterMetricFamily("vestec_feed_arrivals", "Sent to endpoints", labels=label)
    behind = GaugeMetricFamily("vestec_feed_behind_records", "Not taken yet", labels=label)
    for name, feed in feeds.items():
        taken.add_metric([name], feed.taken)
        parked.add_metric([name], feed.parked)
        findings.add_metric([name], feed.findings)
        arrivals.add_metric([name], feed.arrivals)
        if feed.behind is not None:
            behind.add_metric([name], feed.behind)
    yield from (taken, parked, findings, arrivals, behind)


class MachineMetrics(Collector):
    """Shows what was run on machines: `spent`, as it was last."""

    def __init__(self) -> None:
        self.spent: Mapping[str, CommandsSpent] = {}

    def collect(self) -> Iterator[Family]:
        commands = CounterMetricFamily(
            "vestec_machine_commands", "Run there, by what for", labels=["machine", "kind"]
        )
        waited = CounterMetricFamily(
            "vestec_machine_budget_wait_seconds",
            "That commands waited for the machine's budget",
            labels=["machine"],
        )
        for machine, spent in self.spent.items():
            waited.add_metric([machine], spent.waited)
            for kind, number in spent.commands.items():
                commands.add_metric([machine, kind], number)
        yield from (commands, waited)
