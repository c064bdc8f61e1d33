"""The front of `compose.yaml`: nginx as it is configured there, before services that move."""

import asyncio
import shutil
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, web
from yarl import URL

from deploy.ports import free_ports
from tests.patience import PATIENCE
from tests.without import must_have

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"
PATH = "/api/v1/incidents/a%2Fb?after=1%2C2&limit=3"


class NginxMissing(Exception):
    """There is no nginx on this machine."""


class Names(asyncio.DatagramProtocol):
    """Docker's resolver: where the container of each service is, and for how long is not said."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.DatagramTransport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        """RFC 1035, section 4: one question, of which `A` (1) has an answer."""
        labels, at = [], 12
        while size := data[at]:
            labels.append(data[at + 1 : at + 1 + size].decode())
            at += size + 1
        question = data[12 : at + 5]
        answer = b""
        if question[-4:-2] == b"\0\1" and (found := self.addresses.get(".".join(labels))):
            answer = struct.pack("!HHHIH", 0xC00C, 1, 1, 600, 4) + socket.inet_aton(found)
        header = struct.pack(
            "!HHHHHH", *struct.unpack("!H", data[:2]), 0x8180, 1, bool(answer), 0, 0
        )
        self._transport.sendto(header + question + answer, address)


@asynccontextmanager
async def resolver(port: int) -> AsyncIterator[Names]:
    loop, names = asyncio.get_running_loop(), Names()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: names, local_addr=("127.0.0.1", port)
    )
    try:
        yield names
    finally:
        transport.close()


@asynccontextmanager
async def service(name: str, host: str, port: int) -> AsyncIterator[None]:
    """Says its name, its address and what it was asked, on a WebSocket if it was asked for one."""

    async def say(request: web.Request) -> web.StreamResponse:
        said = f"{name} at {host}: {request.method} {request.raw_path}"
        socket = web.WebSocketResponse()
        if not socket.can_prepare(request):
            return web.Response(text=said)
        await socket.prepare(request)
        await socket.send_str(said)
        return socket

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", say)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def front(folder: Path, names: int, services: int) -> AsyncIterator[str]:
    """The URL of an nginx; the resolver and the services listen at other ports here."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    with must_have("nginx", NginxMissing):
        if found is None:
            raise NginxMissing("deploy/servers/install nginx")
    (port,) = free_ports(1)
    site = CONFIGURATION.read_text().replace("listen 8450", f"listen 127.0.0.1:{port}")
    site = site.replace("127.0.0.11", f"127.0.0.1:{names}").replace(":8450;", f":{services};")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}"
        f" http {{ access_log off; {folders} {site} }}"
    )
    nginx = await asyncio.create_subprocess_exec(
        found, "-p", folder, "-e", "stderr", "-c", configuration
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        nginx.terminate()
        await nginx.wait()


async def test_a_service_that_moves_is_found_again(tmp_path: Path) -> None:
    """With the path and the query as they were sent."""
    for_names, port = free_ports(2)

    async def asked(path: str, says: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while await _answer(session, URL(f"{url}{path}", encoded=True)) != says:
                await asyncio.sleep(0.1)

    async with (
        resolver(for_names) as names,
        front(tmp_path, for_names, port) as url,
        ClientSession() as session,
        service("external-data", "127.0.0.4", port),
    ):
        names.addresses = {"gateway": "127.0.0.2", "external-data": "127.0.0.4"}
        for host in ("127.0.0.2", "127.0.0.3"):
            names.addresses["gateway"] = host
            async with service("gateway", host, port):
                for path in (PATH, "/api/v1/events?from=1"):
                    await asked(path, f"gateway at {host}: GET {path}")
                await asked("/EDI/a%20b?c=d", "external-data at 127.0.0.4: GET /EDI/a%20b?c=d")


async def test_a_login_to_a_machine_is_a_websocket_through_it(tmp_path: Path) -> None:
    for_names, port = free_ports(2)
    async with (
        resolver(for_names) as names,
        front(tmp_path, for_names, port) as url,
        ClientSession() as session,
        service("gateway", "127.0.0.2", port),
    ):
        names.addresses = {"gateway": "127.0.0.2"}
        async with asyncio.timeout(PATIENCE):
            while not await _answer(session, URL(url)):
                await asyncio.sleep(0.1)
        async with session.ws_connect(f"{url}/api/v1/machines/archer/login") as socket:
            said = await socket.receive_str()
    assert said == "gateway at 127.0.0.2: GET /api/v1/machines/archer/login"


async def _answer(session: ClientSession, url: URL) -> str:
    try:
        async with session.get(url) as response:
            return await response.text()
    except ClientError:  # it does not listen yet
        return ""
