"""Machines: who may log in to them or say that one lets us in again, and what comes of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import ClientResponseError, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from events.machines import FLEET, MachineAdded, MachineSeen, MachineSettings
from events.values import Context
from interfaces.machines.connections.openssh import OpensshAccess, OpensshConnection, command
from managers.machines import machine_manager
from projections import Pool
from tests.interfaces.gateway.site import ANNA, ROOT, Site, managed, open_site
from tests.patience import PATIENCE
from tests.projections.tables import all_caught_up
from tests.room import short_folder
from tests.sshd import Sshd, make_key, sshds

__all__ = ["sshds"]

LOGIN = "/api/v1/machines/m/login"


async def test_an_administrator_allows_another_login(pool: Pool) -> None:
    async with open_site(pool) as site:
        refused = MachineSeen(name="m", reachable=False, reason="no key will do", login_needed=True)
        added = MachineAdded(settings=MachineSettings(name="m", base_directory="/jobs"))
        await site.story.commit(Context.MACHINES, FLEET, added, refused)
        await all_caught_up(site.edge.reader, site.story)
        (machine,) = (await site.get("/api/v1/machines"))["items"]
        assert (machine["login_needed"], machine["reason"]) == (True, "no key will do")
        async with managed(site.story, machine_manager()):
            assert "administrators" in (await site.post(LOGIN, ANNA, 403))["detail"]
            await site.post(LOGIN.replace("/m/", "/none/"), ROOT, 404)
            assert not (await site.post(LOGIN, ROOT))["login_needed"]


PASSPHRASE = "correct horse battery staple"


@asynccontextmanager
async def asking(
    pool: Pool, sshds: Callable[..., Sshd]
) -> AsyncIterator[tuple[Site, OpensshAccess]]:
    """A machine that nobody is logged in to, whose key has a passphrase."""
    with short_folder() as folder, sshds() as server:
        make_key(server.folder / "user", "-N", PASSPHRASE)
        (server.folder / "authorized_keys").write_text(server.public("user"))
        known = {"host": "cluster", "config": str(server.openssh_config())}
        access = OpensshAccess(**known, socket=str(folder / "%C"))
        settings = MachineSettings(
            name="m",
            base_directory="/jobs",
            connection="openssh",
            access=access.model_dump(exclude_none=True),
        )
        refused = MachineSeen(name="m", reachable=False, reason="nobody", login_needed=True)
        async with open_site(pool) as site, managed(site.story, machine_manager()):
            added = MachineAdded(settings=settings)
            await site.story.commit(Context.MACHINES, FLEET, added, refused)
            await all_caught_up(site.edge.reader, site.story)
            yield site, access


async def closed(socket: ClientWebSocketResponse) -> bool:
    return (await socket.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)


async def test_an_administrator_logs_in_by_answering(
    pool: Pool, sshds: Callable[..., Sshd], capfd: pytest.CaptureFixture[str]
) -> None:
    async with asking(pool, sshds) as (site, access):
        root = site.as_user(ROOT)
        async with site.client.ws_connect(LOGIN, headers=root) as socket:
            prompt = await socket.receive_json()
            assert "passphrase" in prompt["prompt"]
            assert prompt["secret"]
            with pytest.raises(WSServerHandshakeError, match="409"):
                await site.client.ws_connect(LOGIN, headers=root)
            await socket.send_json({"answer": PASSPHRASE})
            assert await socket.receive_json() == {"logged_in": True}
            assert await closed(socket)
        assert await OpensshConnection("m", access).logged_in()
        (machine,) = (await site.get("/api/v1/machines"))["items"]
        assert not machine["login_needed"]
        leave = await asyncio.create_subprocess_exec(*command(access, "-O", "exit"))
        await leave.wait()
    out, err = capfd.readouterr()
    assert PASSPHRASE not in out + err


async def test_a_login_that_fails_is_told_and_may_be_begun_again(
    pool: Pool, sshds: Callable[..., Sshd]
) -> None:
    async with asking(pool, sshds) as (site, _):
        token = f"bearer.{site.tokens[ROOT]}"
        for _ in range(2):
            async with site.client.ws_connect(LOGIN, protocols=("vestec", token)) as socket:
                assert socket.protocol == "vestec"
                while "prompt" in (told := await socket.receive_json()):
                    await socket.send_json({"answer": "a guess"})
                assert "Permission denied" in told["failed"]
                assert await closed(socket)
        async with site.client.ws_connect(LOGIN, headers=site.as_user(ROOT)) as socket:
            await socket.receive_json()
        async with asyncio.timeout(PATIENCE):
            while site.edge.logging_in:  # whoever leaves is not waited for
                await asyncio.sleep(0.01)
        (machine,) = (await site.get("/api/v1/machines"))["items"]
        assert machine["login_needed"]


async def test_who_leaves_while_ssh_asks_nothing_keeps_nobody_from_logging_in(pool: Pool) -> None:
    connected, gone = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        gone.set()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    with short_folder() as folder:
        access = {"host": "127.0.0.1", "port": silent.sockets[0].getsockname()[1]}
        access |= {"config": "/dev/null", "socket": str(folder / "%C")}
        settings = {"name": "m", "base_directory": "/jobs", "connection": "openssh"}
        added = MachineAdded(settings=MachineSettings.model_validate(settings | {"access": access}))
        async with silent, open_site(pool) as site, asyncio.timeout(PATIENCE):
            await site.story.commit(Context.MACHINES, FLEET, added)
            await all_caught_up(site.edge.reader, site.story)
            async with site.client.ws_connect(LOGIN, headers=site.as_user(ROOT)):
                await connected.wait()
                assert site.edge.logging_in == {"m"}
            await gone.wait()
            while site.edge.logging_in:
                await asyncio.sleep(0.01)


async def test_only_administrators_log_in_and_only_where_somebody_is_asked(pool: Pool) -> None:
    async with open_site(pool) as site:
        added = MachineAdded(settings=MachineSettings(name="m", base_directory="/jobs"))
        await site.story.commit(Context.MACHINES, FLEET, added)
        await all_caught_up(site.edge.reader, site.story)
        assert (await site.get("/api/v1/machines/m"))["name"] == "m"
        assert "administrators" in (await site.get(LOGIN, ANNA, 403))["detail"]
        assert "only openssh" in (await site.get(LOGIN, ROOT, 409))["detail"]
        await site.get(LOGIN.replace("/m/", "/none/"), ROOT, 404)
        with pytest.raises(ClientResponseError, match="401"):
            await site.client.ws_connect(LOGIN)
