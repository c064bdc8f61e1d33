"""The public stream on a real broker, read by consumers of other makes, over killed publishers."""

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it exports by accident
    AdminClient,
    ConfigResource,
    NewTopic,
)
from jsonschema import Draft7Validator, Draft202012Validator

from events.values import IncidentId
from interfaces.public.events import IncidentEnded
from interfaces.public.schemas import asyncapi
from tests.interfaces.public.conftest import (
    VESTEC,
    WITHIN,
    Listener,
    Message,
    Site,
    first_times,
    is_stopped,
    schemas,
    wake,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "public_events.md"


async def until(what: str, condition: Callable[[], bool]) -> None:
    try:
        async with asyncio.timeout(WITHIN):
            while not condition():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"after {WITHIN:g} s still not so: {what}") from None


async def heard(listener: Listener, type: str, incidents: list[IncidentId]) -> None:
    """Return when the consumer got such an event of each of them."""

    def all_there() -> bool:
        listener.listen()
        return {one.key for one in listener.heard if one.type == type} >= {*incidents}

    await until(f"the consumer got {type} of all", all_there)


async def heard_of_the_end(listener: Listener, incidents: list[IncidentId]) -> None:
    await heard(listener, IncidentEnded.type(), incidents)


async def require_whole(site: Site, listener: Listener) -> list[Message]:
    """Nothing is missing, nothing that should not be there, all in order and as described."""
    wanted = await site.to_be_told()

    def all_there() -> bool:
        listener.listen()
        return len({one.id for one in listener.heard}) >= len(wanted)

    await until("all was heard", all_there)
    firsts = first_times(listener.heard)
    assert sorted(one.id for one in firsts) == sorted(it.id for it in wanted)
    by_context = [it.id for it in wanted]
    for incident in {one.key for one in firsts}:
        heard = [one.id for one in firsts if one.key == incident]
        for context in {id.partition("/")[0] for id in heard}:
            of_one = [id for id in heard if id.startswith(f"{context}/")]
            assert of_one == [id for id in by_context if id in of_one]
        assert len({one.partition for one in firsts if one.key == incident}) == 1
    require_as_described(listener.heard)
    return firsts


def require_as_described(messages: list[Message]) -> None:
    described = asyncapi(days=2, partitions=2, source="/vestec")
    values = {type: Draft202012Validator(schema) for type, schema in schemas().items()}
    components: dict[str, dict[str, dict[str, object]]] = described["components"]  # type: ignore[assignment]
    headers = {
        message["name"]: Draft7Validator(message["headers"])
        for message in components["messages"].values()
    }
    for message in messages:
        values[message.type].validate(json.loads(message.value))
        headers[message.type].validate(message.headers)
        assert message.key == message.headers["ce_subject"] == json.loads(message.value)["incident"]


async def test_publishers_are_killed_and_nothing_is_missing(site: Site) -> None:
    site.start(VESTEC_CRASH_AT="after publication:3")
    site.start(VESTEC_CRASH_AT="before publication:4")
    incidents = [await site.create(f"fire {n}", exercise=n % 2 == 1) for n in range(6)]
    listener = site.consumer()
    await heard(listener, "vestec.incident.created.v1", incidents)
    for n in range(30):
        await site.push(incidents[n % 6], f"reading {n}")
        if n == 15:
            await until("one was killed", lambda: any(p.poll() for p in site.publishers))
            site.start()
    for incident in incidents:
        await site.cancel(incident)
    await until("both were killed", lambda: all(p.poll() for p in site.publishers[:2]))
    await heard_of_the_end(listener, incidents)
    firsts = await require_whole(site, listener)
    assert {p.returncode for p in site.publishers[:2]} == {-signal.SIGKILL}
    assert sum(one.type == "vestec.data-set.registered.v1" for one in firsts) == 30
    for one in firsts:
        drill = incidents.index(IncidentId(one.key)) % 2 == 1
        assert one.headers["ce_exercise"] == str(drill).lower()
    listener.close()


async def test_a_publisher_that_was_stopped_and_wakes_up_repeats_what_is_known(site: Site) -> None:
    sleeper = site.start(VESTEC_STOP_AT="before publication")
    incidents = [await site.create("before")]
    listener = site.consumer()
    await until("it stopped in the middle", lambda: is_stopped(sleeper))
    site.start()
    incidents += [await site.create(f"meanwhile {n}") for n in range(4)]
    for incident in incidents:
        await site.push(incident, "reading")
        await site.cancel(incident)
    await heard_of_the_end(listener, incidents)
    before = len((await require_whole(site, listener), listener.heard)[1])
    wake(sleeper)

    def repeated() -> bool:
        listener.listen()
        return len(listener.heard) > before

    await until("what it had in hand came again", repeated)
    later = await site.create("after")
    await site.cancel(later)
    await heard_of_the_end(listener, [*incidents, later])
    await require_whole(site, listener)
    listener.close()


async def test_the_topic_is_kept_for_as_long_as_was_asked(site: Site) -> None:
    site.start()
    listener = site.consumer()
    incident = await site.create("short")
    await site.cancel(incident)
    await heard_of_the_end(listener, [incident])
    listener.close()
    asked = ConfigResource(ConfigResource.Type.TOPIC, site.topic)
    admin = AdminClient({"bootstrap.servers": site.brokers})
    (answer,) = admin.describe_configs([asked]).values()
    assert answer.result(WITHIN)["retention.ms"].value == str(2 * 86_400_000)
    site.start(VESTEC_PUBLIC_DAYS="3")
    await until("it is said that this is not changed", lambda: "left as it was made" in site.said())


async def test_a_topic_that_leaves_events_out_is_refused(site: Site) -> None:
    admin = AdminClient({"bootstrap.servers": site.brokers})
    new = NewTopic(site.topic, 2, 1, config={"cleanup.policy": "compact"})
    (made,) = admin.create_topics([new]).values()
    made.result(WITHIN)
    publisher = site.start()
    await until("it ended", lambda: publisher.poll() is not None)
    assert publisher.returncode == 1
    assert "cleanup.policy is compact, not delete" in site.said()


async def test_a_topic_with_other_partitions_than_the_log_is_refused(site: Site) -> None:
    admin = AdminClient({"bootstrap.servers": site.brokers})
    (made,) = admin.create_topics([NewTopic(site.topic, 5, 1)]).values()
    made.result(WITHIN)
    publisher = site.start()
    await until("it ended", lambda: publisher.poll() is not None)
    assert publisher.returncode == 1
    assert "has 5 partitions, where the log has 2: delete it" in site.said()


async def test_health_says_what_a_publisher_owns_and_how_far_it_is_behind(site: Site) -> None:
    incident = await site.create("healthy")
    await site.cancel(incident)
    site.start("--json")
    listener = site.consumer()
    await heard_of_the_end(listener, [incident])
    listener.close()
    (url,) = [json.loads(line)["url"] for line in site.said().splitlines() if '"url"' in line]

    def health() -> dict[str, object]:
        try:
            with urlopen(f"{url}/health", timeout=WITHIN) as answer:
                said = json.load(answer)
        except HTTPError as error:  # its servers are slow just now
            said = json.load(error)
        part: dict[str, object] = said.get("parts", {}).get("public-stream", {})
        return part

    wanted = {"owns": ["0", "1"], "behind": 0, "broken": {}}
    await until("it says so", lambda: wanted.items() <= health().items())
    assert health()["since"]


async def test_what_the_documentation_tells_a_consumer_to_do_works(site: Site) -> None:
    site.start()
    listener = site.consumer()
    incident = await site.create("documented")
    await site.cancel(incident)
    await heard_of_the_end(listener, [incident])
    listener.close()
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    given = {
        '"broker:9092"': repr(site.brokers),
        '"vestec.public.events"': repr(site.topic),
        "poll(60)": "poll(10)",
    }
    for written, here in given.items():
        assert written in program
        program = program.replace(written, here)
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, timeout=90
    )
    said = [line for line in ran.stdout.splitlines() if incident in line]
    assert [line.split()[0] for line in said] == [
        "vestec.incident.created.v1",
        "vestec.incident.activated.v1",
        "vestec.incident.ended.v1",
    ], ran.stderr
    if shutil.which("kcat"):
        command = ["kcat", "-C", "-e", "-q", "-b", site.brokers, "-t", site.topic]
        kcat = await asyncio.to_thread(
            subprocess.run, [*command, "-f", "%h %s\n"], capture_output=True, timeout=WITHIN
        )
        assert b"ce_type=vestec.incident.created.v1" in kcat.stdout


def test_it_needs_a_log_on_kafka(database_url: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [VESTEC, "run", "public-stream", "--log", database_url, "--data", tmp_path],
        env={"VESTEC_BLOBS": f"file://{tmp_path}/blobs"},
        capture_output=True,
        text=True,
        timeout=WITHIN,
    )
    assert ended.returncode == 1
    assert "the public stream is a topic of Kafka: set VESTEC_LOG" in ended.stderr
