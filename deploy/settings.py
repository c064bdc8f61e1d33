"""Everything that can be set, typed and explained; `vestec settings` prints this list.

From the command line, else the environment (`VESTEC_…`), else these defaults.
"""

from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bus.urls import whole


def _whole(url: str) -> str:
    try:
        return whole(url)
    except ValueError as error:
        raise PydanticCustomError("url", "{why}", {"why": str(error)}) from None


PostgresUrl = Annotated[
    str, StringConstraints(pattern=r"^postgres(ql)?://"), AfterValidator(_whole)
]
LogUrl = Annotated[
    str, StringConstraints(pattern=r"^(postgres(ql)?|kafka)://"), AfterValidator(_whole)
]


def _listed(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [one for each in value.split(",") if (one := each.strip())]


Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_listed)]


class Settings(BaseSettings):
    """How a VESTEC is run."""

    model_config = SettingsConfigDict(env_prefix="VESTEC_", frozen=True, extra="ignore")

    data: Path = Field(
        Path(".vestec"),
        description="Folder of the embedded PostgreSQL, of blobs and secrets unless set otherwise.",
    )
    log: LogUrl | None = Field(
        None,
        description="URL of the log, kafka://host:port,… or postgresql://…; the embedded PostgreSQL"
        " of the data folder if unset.",
    )
    database: PostgresUrl | None = Field(
        None,
        description="URL of the PostgreSQL of the read models, users and snapshots; if unset, that"
        " of the log, or the embedded one where the log is on Kafka. The log stays where it is.",
    )
    blobs: str | None = Field(
        None,
        validate_default=True,
        description="URL of an object store for blobs,"
        " s3://[key:secret@]bucket[/prefix][?endpoint=URL&region=NAME], or file:///… for a folder;"
        " a folder below the data if unset. Must be set where VESTEC_LOG is: every process must"
        " reach the same blobs.",
    )
    workflows: str = Field(
        "",
        description="Workflows to run besides the installed ones: `module:attribute,…`, looked for"
        " in the current folder as well.",
    )
    host: str = Field("127.0.0.1", description="Address on which the gateway listens.")
    port: int = Field(
        8450, ge=0, le=65535, description="Port on which it listens; 0: any free one."
    )
    proxies: Networks = Field(
        (),
        description="Addresses or networks, ADDRESS[/BITS],…, of proxies before the gateway: who"
        " comes by them is told by their X-Forwarded-For, which is believed from nobody else.",
    )
    partitions: int = Field(
        4, ge=1, le=1024, description="Partitions of each topic; fixed when they are created."
    )
    lease: float = Field(
        6.0, ge=1.0, description="Seconds after which a silent process is replaced."
    )
    append_deadline: float = Field(
        10.0,
        gt=0,
        description="Seconds after which an append is in doubt, or another call to the log failed.",
    )
    push_limit: int = Field(
        256 * 1024 * 1024, gt=0, description="Largest push to or pull by an endpoint, in bytes."
    )
    pull_deadline: float = Field(30.0, gt=0, description="Seconds that one pull may take.")
    result_limit: int = Field(
        2 * 1024 * 1024 * 1024, gt=0, description="Largest result of a simulation, in bytes."
    )
    result_deadline: float = Field(
        600.0,
        gt=0,
        description="Seconds in which nothing of a result comes before it is tried anew.",
    )
    token_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Signs logins: at least 32 characters, the same in every process."
        " Made once and kept in the data folder if unset.",
    )
    token_hours: float = Field(12.0, gt=0, description="Hours after which a login ends.")
    sensors: Path | None = Field(
        None,
        description="TOML file that declares the sensor feeds (docs/sensors.md); they need a log on"
        " Kafka.",
    )
    public_days: float = Field(
        7.0,
        gt=0,
        description="Days that public events are kept (docs/public_events.md), where the log is on"
        " Kafka; of a topic that is there already it is changed with kafka-configs.sh.",
    )
    public_source: str = Field(
        "/vestec",
        pattern=r"^[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+$",
        description="What public events name as their source: a URI reference, another one for each"
        " system that the same consumers listen to; never changed.",
    )
    look: float = Field(
        2.0,
        gt=0,
        description="Seconds between two looks at the jobs of a machine; at most 0.2 at those of"
        " this computer.",
    )
    ask: float = Field(
        60.0,
        gt=0,
        description="Seconds between two questions to a machine's scheduler; at most 5 on this"
        " computer.",
    )
    agent: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,99})?$",
        description="The name that machines give to a process with a machine-interface which alone,"
        " or with others of that name, may work on them (docs/machines.md).",
    )
    frozen_after: float = Field(
        30.0,
        gt=0,
        description="Seconds of CPU time after which a process is ended in which code of a workflow"
        " holds up all else, even signals; at least twice as many as there are cores.",
    )
    log_level: str = Field(
        "info", description="Lines of at least this level are logged: debug, info, warning, error."
    )

    @field_validator("data", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if value == "":
            raise PydanticCustomError("empty", "a folder has a name; . is the current one")
        return value

    @field_validator("sensors", mode="before")
    @classmethod
    def _file(cls, value: object) -> object:
        if value == "":
            raise PydanticCustomError("empty", "a file has a name; unset it where there are none")
        return value

    @field_validator("blobs")
    @classmethod
    def _where_others_find_them(cls, blobs: str | None, info: ValidationInfo) -> str | None:
        """A folder below the data is this host's; a log elsewhere may be that of many hosts."""
        if blobs is None and info.data.get("log") is not None:
            raise PydanticCustomError(
                "blobs_unset",
                "VESTEC_LOG may be shared by several hosts: set VESTEC_BLOBS to an object store"
                " that every host reaches, or to a folder (file:///…) that every process shares",
            )
        return blobs
