"""The connection `ssh` against real servers: who is spoken to, what is cut, what is lost."""

import asyncio
import getpass
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, cast

import pytest
from pydantic import JsonValue

from deploy.ports import free_ports
from interfaces.machines.connection import (
    CommandCut,
    Completed,
    LoginNeeded,
    MachineError,
    Unreachable,
)
from interfaces.machines.connections.remote_files import RemoteFiles
from interfaces.machines.connections.ssh import SshAccess, SshConnection, login, session
from interfaces.machines.connections.ssh.login import Line
from interfaces.machines.connections.ssh.sftp import NoSftp, SftpTransfer
from tests.patience import PATIENCE
from tests.proxy import Proxy
from tests.sshd import HOST, Sshd, make_key, run_keygen

Servers = Callable[..., Sshd]


def connection_to(server: Sshd, **access: JsonValue) -> SshConnection:
    return SshConnection(SshAccess.model_validate(server.access(**access)))


async def said(connection: SshConnection, script: str = "echo here", deadline: float = 10) -> str:
    return (await connection.run(script, deadline=deadline)).checked()


# Who answers.


async def test_an_unknown_host_key_is_refused_and_it_is_said_what_to_do(sshds: Servers) -> None:
    with sshds() as server:
        (server.folder / "known_hosts").write_text("")
        async with connection_to(server) as connection:
            with pytest.raises(
                Unreachable, match=r"is not known .ssh-ed25519 SHA256:.* then add it"
            ):
                await said(connection)


async def test_a_changed_host_key_is_refused_until_the_known_one_is_replaced(
    sshds: Servers,
) -> None:
    with sshds() as server:
        make_key(server.folder / "other")
        server.know(server.public("other"))
        async with connection_to(server) as connection:
            with pytest.raises(Unreachable, match="another host key than the known one"):
                await said(connection)
        server.know(server.public("host"))
        async with connection_to(server) as connection:
            assert await said(connection) == "here\n"


async def test_a_host_key_that_changes_under_way_is_noticed(sshds: Servers) -> None:
    server = sshds()
    server.start()
    async with connection_to(server) as connection:
        await said(connection)
        server.kill()
        make_key(server.folder / "host")
        server.start()
        with pytest.raises(Unreachable, match="another host key"):
            await until_answered(connection)


async def test_pinned_keys_and_authorities_are_enough(sshds: Servers) -> None:
    server = sshds("HostCertificate {folder}/host-cert.pub")
    make_key(server.folder / "authority")
    run_keygen(
        "-q", "-s", str(server.folder / "authority"), "-I", "host", "-h",
        "-n", HOST, str(server.folder / "host.pub"),
    )  # fmt: skip
    make_key(server.folder / "stranger")
    with server:
        for pinned in (
            {"host_key": server.public("host").strip()},
            {"host_ca": server.public("authority").strip()},
        ):
            async with connection_to(server, known_hosts=None, **pinned) as connection:
                assert await said(connection) == "here\n"
        for wrong in ("host_key", "host_ca"):
            stranger: dict[str, JsonValue] = {wrong: server.public("stranger").strip()}
            async with connection_to(server, known_hosts=None, **stranger) as connection:
                with pytest.raises(Unreachable, match="host key"):
                    await said(connection)


async def test_a_configuration_cannot_turn_the_check_off(sshds: Servers, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("UserKnownHostsFile none\nStrictHostKeyChecking no\n")
    with sshds() as server:
        config: JsonValue = str(tmp_path / "config")
        async with connection_to(server, known_hosts=None, config=config) as connection:
            with pytest.raises(Unreachable, match="turns the check of host keys off"):
                await said(connection)


# As whom.


async def test_a_refused_login_is_not_tried_again(sshds: Servers) -> None:
    with sshds() as server:
        make_key(server.folder / "stranger")
        key: JsonValue = str(server.folder / "stranger")
        async with connection_to(server, key=key) as connection:
            for _ in range(3):
                with pytest.raises(LoginNeeded, match="does not let"):
                    await said(connection)
        assert server.log().count("Failed publickey") == 1


async def test_only_the_named_key_is_tried_though_an_agent_has_others(
    sshds: Servers, tmp_path: Path
) -> None:
    socket = tmp_path / "agent"
    with sshds("MaxAuthTries 2") as server:
        agent = await asyncio.create_subprocess_exec(
            "ssh-agent", "-D", "-a", socket, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            while not socket.exists():
                await asyncio.sleep(0.01)
            for name in ("one", "two", "three", "user"):
                if name != "user":
                    make_key(server.folder / name)
                await _add(socket, server.folder / name)
            async with connection_to(server, key=None, agent=str(socket)) as connection:
                with pytest.raises(LoginNeeded):
                    await said(connection)
            run_keygen("-q", "-p", "-N", "secret", "-f", str(server.folder / "user"))
            async with connection_to(server) as connection:
                with pytest.raises(Unreachable, match="has a passphrase, which is never stored"):
                    await said(connection)
            async with connection_to(server, agent=str(socket)) as connection:
                assert await said(connection) == "here\n"
        finally:
            agent.terminate()
            await agent.wait()


async def _add(agent: Path, key: Path) -> None:
    environment = {**os.environ, "SSH_AUTH_SOCK": str(agent)}
    adding = await asyncio.create_subprocess_exec("ssh-add", "-q", key, env=environment)
    assert await adding.wait() == 0


async def test_a_renewed_certificate_is_picked_up(sshds: Servers) -> None:
    server = sshds("TrustedUserCAKeys {folder}/authority.pub")
    make_key(server.folder / "authority")
    (server.folder / "authorized_keys").write_text("")
    certificate = server.folder / "user-cert.pub"
    sign(server, "-2h:-1h")
    with server:
        async with connection_to(server, certificate=str(certificate)) as connection:
            with pytest.raises(Unreachable, match=r"user-cert.pub expired at .*: renew it"):
                await said(connection)
            assert "expired" in connection.notice
            sign(server, "-1h:+30m")
            assert await until_answered(connection) == "here\n"
            assert "user-cert.pub expires at" in connection.notice
            sign(server, "-1h:+3h")
            assert connection.notice == ""
    assert "Accepted publickey" in server.log()


CONFIG = """Host *
  IdentityFile {0}/user
  CertificateFile {0}/there
  UserKnownHostsFile {0}/known_hosts
"""


@pytest.mark.parametrize("where", ["beside the key", "in a configuration"])
async def test_a_certificate_that_settings_do_not_name_is_one(
    sshds: Servers, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "_PAUSES", (0.0, 0.0))
    server = sshds("TrustedUserCAKeys {folder}/authority.pub")
    make_key(server.folder / "authority")
    (server.folder / "authorized_keys").write_text("")
    access = server.access()
    if where == "in a configuration":
        (server.folder / "there").symlink_to(server.folder / "user-cert.pub")
        (server.folder / "config").write_text(CONFIG.format(server.folder))
        config = str(server.folder / "config")
        access = {"host": access["host"], "agent": False, "config": config}
    with server:
        async with SshConnection(SshAccess.model_validate(access)) as connection:
            sign(server, "-2h:-1h")
            for _ in range(3):
                with pytest.raises(Unreachable, match="expired at"):
                    await said(connection)
            sign(server, "-1h:+30m")
            assert await until_answered(connection) == "here\n"
            assert "expires at" in connection.notice
            sign(server, "-1h:+3h")
            assert connection.notice == ""
        sign(server, "+1h:+2h")
        async with SshConnection(SshAccess.model_validate(access)) as connection:
            with pytest.raises(Unreachable, match="is not valid before"):
                await said(connection)
    assert server.log().count("Failed publickey") == 2 * 2, "each time the certificate and the key"


@pytest.mark.parametrize("accepted", ["user", "other"])
async def test_an_old_certificate_keeps_no_key_from_being_tried(
    sshds: Servers, accepted: str
) -> None:
    """Its own neither: elsewhere that may do without."""
    with sshds() as server:
        make_key(server.folder / "authority")
        make_key(server.folder / "other")
        (server.folder / "authorized_keys").write_text(server.public(accepted))
        sign(server, "-2h:-1h")
        keys: JsonValue = [str(server.folder / name) for name in ("user", "other")]
        async with connection_to(server, key=keys) as connection:
            assert await said(connection) == "here\n"


def sign(server: Sshd, validity: str) -> None:
    (server.folder / "user-cert.pub").unlink(missing_ok=True)
    run_keygen(
        "-q", "-s", str(server.folder / "authority"), "-I", "ada", "-n", getpass.getuser(),
        "-V", validity, str(server.folder / "user.pub"),
    )  # fmt: skip


# Where.


async def test_the_next_host_is_asked_and_then_stayed_with(sshds: Servers) -> None:
    (nobody,) = free_ports(1)
    with sshds() as first, sshds() as second:
        both = first.folder / "known_hosts"
        both.write_text(both.read_text() + (second.folder / "known_hosts").read_text())
        (second.folder / "authorized_keys").write_text(first.public("user"))
        hosts: JsonValue = [f"{HOST}:{port}" for port in (nobody, first.port, second.port)]
        async with connection_to(first, host=hosts) as connection:
            port = "echo ${SSH_CONNECTION##* }"
            assert int(await until_answered(connection, port)) == first.port
            first.kill()
            assert int(await until_answered(connection, port)) == second.port
            first.start()
            second.kill()
            second.start()
            assert int(await until_answered(connection, port)) == second.port


async def test_a_host_that_is_silent_is_not_waited_for_longer_than_is_said(sshds: Servers) -> None:
    gone = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        gone.set()

    silent = await asyncio.start_server(say_nothing, HOST, 0)
    async with silent:
        server = sshds()
        server.start()
        known = server.folder / "known_hosts"
        port = silent.sockets[0].getsockname()[1]
        known.write_text(known.read_text() + f"[{HOST}]:{port} {server.public('host')}")
        hosts: JsonValue = [f"{HOST}:{port}", f"{HOST}:{server.port}"]
        async with connection_to(server, host=hosts, connect_within=2) as connection:
            assert await said(connection) == "here\n"
        await gone.wait()


async def test_several_hosts_are_gone_through_for_commands_and_files(
    sshds: Servers, tmp_path: Path
) -> None:
    """And when one of them is lost, by the same way again."""
    inside = "AllowTcpForwarding no"
    with sshds() as outer, sshds() as inner, sshds(inside) as login, sshds(inside) as transfer:
        servers = (outer, inner, login, transfer)
        for server in servers[:2] + servers[3:]:
            (server.folder / "authorized_keys").write_text(login.public("user"))
        known = [(server.folder / "known_hosts").read_text() for server in servers]
        (login.folder / "known_hosts").write_text("".join(known))
        jump: JsonValue = [f"{HOST}:{outer.port}", f"{HOST}:{inner.port}"]
        files: JsonValue = f"{HOST}:{transfer.port}"
        async with connection_to(login, jump=jump, transfer_host=files) as connection:
            assert await said(connection) == "here\n"
            await connection.put(PurePosixPath(tmp_path / "file"), one(b"content"))
            inner.kill()
            with pytest.raises(Unreachable):
                await said(connection)
            inner.start()
            assert await until_answered(connection) == "here\n"
        assert (tmp_path / "file").read_bytes() == b"content"
        assert "subsystem 'sftp'" in transfer.log()
        assert login.log().count("Accepted publickey") == 2


async def test_whatever_a_login_trips_over_is_no_way_to_the_machine(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect(*_: object, **__: object) -> None:
        raise ValueError("what is this?")

    monkeypatch.setattr("asyncssh.connect", connect)
    async with connection_to(sshd) as connection:
        for _ in range(2):
            with pytest.raises(Unreachable, match=r"cannot log in to .*: ValueError: what is this"):
                await said(connection)


@pytest.mark.parametrize("jump", ["gate", "ssh://gate"])
async def test_an_openssh_configuration_names_host_user_key_and_jump(
    sshds: Servers, tmp_path: Path, jump: str
) -> None:
    with sshds() as gate, sshds("AllowTcpForwarding no") as inner:
        (gate.folder / "authorized_keys").write_text(inner.public("user"))
        known = inner.folder / "known_hosts"
        known.write_text(known.read_text() + (gate.folder / "known_hosts").read_text())
        (tmp_path / "config").write_text(
            f"Host gate\n  HostName {HOST}\n  Port {gate.port}\n"
            f"Host cluster\n  HostName {HOST}\n  Port {inner.port}\n  ProxyJump {jump}\n"
            f"Host *\n  IdentityFile {inner.folder}/user\n  UserKnownHostsFile {known}\n"
        )
        access: dict[str, JsonValue] = {"host": "cluster", "config": str(tmp_path / "config")}
        async with SshConnection(SshAccess.model_validate(access)) as connection:
            assert await said(connection) == "here\n"
        assert "Accepted publickey" in gate.log()
        through: JsonValue = f"{HOST}:{gate.port}"
        async with connection_to(inner, jump=through) as connection:
            assert await said(connection) == "here\n"
        assert gate.log().count("Accepted publickey") == 2


async def test_hosts_that_a_configuration_goes_through_are_as_it_says(
    sshds: Servers, tmp_path: Path
) -> None:
    """Whatever settings say of the machine itself; and the first may have others before it."""
    ada, inside = getpass.getuser(), "AllowTcpForwarding no"
    with sshds() as outer, sshds() as gate, sshds(inside) as inner:
        (outer.folder / "authorized_keys").write_text(gate.public("user"))
        known = tmp_path / "known_hosts"
        servers = (outer, gate, inner)
        known.write_text("".join((one.folder / "known_hosts").read_text() for one in servers))
        (tmp_path / "config").write_text(
            f"Host outer\n  Port {outer.port}\n"
            f"Host gate\n  Port {gate.port}\n  ProxyJump outer\n"
            f"Host cluster\n  User nobody\n  ProxyJump gate\n"
            f"Host outer gate\n  User {ada}\n  IdentityFile {gate.folder}/user\n"
            f"Host *\n  HostName {HOST}\n  UserKnownHostsFile {known}\n  ProxyJump gate\n"
        )
        access: dict[str, JsonValue] = {
            "host": "cluster",
            "config": str(tmp_path / "config"),
            "user": ada,
            "port": inner.port,
            "key": str(inner.folder / "user"),
            "agent": False,
        }
        async with SshConnection(SshAccess.model_validate(access)) as connection:
            assert await said(connection) == "here\n"
            logs = [one.log() for one in servers]
            assert [log.count("Accepted publickey") for log in logs] == [1, 1, 1]
            assert not any("Failed publickey" in log for log in logs)


# Sessions.


async def test_a_server_that_allows_fewer_sessions_is_respected(sshds: Servers) -> None:
    with sshds("MaxSessions 3") as server:
        async with connection_to(server, sessions=8) as connection:
            answers = await asyncio.gather(
                *(said(connection, f"sleep 0.2; echo {n}") for n in range(12))
            )
            assert answers == [f"{n}\n" for n in range(12)]
            hung = [connection.run("exec sleep 600", deadline=1) for _ in range(4)]
            cut = await asyncio.gather(*hung, return_exceptions=True)
            assert [type(one) for one in cut] == [CommandCut] * 4
            assert await said(connection) == "here\n", "what was cut holds no session"


async def test_a_connection_whose_sessions_nobody_can_end_is_given_up(sshds: Servers) -> None:
    """Not every server passes on a signal, and here is no session left to kill in."""
    with sshds("MaxSessions 1") as server:
        async with connection_to(server) as connection:
            with pytest.raises(CommandCut):
                await connection.run("exec sleep 600", deadline=0.5)
            assert await said(connection) == "here\n"


async def test_a_server_that_opens_no_session_is_unreachable_not_cut(sshds: Servers) -> None:
    with sshds("MaxSessions 0") as server:
        async with connection_to(server) as connection:
            with pytest.raises(Unreachable, match="opens no session"):
                await said(connection)


async def test_many_commands_share_one_connection(sshds: Servers) -> None:
    with sshds() as server:
        async with connection_to(server) as connection:
            await asyncio.gather(*(said(connection) for _ in range(50)))
        assert server.log().count("Accepted publickey") == 1


async def test_the_start_of_the_shell_is_measured(sshds: Servers) -> None:
    with sshds('ForceCommand sleep 0.3; exec sh -c "$SSH_ORIGINAL_COMMAND"') as server:
        async with connection_to(server) as connection:
            assert connection.shell_startup is None
            await said(connection)
            assert connection.shell_startup is not None
            assert 0.3 <= connection.shell_startup < 5


# What is cut.


async def test_a_server_killed_under_a_command_leaves_it_unknown(
    sshds: Servers, tmp_path: Path
) -> None:
    server = sshds()
    server.start()
    async with connection_to(server) as connection:
        running = asyncio.create_task(said(connection, f"touch {tmp_path}/begun; sleep 60"))
        await appears(tmp_path / "begun")
        server.kill()
        with pytest.raises(CommandCut):
            await running
        with pytest.raises(Unreachable):
            await said(connection)
        server.start()
        assert await until_answered(connection) == "here\n"


async def test_who_waits_to_kill_gives_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    class Channel:
        def close(self) -> None:
            pass

    monkeypatch.setattr(session, "_KILLING", 0.1)
    line = Line(cast(Any, "host"), (), 1)
    async with asyncio.timeout(PATIENCE), line.killing:
        await session._kill(line, cast(Any, Channel()), 1)


async def test_an_abandoned_command_is_killed_with_all_that_it_began(
    sshd: Sshd, tmp_path: Path
) -> None:
    script = f"(sleep 600 & echo $! >{tmp_path}/part; mv {tmp_path}/part {tmp_path}/child; wait)"
    async with connection_to(sshd) as connection:
        running = asyncio.create_task(said(connection, script))
        await appears(tmp_path / "child")
        child = int((tmp_path / "child").read_text())
        running.cancel()
        await asyncio.wait([running])
        async with asyncio.timeout(PATIENCE):
            while status(child) != "Z":
                await asyncio.sleep(0.01)
        assert await said(connection) == "here\n"


def status(process: int) -> str:
    """The letter that `/proc` has for it; what is gone counts as what nobody has waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2]
    except OSError:
        return "Z"


async def test_a_network_that_loses_everything_is_a_deadline_then_another_connection(
    sshd: Sshd,
) -> None:
    async with proxied(sshd, keep_alive=0.8) as (proxy, connection):
        await said(connection)
        lost = proxy.leave_behind()
        lost.close()
        with pytest.raises((CommandCut, Unreachable)):
            await said(connection, deadline=0.5)
        assert await until_answered(connection) == "here\n"
        lost.open()


@pytest.mark.parametrize("seed", range(3))
async def test_a_command_cut_at_any_moment_has_run_at_most_once(
    sshd: Sshd, tmp_path: Path, seed: int
) -> None:
    """And what has certainly not begun has not."""
    moments = random.Random(seed)
    for number in range(8):
        witness = tmp_path / f"witness-{number}"
        async with proxied(sshd) as (proxy, connection):
            begun = moments.random() < 0.5 and await said(connection)
            start = len(proxy.answered) + len(proxy.asked)
            after = moments.randrange(1, 1500 if begun else 6000)
            running = asyncio.create_task(said(connection, f"echo once >>{witness}"))
            while not running.done() and len(proxy.answered) + len(proxy.asked) < start + after:
                await asyncio.sleep(0)
            proxy.cut()
            try:
                answered = await running == ""
            except (CommandCut, Unreachable) as error:
                answered = False
                if isinstance(error, Unreachable):
                    assert not witness.exists()
            times = len(witness.read_text().splitlines()) if witness.exists() else 0
            assert times == 1 if answered else times <= 1


async def test_files_go_on_where_they_were_cut(sshd: Sshd, tmp_path: Path) -> None:
    size = 24 << 20
    content = random.Random(1).randbytes(size)
    place = PurePosixPath(tmp_path / "big")
    async with proxied(sshd) as (proxy, connection):

        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, size, 3 << 20):
                if at == 9 << 20:
                    proxy.cut()
                yield content[at : at + (3 << 20)]

        await connection.put(place, pieces())
        assert (tmp_path / "big").read_bytes() == content
        assert os.listdir(tmp_path) == ["big"]
        read = bytearray()
        within = PurePosixPath(tmp_path)
        async for chunk in connection.get(place, within=within, limit=size):
            read += chunk
            if 9 << 20 <= len(read) < 10 << 20:
                proxy.cut()
        assert bytes(read) == content
        assert len(proxy.asked) + len(proxy.answered) < 2.5 * size


async def test_a_file_that_is_replaced_while_it_is_read_is_no_mixture(
    sshd: Sshd, tmp_path: Path
) -> None:
    place = tmp_path / "log"
    place.write_bytes(bytes(4 << 20))
    async with proxied(sshd) as (proxy, connection):
        within = PurePosixPath(tmp_path)
        reading = connection.get(PurePosixPath(place), within=within, limit=8 << 20)
        await anext(reading)
        (tmp_path / "new").write_bytes(b"x" * (4 << 20))
        (tmp_path / "new").rename(place)
        proxy.cut()
        with pytest.raises(MachineError, match="it is being replaced"):
            async for _ in reading:
                pass


async def test_a_pipe_that_takes_the_place_of_a_file_does_not_hang(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the opening; the other sessions go on meanwhile."""
    monkeypatch.setattr("interfaces.machines.connections.ssh.sftp._STALLED", 1.0)
    place = tmp_path / "result"
    place.write_text("a map")
    async with connection_to(sshd) as connection:

        async def swap(script: str, *, deadline: float, output_limit: int = 1 << 20) -> Completed:
            answer = await connection.run(script, deadline=deadline, output_limit=output_limit)
            if "realpath" in script:
                place.unlink()
                os.mkfifo(place)
            return answer

        files = RemoteFiles(swap, connection._transfer)
        begin = time.monotonic()
        within = PurePosixPath(tmp_path)
        with pytest.raises(MachineError):
            async for _ in files.get(PurePosixPath(place), within=within, limit=100):
                pass
        assert time.monotonic() - begin < 20
        assert await said(connection) == "here\n"


async def test_a_transfer_that_does_not_begin_leaves_its_place_to_others(sshds: Servers) -> None:
    with sshds("Subsystem sftp /bin/false") as server:
        async with connection_to(server, sessions=1) as connection:
            transfer = SftpTransfer(partial(connection._line, connection._shell))
            for _ in range(2):
                with pytest.raises(NoSftp):
                    await transfer.__aenter__()
                async with asyncio.timeout(PATIENCE):
                    assert await said(connection) == "here\n"


async def test_files_go_by_the_transfer_host(sshds: Servers, tmp_path: Path) -> None:
    with sshds("Subsystem none /bin/false") as login, sshds() as transfer:
        known = login.folder / "known_hosts"
        known.write_text(known.read_text() + (transfer.folder / "known_hosts").read_text())
        (transfer.folder / "authorized_keys").write_text(login.public("user"))
        host: JsonValue = f"{HOST}:{transfer.port}"
        async with connection_to(login, transfer_host=host) as connection:
            place = PurePosixPath(tmp_path / "file")
            await connection.put(place, one(b"content"))
        assert (tmp_path / "file").read_bytes() == b"content"
        assert "subsystem 'sftp'" in transfer.log()
        assert "subsystem" not in login.log()


async def test_what_cannot_be_written_says_why(sshd: Sshd) -> None:
    async with connection_to(sshd) as connection:
        with pytest.raises(MachineError, match=r"cannot write /dev/full/x: File exists"):
            await connection.put(PurePosixPath("/dev/full/x"), one(b"x"))


async def one(content: bytes) -> AsyncIterator[bytes]:
    yield content


@asynccontextmanager
async def proxied(server: Sshd, **access: JsonValue) -> AsyncIterator[tuple[Proxy, SshConnection]]:
    """A connection by way of a proxy."""
    (port,) = free_ports(1)
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy.listening(port, server.port))
        key: JsonValue = server.public("host").strip()
        there = server.access(host=f"{HOST}:{port}", known_hosts=None, host_key=key, **access)
        connection = SshConnection(SshAccess.model_validate(there))
        yield proxy, await stack.enter_async_context(connection)


async def until_answered(connection: SshConnection, script: str = "echo here") -> str:
    """What it says as soon as it says anything, or that a host key is wrong."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await said(connection, script)
            except (CommandCut, Unreachable) as error:
                if "another host key" in str(error):
                    raise
                await asyncio.sleep(0.02)


async def appears(path: Path) -> None:
    async with asyncio.timeout(PATIENCE):
        while not path.exists():  # noqa: ASYNC240
            await asyncio.sleep(0.01)
