"""Metrics for Prometheus: requests, the parts of this process, read models and machines."""

import asyncio
import time
from collections.abc import Iterator, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from interfaces.gateway.health import projections_of
from interfaces.gateway.problems import Handler
from interfaces.gateway.surroundings import CommandsSpent, FeedHealth, PartHealth, edge_of

Family = CounterMetricFamily | GaugeMetricFamily


class Metrics:
    """Counts requests, and shows how parts and projections are when asked."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "vestec_requests", "Requests", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "vestec_request_seconds", "Time to answer", ["method", "route"], registry=registry
        )
        self._lag = Gauge(
            "vestec_projection_lag_records", "Not taken in", ["projection"], registry=registry
        )
        self._age = Gauge(
            "vestec_projection_lag_seconds",
            "Oldest not taken in",
            ["projection"],
            registry=registry,
        )
        self._machines = MachineMetrics()
        registry.register(self._machines)
        self._parts = PartMetrics()
        registry.register(self._parts)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Metrics in Prometheus' text format."""
        edge = edge_of(request)
        self._parts.parts, (projections, _) = await asyncio.gather(
            edge.parts(), projections_of(edge)
        )
        self._lag.clear()
        self._age.clear()
        for name, lag in projections.items():
            self._lag.labels(name).set(lag.lag_records)
            self._age.labels(name).set(lag.lag_seconds)
        self._machines.spent = edge.commands_spent()
        self._machines.shell_startup = edge.shell_startup()
        body = generate_latest(self.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    @web.middleware
    async def measure(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Measure every request, by its route's pattern."""
        started, response = time.monotonic(), None
        try:
            response = await handler(request)
        finally:
            route = request.match_info.route.resource
            labels = (request.method, route.canonical if route else "unknown")
            self._requests.labels(*labels, response.status if response else "none").inc()
            self._seconds.labels(*labels).observe(time.monotonic() - started)
        return response


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
    """Shows what was run on machines, and how soon, as that was last."""

    def __init__(self) -> None:
        self.spent: Mapping[str, CommandsSpent] = {}
        self.shell_startup: Mapping[str, float] = {}

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
        shells = GaugeMetricFamily(
            "vestec_machine_shell_startup_seconds",
            "Until a shell of the machine begins with a command, its start-up files included",
            labels=["machine"],
        )
        for machine, seconds in self.shell_startup.items():
            shells.add_metric([machine], seconds)
        yield from (commands, waited, shells)
