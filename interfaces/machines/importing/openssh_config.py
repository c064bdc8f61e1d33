"""Hosts of an OpenSSH client configuration, as machines.

`ssh_config(5)`: the first value of a keyword counts, but for files of keys and certificates, which
add up. An included file's blocks end with it, and hold only where the block that includes it does.
`Match` blocks but those of `all` are not read, since they may run programs.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from glob import glob
from itertools import takewhile
from os.path import expanduser, isdir
from pathlib import Path
from typing import Any

from interfaces.machines.importing.found import Found, NotReadable, name_of

_LINE = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.+?)\s*")
_SEVERAL = ("identityfile", "certificatefile", "match")
_WHOLE = ("proxycommand", "match")
"""What they say is not words alone."""
_DEPTH = 16
"""Of files that include others, as OpenSSH has it."""
_OURS = ("hostname", "user", "port", "proxyjump", "identityagent", "userknownhostsfile")
_TIMES = {"serveraliveinterval": "keep_alive", "connecttimeout": "connect_within"}
_TIME = re.compile(r"(\d{1,9}[smhdw]?)+", re.IGNORECASE | re.ASCII)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SO_ANYWAY = ("identitiesonly", "batchmode", "pubkeyauthentication", "serveralivecountmax")
"""What is so with us, or need not be said."""
_CHECKED = ("stricthostkeychecking", "checkhostip")


@dataclass(frozen=True)
class _Block:
    """Lines for hosts of some names, of those that the block that includes its file is for."""

    patterns: tuple[str, ...]
    within: "_Block | None" = None
    lines: list[tuple[str, str]] = field(default_factory=list)
    """Keywords, in small letters, and what is said of them."""

    def is_for(self, host: str) -> bool:
        if self.within is not None and not self.within.is_for(host):
            return False
        wrong = any(fnmatchcase(host, one[1:]) for one in self.patterns if one.startswith("!"))
        return not wrong and any(fnmatchcase(host, one) for one in self.patterns)

    @property
    def names(self) -> Iterator[str]:
        """The hosts that it names and is for."""
        names = (name for name in self.patterns if not re.search(r"[*?!]", name))
        return (name for name in names if self.is_for(name))


def openssh_hosts(file: Path) -> list[Found]:
    """The hosts that the file, or one that it includes, names; raises `NotReadable`."""
    blocks = [*_blocks(file, None, 0)]
    names = dict.fromkeys(name for block in blocks for name in block.names)
    return [_machine(name, blocks, file) for name in names]


def _blocks(file: Path, within: _Block | None, depth: int) -> Iterator[_Block]:
    """Those of a file, in order; after a file that it includes, a block goes on as another one."""
    block = _Block(("*",), within)
    yield block
    for where, keyword, value in _lines(file):
        if keyword == "host":
            block = _Block(tuple(_words(file, value)), within)
            yield block
        elif keyword == "match":
            everything = value.lower() == "all"
            if not everything:
                yield _Block(("*",), within, [(keyword, value)])
            block = _Block(("*",) if everything else (), within)
            yield block
        elif keyword != "include":
            block.lines.append((keyword, value))
        elif depth == _DEPTH:
            raise NotReadable(f"{where}: files include each other without an end")
        else:
            for pattern in _words(file, value):
                for other in _included(pattern):
                    yield from _blocks(other, block, depth + 1)
            block = replace(block, lines=[])
            yield block


def _lines(file: Path) -> Iterator[tuple[str, str, str]]:
    """Where each line is, its keyword and what it says."""
    try:
        text = file.expanduser().read_text(encoding="utf-8")
    except (OSError, RuntimeError, ValueError) as error:
        raise NotReadable(f"{file} cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{file}, line {number}"
        if (found := _LINE.fullmatch(line)) is None:
            raise NotReadable(f"{where} is no line of an OpenSSH configuration")
        yield where, found[1].lower(), found[2]


def _included(pattern: str) -> list[Path]:
    """Files, in order; as for `ssh`, what names none is nothing."""
    place = pattern if pattern.startswith(("/", "~")) else f"~/.ssh/{pattern}"
    return [Path(one) for one in sorted(glob(expanduser(place))) if not isdir(one)]


def _words(file: Path, value: str) -> list[str]:
    """What is said; a word that begins with `#` begins a remark."""
    try:
        return [*takewhile(lambda word: not word.startswith("#"), shlex.split(value))]
    except ValueError as error:
        raise NotReadable(f"{file}: {value!r}: {error}") from error


def _said(host: str, blocks: Sequence[_Block], file: Path) -> dict[str, list[str]]:
    """What is said of a host, by keyword; of most the first word alone counts."""
    said: dict[str, list[str]] = {}
    for block in blocks:
        for keyword, value in block.lines if block.is_for(host) else ():
            words = [value] if keyword in _WHOLE else _words(file, value)
            if keyword in _SEVERAL:
                said[keyword] = [*said.get(keyword, []), *words]
            else:
                said.setdefault(keyword, words)
    return said


def _machine(host: str, blocks: Sequence[_Block], file: Path) -> Found:
    said = _said(host, blocks, file)
    left = ["how many nodes and cores it has is not known: 1 each"]
    if said.get("proxycommand", ["none"])[0].lower() != "none":
        left.append("it is reached by a ProxyCommand: by openssh, then, as a person logs in")
        access: dict[str, Any] = {"host": host, "config": str(file.expanduser().absolute())}
        settings = {"connection": "openssh", "access": access}
        return Found(name=name_of(host), settings=settings, left=left)
    access = {"host": _address(host, said)} | _of_files(said, left)
    if "user" in said:
        access["user"] = said["user"][0]
    if (jump := _first(said, "proxyjump")) and jump.lower() != "none":
        access["jump"] = [_hop(one.strip(), blocks, file, left) for one in jump.split(",")]
    for keyword, name in _TIMES.items():
        if (told := _first(said, keyword)) and (seconds := _seconds(told)):
            access[name] = seconds
        elif told:
            left.append(f"{keyword} {told}: it is always some time with us")
    left += [
        f"match {one}: what holds under that condition is not read" for one in said.get("match", ())
    ]
    known = {*_OURS, *_SEVERAL, *_TIMES, *_SO_ANYWAY, "proxycommand"}
    for keyword in said.keys() - known:
        why = "host keys are always checked" if keyword in _CHECKED else "it is not carried over"
        left.append(f"{keyword} {' '.join(said[keyword])}: {why}")
    settings = {"connection": "ssh", "access": access}
    return Found(name=name_of(host), settings=settings, left=[left[0], *sorted(left[1:])])


def _seconds(text: str) -> int:
    """Of a time such as `90`, `5m` or `1h30m`; 0: none, or it is no time."""
    if not _TIME.fullmatch(text):
        return 0
    parts = re.findall(r"(\d+)([a-z]?)", text.lower())
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _first(said: Mapping[str, Sequence[str]], keyword: str) -> str:
    return (said.get(keyword) or [""])[0]


def _address(host: str, said: Mapping[str, Sequence[str]]) -> str:
    name = (_first(said, "hostname") or host).replace("%h", host).replace("%%", "%")
    name = f"[{name}]" if ":" in name else name
    port = _first(said, "port")
    return f"{name}:{port}" if port not in ("", "22") else name


def _hop(jump: str, blocks: Sequence[_Block], file: Path, left: list[str]) -> str:
    """A host to go through, which may be one that the configuration names."""
    user, at, address = jump.removeprefix("ssh://").rpartition("@")
    if address.startswith("["):
        host, _, port = address[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = address.partition(":") if address.count(":") == 1 else (address, "", "")
    said = _said(host, blocks, file)
    for keyword in ("proxyjump", "identityfile", "certificatefile"):
        if keyword in said and any(host in block.patterns for block in blocks):
            words = " ".join(said[keyword])
            left.append(f"{keyword} {words} of {host}: hosts to go through have the same keys")
    whole = _address(host, {**said, "port": [port]} if port else said)
    user = user if at else _first(said, "user")
    return f"{user}@{whole}" if user else whole


def _of_files(said: Mapping[str, Sequence[str]], left: list[str]) -> dict[str, Any]:
    """Keys, a certificate, an agent, known hosts: files that are named."""
    access: dict[str, Any] = {}
    if keys := [_path(one) for one in said.get("identityfile", ()) if one.lower() != "none"]:
        access["key"] = keys
    if agent := _first(said, "identityagent"):
        access["agent"] = False if agent.lower() == "none" else _path(agent)
    if agent == "SSH_AUTH_SOCK":
        access["agent"] = True
    for keyword, name in (
        ("certificatefile", "certificate"),
        ("userknownhostsfile", "known_hosts"),
    ):
        first, *others = said.get(keyword) or ["none"]
        if first.lower() != "none":
            access[name] = _path(first)
        left += [f"{keyword} {other}: there is one only" for other in others]
    for name, value in [*access.items()]:
        if "%" in str(value) or "$" in str(value):
            left.append(f"{name} {value}: its tokens are not known here")
            del access[name]
    return access


def _path(text: str) -> str:
    return text.replace("%d", "~")
