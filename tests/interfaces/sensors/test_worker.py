"""Workers on a real broker, with readings from other makers' producers."""

import random
import time

import pytest

from tests.interfaces.sensors.conftest import Site, Sited, reading, until

FEEDS = """
[weather]
key = "station"
time = "time"
partitions = 2

[weather.rules.gale]
when = "threshold"
value = "speed"
above = 60
window = { size = 10 }
endpoint = "stations"

[weather.rules.often]
when = "count"
at_least = 5
window = { size = 10 }
endpoint = "counts"
"""
SILENT = """
[gauges]
key = "station"
time = "time"

[gauges.rules.silent]
when = "silence"
after = 2
endpoint = "gauges"
"""


async def arrived(site: Site, incident: str, count: int) -> None:
    async def enough() -> bool:
        return len(await site.findings(incident)) >= count  # type: ignore[arg-type]

    await until(f"{count} findings arrived", enough)


@pytest.mark.usefixtures("kcat")
async def test_a_line_of_shell_reaches_an_incident_that_is_younger_than_the_feed(
    sited: Sited,
) -> None:
    async with sited(FEEDS) as site:
        site.start()
        site.kcat("weather", reading("KSTS", 1000, speed=70) + "\nnot a reading\n")

        async def parked() -> bool:
            return bool(await site.parked())

        await until("it is parked", parked)
        assert (await site.parked())[0][0] == b"not a reading"
        assert "not JSON" in (await site.parked())[0][1]
        incident = await site.open("stations")
        other = await site.open("others")
        site.kcat("weather", reading("KSTS", 1010, speed=80) + "\n")
        await arrived(site, incident, 1)
        (found,) = await site.findings(incident)
        assert (found.feed, found.rule, found.key, found.values) == (
            "weather",
            "gale",
            "KSTS",
            (80,),
        )
        assert found.readings[0].topic == site.topic("weather")
        assert await site.findings(other) == []
        told = {
            'vestec_feed_readings_taken_total{feed="weather"} 2.0',
            'vestec_feed_readings_parked_total{feed="weather"} 1.0',
            'vestec_feed_findings_total{feed="weather"} 2.0',
            'vestec_feed_arrivals_total{feed="weather"} 1.0',
            'vestec_feed_behind_records{feed="weather"} 0.0',
        }

        async def shown() -> bool:
            return told <= {*await site.metrics()}

        await until("its metrics tell of it", shown)


async def test_workers_are_killed_and_each_finding_arrives_once(sited: Sited) -> None:
    """Five stations, and a worker that is killed now and then while another one waits."""
    lot, stations, seconds = random.Random(7), [f"S{n}" for n in range(5)], 400
    async with sited(FEEDS) as site:
        gales, counts = await site.open("stations"), await site.open("counts")
        running = [site.start(), site.start()]
        await until("topics are there", lambda: _there(site))
        producer, kills = site.producer(), [100, 200, 300]
        for second in range(seconds):
            for station in stations:
                said = reading(station, 1000 + second, speed=70 if second % 10 == 7 else 20)
                producer.produce(site.topic("weather"), said, key=station)
            if second % 50 == 3:
                producer.produce(site.topic("weather"), b"{", key=b"broken")
            producer.poll(0)
            if second in kills:
                producer.flush(30)
                await arrived(site, gales, (second // 10 - 4) * len(stations))
                victim = running.pop(lot.randrange(len(running)))
                victim.kill()
                victim.wait()
                running.append(site.start())
        producer.flush(30)
        windows = seconds // 10
        await arrived(site, gales, windows * len(stations))
        await arrived(site, counts, windows * len(stations))
        for incident, behind in ((gales, 1), (counts, 5)):
            findings = await site.findings(incident)
            assert len({one.id for one in findings}) == len(findings) == windows * len(stations)
            assert all(len(one.readings) == behind for one in findings)
            for station in stations:
                ends = [one.end for one in findings if one.key == station]
                assert ends == sorted(ends)
        assert {value for value, _ in await site.parked()} == {b"{"}
        assert len(await site.parked()) >= seconds // 50


async def _there(site: Site) -> bool:
    return site.topic("weather") in site.producer().list_topics(timeout=10).topics


async def test_silence_is_told_by_the_clock_and_once(sited: Sited) -> None:
    async with sited(SILENT) as site:
        incident = await site.open("gauges")
        worker = site.start()
        producer, begin = site.producer(), time.time()
        producer.produce(site.topic("gauges"), reading("river", begin))
        producer.flush(30)
        await arrived(site, incident, 1)
        assert time.time() > begin + 2
        worker.kill()
        worker.wait()
        site.start()
        producer.produce(site.topic("gauges"), reading("brook", time.time()))
        producer.flush(30)
        await arrived(site, incident, 2)
        assert [one.key for one in await site.findings(incident)] == ["river", "brook"]
