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
    cut = "@" in parts.query and not parts.path and ":" in parts.netloc and "@" not in parts.netloc
    if cut or "@" in parts.path or parts.fragment or not all(p.isdecimal() for p in ports if p):
        raise ValueError(_WRONG)
    return url
