"""URLs of servers that a login may be part of."""

from urllib.parse import urlsplit

_WRONG = (
    "it has a port that is no number, or a login that is not percent-encoded"
    " (/ ? # @ [ are %2F %3F %23 %40 %5B)"
)


def whole(url: str) -> str:
    """The URL. Raises `ValueError`, which repeats nothing of it, where a login seems to be cut.

    By a letter that is not percent-encoded: what comes before it is then taken for the host and its
    port, and some of the password would be shown as what is wrong.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(_WRONG) from None
    hosts = parts.netloc.rpartition("@")[2].split(",")
    ports = [host.rpartition("]")[2].rpartition(":")[2] for host in hosts if ":" in host]
    cut = _holds_login(parts.query, parts.path) or "@" in parts.path or parts.fragment
    if cut or not all(port.isdecimal() for port in ports if port):
        raise ValueError(_WRONG)
    return url


def _holds_login(query: str, path: str) -> bool:
    """Whether an option looks like the end of a login and what follows; files may have an `@`."""
    for option in query.split("&"):
        _, given, value = option.partition("=")
        if "@" in option and not (given and (path or value.startswith("/"))):
            return True
    return False
