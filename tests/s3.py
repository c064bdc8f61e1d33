"""A real S3 server for tests, which may kill it: SeaweedFS, from its wheel, on loopback."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

from deploy.ports import free_ports

if TYPE_CHECKING:
    from obstore.store import S3Config

KEY, SECRET = "vestec", "not/for+everyone="
BUCKET = "vestec"
_MAKER: "S3Config" = {"access_key_id": "maker", "secret_access_key": "makes-buckets"}
_IDENTITIES = [
    {
        "name": "maker",
        "credentials": [{"accessKey": "maker", "secretKey": "makes-buckets"}],
        "actions": ["Admin"],
    },
    {
        "name": "vestec",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Read", "Write", "List"],
    },
]
_START_WITHIN, _STOP_WITHIN = 60.0, 10.0
_HOST = "127.0.0.1"


class S3Server:
    """A server in a folder, always on the same port, with one bucket that it keeps."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = free_ports(8)
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "identities.json").write_text(json.dumps({"identities": _IDENTITIES}))

    @property
    def endpoint(self) -> str:
        return f"http://{_HOST}:{self._ports[-1]}"

    def url(self, *, bucket: str = BUCKET, key: str = KEY, secret: str = SECRET) -> str:
        """What `VESTEC_BLOBS` is for an empty store in the bucket."""
        login = f"{quote(key, safe='')}:{quote(secret, safe='')}"
        return f"s3://{login}@{bucket}/{uuid4().hex}?endpoint={self.endpoint}&region=anywhere"

    def store(self, url: str) -> S3Store:
        """What lies at such a URL, for a test to look at and change."""
        return S3Store(
            BUCKET,
            prefix=urlsplit(url).path.strip("/"),
            config={**_MAKER, "endpoint": self.endpoint, "region": "anywhere"},
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )

    async def start(self) -> None:
        """Return when it serves."""
        self._process = process = self._begin()
        deadline = time.monotonic() + _START_WITHIN
        while not await self._serves():
            assert process.poll() is None, self._last_words()
            assert time.monotonic() < deadline, self._last_words()
            await asyncio.sleep(0.05)

    def _begin(self) -> "subprocess.Popen[bytes]":
        parts = ("master", "volume", "filer", "s3")
        ports = [
            f"-{part}.port{kind}={port}"
            for (part, kind), port in zip(
                ((part, kind) for part in parts for kind in (".grpc", "")), self._ports, strict=True
            )
        ]
        with (self._folder / "said").open("ab") as said:
            return subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL"),
                    *(str(Path(sys.executable).with_name("weed")), f"-logdir={self._folder}"),
                    *("server", f"-dir={self._folder}", f"-ip={_HOST}", f"-ip.bind={_HOST}"),
                    *("-filer", "-s3", f"-s3.ip.bind={_HOST}", "-s3.iam=false"),
                    *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
                    *("-master.electionTimeout=500ms", "-master.heartbeatInterval=100ms"),
                    *(f"-s3.config={self._folder / 'identities.json'}", *ports),
                ],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=self._folder,
                env={"HOME": str(self._folder)},
                start_new_session=True,
            )

    def kill(self) -> None:
        """As when its machine loses power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_STOP_WITHIN)

    async def _serves(self) -> bool:
        """Whether it takes and gives; so its bucket is made, too."""
        store = self.store(self.url())
        try:
            await store.put_async("serves", b"yes")
            return bytes(await (await store.get_async("serves")).bytes_async()) == b"yes"
        except (BaseError, FileNotFoundError):
            return False

    def _last_words(self) -> str:
        return (self._folder / "said").read_text(errors="replace")[-2000:]


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """One server that runs for the session, in each worker."""
    with TemporaryDirectory(prefix="vestec-s3-") as folder, asyncio.Runner() as runner:
        server = S3Server(Path(folder))
        runner.run(server.start())
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture
async def mortal_s3(tmp_path: Path) -> AsyncIterator[S3Server]:
    """A server of the test's own, which it may kill and start again."""
    server = S3Server(tmp_path)
    await server.start()
    try:
        yield server
    finally:
        server.kill()
