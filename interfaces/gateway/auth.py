"""Who sends a request: login for a token, and the token on every request after it."""

from datetime import UTC, datetime
from functools import wraps
from uuid import UUID

from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel, Field

from events.users import login_digest
from interfaces.gateway.exchange import answer, body_of
from interfaces.gateway.passwords import Verifier
from interfaces.gateway.problems import Handler, Problem
from interfaces.gateway.senders import sender_of
from interfaces.gateway.surroundings import WebEdge, edge_of
from interfaces.gateway.throttle import Throttle
from projections.people import find_credential
from projections.users import User, find_login, find_user

USER = web.RequestKey("user", User)
EXPIRES = web.RequestKey("expires", float)
WEB_SOCKET = "vestec"
"""The protocol of WebSockets; clients that can set no header name `bearer.TOKEN` beside it."""
_TOKEN = "bearer."
_ALGORITHM = "HS256"


class Login(BaseModel):
    """What a person knows."""

    username: str = Field(min_length=1, max_length=255)
    password: str = Field(min_length=1, max_length=1024)


class AccessToken(BaseModel):
    """What goes into `Authorization: Bearer …`."""

    token: str
    token_type: str = "Bearer"
    expires: datetime


class Doorkeeper:
    """Gives tokens to who proves to be a user."""

    def __init__(self, edge: WebEdge, verifier: Verifier) -> None:
        settings = edge.settings
        self._verifier = verifier
        self._throttle = Throttle(settings.login_failures, settings.login_window, edge.wall)

    async def login(self, request: web.Request) -> web.StreamResponse:
        """Exchange a name and a password for a token."""
        edge, wanted = edge_of(request), await body_of(request, Login)
        who = (login_digest(wanted.username), sender_of(request))
        user = await find_login(edge.pool, login_digest(wanted.username))
        hash = await find_credential(edge.pool, "user", str(user.id)) if user else None
        async with self._throttle.attempt(who):
            matches = await self._verifier.verify(hash, wanted.password)
            if not matches or not user or not user.enabled:
                raise Problem(401, "The name or the password is wrong, or the user is disabled.")
        return answer(_token(edge, user.id), {"Cache-Control": "no-store"})


def _token(edge: WebEdge, user: UUID) -> AccessToken:
    now = int(edge.wall())
    expires = now + int(edge.settings.token_lifetime)
    claims = {"sub": str(user), "iat": now, "exp": expires}
    token = jwt.encode({"alg": _ALGORITHM}, claims, _key(edge))
    return AccessToken(token=token, expires=datetime.fromtimestamp(expires, UTC))


def _key(edge: WebEdge) -> OctKey:
    return OctKey.import_key(edge.token_key)


def authenticated(handler: Handler, *, administrators: bool) -> Handler:
    """Let only enabled users with a valid token through, or `administrators` alone."""

    @wraps(handler)
    async def checked(request: web.Request) -> web.StreamResponse:
        edge = edge_of(request)
        id, request[EXPIRES] = _claims(edge, _authorization(request))
        user = await find_user(edge.pool, id)
        if user is None or not user.enabled:
            raise _unauthorised("This user is disabled.")
        if administrators and not user.administrator:
            raise Problem(403, "Only administrators may do that.")
        request[USER] = user
        return await handler(request)

    return checked


def _authorization(request: web.Request) -> str:
    """The header, or what browsers can say instead of it where they ask for a WebSocket."""
    for protocol in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
        if protocol.strip().startswith(_TOKEN):
            return f"Bearer {protocol.strip().removeprefix(_TOKEN)}"
    return request.headers.get("Authorization", "")


def _claims(edge: WebEdge, header: str) -> tuple[UUID, float]:
    """The user's id and when the token expires (seconds since the epoch)."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthorised("Log in at /api/v1/login and send the token as a Bearer token.")
    try:
        claims = jwt.decode(token.strip(), _key(edge), algorithms=[_ALGORITHM]).claims
        user, expires = UUID(claims["sub"]), float(claims["exp"])
    except (JoseError, ValueError, KeyError, TypeError):
        raise _unauthorised("The token is not one of ours.") from None
    if expires <= edge.wall():
        raise _unauthorised("The token has expired; log in again.")
    return user, expires


def _unauthorised(detail: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})


def user_of(request: web.Request) -> User:
    """Who sent the request."""
    return request[USER]
