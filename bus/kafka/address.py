"""A `kafka://` URL, in words: which brokers, whose topics, and how to be let in.

    kafka://[user[:password]@]host[:port][,host[:port]…][/namespace][?option=value&…]

The names of topics and groups begin with the namespace, so that several systems can share brokers.
A user logs in by SASL: `sasl` is the mechanism, `password_file` where the password may be instead.
`tls=on` encrypts and checks the brokers' certificates, by those in the file `ca` if it is given;
`certificate` and `key` are files with our own. `replication` is how many copies topics get.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from bus.contract import LogError, LogUnavailable
from bus.urls import whole

_COPIES = 3
_OPTIONS = ("tls", "ca", "certificate", "key", "sasl", "password_file", "replication")
_MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
_PORT = 9092


@dataclass(frozen=True)
class Address:
    """What the URL says; `client` are arguments of any client of aiokafka's."""

    prefix: str
    """Of the names of topics and groups."""
    replication: int | None
    client: Mapping[str, Any] = field(repr=False)

    def copies(self, brokers: int) -> int:
        """Of each topic, where so many brokers are alive, or named in the URL."""
        known = max(brokers, len(self.client["bootstrap_servers"]))
        return self.replication or (_COPIES if known >= _COPIES else 1)

    def copies_of_new(self, brokers: int) -> int:
        """Of a topic that is made now. Raises `LogUnavailable` where a third broker may be away.

        Without it the topic would have one copy, and be refused when that broker is back.
        """
        copies = self.copies(brokers)
        if self.replication is None and copies == 1 < brokers:
            raise LogUnavailable(
                f"{brokers} brokers are there, and topics are not made yet: with a third one they"
                " get 3 copies. Start it, or say how many in the URL of the log: ?replication=1"
            )
        return copies

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises `LogError` for a URL that is wrong, without repeating its password."""
        try:
            return cls._parse(url)
        except (ValueError, OSError) as error:
            raise LogError(f"the URL of the log is wrong: {error}") from error

    @classmethod
    def _parse(cls, url: str) -> Self:
        parts = urlsplit(whole(url))
        login, _, hosts = parts.netloc.rpartition("@")
        if parts.scheme != "kafka" or not hosts:
            raise ValueError("it begins with kafka://host")
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
        if unknown := options.keys() - set(_OPTIONS):
            raise ValueError(f"it has the options {', '.join(_OPTIONS)}, not {unknown.pop()}")
        if empty := [name for name, value in options.items() if not value]:
            raise ValueError(f"its option {empty[0]} has no value")
        namespace = unquote(parts.path).strip("/")
        encrypted = _encryption(options)
        user = _login(login, options)
        protocol = ("SASL_" if user else "") + ("SSL" if encrypted else "PLAINTEXT")
        return cls(
            f"{namespace}." if namespace else "",
            _replication(options),
            {
                "bootstrap_servers": [_with_port(host) for host in hosts.split(",")],
                "security_protocol": protocol,
                **encrypted,
                **user,
            },
        )


def _with_port(host: str) -> str:
    parts = urlsplit(f"//{host}")
    if not parts.hostname:
        raise ValueError(f"{host!r} is no host")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{name}:{parts.port or _PORT}"


def _encryption(options: Mapping[str, str]) -> dict[str, Any]:
    given = sorted(options.keys() & {"ca", "certificate", "key"})
    tls = options.get("tls", "on" if given else "off")
    if tls not in ("on", "off"):
        raise ValueError("tls is on or off")
    if "key" in given and "certificate" not in given:
        raise ValueError("key is that of a certificate, which it has not")
    if tls == "off":
        if given:
            raise ValueError(f"{given[0]} is for encryption, and tls is off")
        return {}
    for name in given:
        Path(options[name]).open().close()  # an error of ssl's does not say which file it is about
    context = ssl.create_default_context(cafile=options.get("ca"))
    if certificate := options.get("certificate"):
        context.load_cert_chain(certificate, options.get("key"))
    return {"ssl_context": context}


def _login(login: str, options: Mapping[str, str]) -> dict[str, Any]:
    mechanism = options.get("sasl", _MECHANISMS[0])
    if mechanism not in _MECHANISMS:
        raise ValueError(f"sasl is one of {', '.join(_MECHANISMS)}")
    user, password = (unquote(part) for part in login.partition(":")[::2])
    if not user:
        if login or options.keys() & {"sasl", "password_file"}:
            raise ValueError("to log in it needs a user: kafka://user:password@host")
        return {}
    if file := options.get("password_file"):
        if password:
            raise ValueError("it has a password and a password_file: say which")
        password = Path(file).read_text().strip()
    if not password:
        raise ValueError("its user has no password: give one, or a password_file that has it")
    return {
        "sasl_mechanism": mechanism,
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }


def _replication(options: Mapping[str, str]) -> int | None:
    text = options.get("replication")
    if text is not None and not (text.isdecimal() and int(text)):
        raise ValueError("replication is a number of copies")
    return int(text) if text else None
