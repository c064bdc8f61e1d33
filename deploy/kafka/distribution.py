"""Where Kafka's jars are: in a cache, filled once by Maven with what `pom.xml` names."""

import asyncio
import fcntl
import os
import re
import shutil
from hashlib import sha256
from pathlib import Path

_HERE = Path(__file__).parent
_JAVA = 17
_MAVEN_WITHIN = 900.0


class KafkaMissing(Exception):
    """There is no Java, no Maven, or the jars could not be got; the sentence says what to do."""


async def classpath() -> str:
    """What `java -cp` takes to run Kafka; the first who asks has the jars copied.

    Raises `KafkaMissing`.
    """
    await _check_java()
    jars = _place()
    with jars.with_name("lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not jars.exists():
            await _copy_jars(jars)
    return f"{jars}/*:{_HERE}"


def _place() -> Path:
    """The folder of this `pom.xml`'s jars."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "vestec", "kafka")
    caches.mkdir(parents=True, exist_ok=True)
    return caches / sha256((_HERE / "pom.xml").read_bytes()).hexdigest()[:12]


async def _check_java() -> None:
    """`java -version` says `openjdk version "17.0.15" …`, in all distributions since Java 9."""
    try:
        code, said = await _run("java", "-version")
    except FileNotFoundError:
        raise KafkaMissing(
            f"Kafka needs Java {_JAVA} or newer: apt-get install default-jre-headless"
        ) from None
    version = re.search(r'version "(\d+)', said)
    if code or not version or int(version[1]) < _JAVA:
        first = said.strip().split("\n")[0]
        raise KafkaMissing(f"Kafka needs Java {_JAVA} or newer; `java -version` says: {first}")


async def _copy_jars(target: Path) -> None:
    """Beside the place, then a rename, so that what exists is whole."""
    beside = target.with_name("new")
    shutil.rmtree(beside, ignore_errors=True)
    goal = ("dependency:copy-dependencies", f"-DoutputDirectory={beside}", "-DincludeScope=runtime")
    try:
        async with asyncio.timeout(_MAVEN_WITHIN):
            code, said = await _run(
                "mvn", "--batch-mode", "--quiet", "--file", f"{_HERE / 'pom.xml'}", *goal
            )
    except FileNotFoundError:
        raise KafkaMissing("Kafka's jars are got with Maven: apt-get install maven") from None
    except TimeoutError:
        raise KafkaMissing(f"Maven did not get Kafka within {_MAVEN_WITHIN:g} s") from None
    if code or not any(beside.glob("kafka_*.jar")):
        problem = next((line for line in said.split("\n") if "ERROR" in line), said[-500:])
        raise KafkaMissing(f"Maven could not get Kafka: {problem.strip() or 'it said nothing'}")
    beside.rename(target)


async def _run(*command: str) -> tuple[int, str]:
    """The exit code, and all that it said."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    assert process.returncode is not None
    return process.returncode, said.decode(errors="replace")
