"""Logins to machines that ask a person: a WebSocket on which the prompts of `ssh` are answered.

What is said on it, as JSON: `{"prompt": …, "secret": …}` by us, `{"answer": …}` by the client, and
in the end `{"logged_in": true}` or `{"failed": …}` by us. No answer is kept or logged.
"""

import asyncio

from aiohttp import WSMsgType, web
from pydantic import BaseModel, Field, ValidationError

from bus import LogError
from bus.tasks import end
from events.machines import FLEET, AllowLogin
from events.values import Context
from interfaces.gateway.auth import WEB_SOCKET
from interfaces.gateway.exchange import idempotency_key
from interfaces.gateway.live import known_as_stream
from interfaces.gateway.machines import named
from interfaces.gateway.problems import STARTED, Problem
from interfaces.gateway.surroundings import edge_of
from interfaces.gateway.writes import write
from interfaces.issuing import Write
from interfaces.machines.connection import MachineError, WrongSettings
from interfaces.machines.connections.access import access_of
from interfaces.machines.connections.openssh import OpensshAccess
from interfaces.machines.connections.openssh_login import log_in

_MOST_BYTES = 4096
_MOST_UNREAD = 8
"""Answers that nothing was asked for yet."""
_YES_OR_NO = "(yes/no"
"""How `ssh` asks whether a host key is the right one."""


class Typed(BaseModel):
    """What a person types at a prompt."""

    answer: str = Field(max_length=1024, repr=False)


class Abandoned(Exception):
    """The client is gone, or says what is no answer."""


async def login(request: web.Request) -> web.StreamResponse:
    """Answer the prompts of a machine's login on a WebSocket."""
    machine, edge = await named(request), edge_of(request)
    socket = web.WebSocketResponse(
        protocols=(WEB_SOCKET,), heartbeat=edge.settings.heartbeat, max_msg_size=_MOST_BYTES
    )
    if machine.settings.connection != "openssh":
        raise Problem(409, f"{machine.name} asks nobody: only openssh does.")
    try:
        access = access_of(machine.settings, OpensshAccess)
    except WrongSettings as error:
        raise Problem(409, f"{error}.") from error
    if not socket.can_prepare(request):
        raise Problem(426, "This is a WebSocket.", headers={"Upgrade": "websocket"})
    if machine.name in edge.logging_in:
        raise Problem(409, f"Somebody is logging in to {machine.name} now.")
    edge.logging_in.add(machine.name)
    try:
        request[STARTED] = True
        await socket.prepare(request)
        with known_as_stream(request):
            await _converse(request, socket, access, machine.name)
    finally:
        edge.logging_in.discard(machine.name)
    return socket


async def _converse(
    request: web.Request, socket: web.WebSocketResponse, access: OpensshAccess, name: str
) -> None:
    heard = asyncio.Queue[str](_MOST_UNREAD)

    async def listen() -> None:
        """Until the client is gone: also while `ssh` asks nothing, and waits for a host."""
        async for message in socket:
            if message.type is not WSMsgType.TEXT or heard.full():
                break
            heard.put_nowait(message.data)

    async def ask(prompt: str) -> str:
        await socket.send_json({"prompt": prompt, "secret": _YES_OR_NO not in prompt})
        try:
            return Typed.model_validate_json(await heard.get()).answer
        except ValidationError:
            raise Abandoned from None

    listening = asyncio.create_task(listen())
    logging_in = asyncio.create_task(log_in(access, ask))
    try:
        await asyncio.wait({listening, logging_in}, return_when=asyncio.FIRST_COMPLETED)
        if not logging_in.done():
            raise Abandoned
        await logging_in
        allow = Write(
            idempotency_key(request), Context.MACHINES, FLEET, AllowLogin(name=name), ("machines",)
        )
        known = await write(request, allow)
        late = {"failed": "logged in, but it is not known yet: try again"}
        await socket.send_json({"logged_in": True} if known else late)
    except (MachineError, Problem, LogError, EOFError) as error:
        await socket.send_json({"failed": str(error)})
    except (Abandoned, ConnectionError):
        pass  # nobody is there to be told
    finally:
        await end(logging_in)
        await end(listening)
    await socket.close()
