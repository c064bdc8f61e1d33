"""Where blobs are: what `VESTEC_BLOBS` means, and how other processes are told.

    s3://[key:secret@]bucket[/prefix][?endpoint=URL&region=NAME]

An endpoint is that of a server other than Amazon's. What the URL does not say is taken from the
environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`), or
from the role of the machine. `file:///…` is a folder; other stores are as obstore takes them.
"""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit
from urllib.request import url2pathname

from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from deploy.settings import Settings
from deploy.urls import without_secrets
from managers.blob_folder import FolderBlobStore
from managers.blobs import BlobStore, BlobStoreError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

_OPTIONS = ("endpoint", "region")
_TRIES_FOR = timedelta(seconds=30)
"""Whoever is told that the store is away tries again."""
_ANSWERS_WITHIN = timedelta(seconds=60)
"""A server copies the largest result, of 2 GiB, within one request."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def open_blobs(settings: Settings) -> BlobStore:
    """The blob store of these settings. Raises `BlobStoreError` for a URL that is wrong."""
    folder = _folder(settings)
    return FolderBlobStore(folder) if folder else BlobStore(_object_store(settings.blobs or ""))


def place_of_blobs(settings: Settings) -> str:
    """Where they are, for others to compare: a folder is that of this host, not of another.

    Containers of one host share its boot id, and can share a folder. Whose keys are used makes no
    other place.
    """
    folder = _folder(settings)
    if folder is None:
        return _without_login(settings.blobs or "")
    host = _BOOT_ID.read_text().strip()
    return f"the folder {folder.absolute()} of host {host[:8]}"


def _folder(settings: Settings) -> Path | None:
    """None: they are in an object store."""
    url = urlsplit(settings.blobs or "")
    if settings.blobs is None:
        return settings.data / "blobs"
    return Path(url2pathname(url.path)) if url.scheme == "file" else None


def _without_login(url: str) -> str:
    """A prefix and an endpoint may hold an @ as well."""
    login, at, _ = urlsplit(url).netloc.rpartition("@")
    scheme, _, rest = url.partition("://")
    return without_secrets(f"{scheme}://{rest.removeprefix(login + at)}")


def _object_store(url: str) -> ObjectStore:
    try:
        if not url.startswith("s3://"):
            return from_url(url)
        config, client = _s3(url)
        return from_url(
            _without_login(url).partition("?")[0],
            config=config,
            client_options=client,
            retry_config={"retry_timeout": _TRIES_FOR},
        )
    except (ValueError, BaseError) as error:
        reason = str(error).partition("\n")[0]
        raise BlobStoreError(f"VESTEC_BLOBS is wrong: {reason}") from None


def _s3(url: str) -> "tuple[S3Config, ClientConfig]":
    config: S3Config = {}
    client: ClientConfig = {"timeout": _ANSWERS_WITHIN}
    parts = urlsplit(url)
    login, _, bucket = parts.netloc.rpartition("@")
    if ":" in bucket:
        raise ValueError(
            "no @ ends what may be a key and its secret, in which / is %2F, ? is %3F and # is %23"
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    if unknown := options.keys() - set(_OPTIONS):
        raise ValueError(f"it has the options {' and '.join(_OPTIONS)}, not {unknown.pop()}")
    if not bucket:
        raise ValueError("it names no bucket: s3://bucket/prefix")
    if login:
        key, colon, secret = login.partition(":")
        if not (key and colon and secret):
            raise ValueError("a key comes with its secret: s3://key:secret@bucket")
        config["access_key_id"], config["secret_access_key"] = unquote(key), unquote(secret)
    if region := options.get("region"):
        config["region"] = region
    if endpoint := options.get("endpoint"):
        if not endpoint.startswith(("http://", "https://")):
            raise ValueError("an endpoint is a URL, https://host:port")
        config["endpoint"] = endpoint
        client["allow_http"] = endpoint.startswith("http://")
    return config, client
