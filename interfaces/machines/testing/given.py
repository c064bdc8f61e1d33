"""What an author of a dialect says, so that its promises can be tested."""

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from events.jobs import JobRequest, Token
from interfaces.machines.dialect import Dialect
from interfaces.machines.scripts.layout import Layout

TOKEN = Token("vabcdefghijklm")


class Given:
    """What a subclass of the contract says."""

    tools: ClassVar[Mapping[str, str]] = {}
    """The batch system's commands, with what they do: the submit command answers `job_id`."""
    job_id: ClassVar[str]
    queue: ClassVar[Mapping[str, str]] = {}
    """The same commands, as they answer while the job of `TOKEN` runs, with the id `job_id`."""
    accounts: ClassVar[Mapping[str, str] | None] = {}
    """The same once it is gone from the queue, and ended with exit code 3; None: there are none."""
    native: ClassVar[str] = ""
    """An option in the batch system's own words; empty: there are none."""
    unsupported: ClassVar[Collection[str]] = ()
    """Fields of `JobRequest` and `JobOptions` that are refused there, or mean nothing."""
    variables: ClassVar[Mapping[str, str]] = {}
    """What the batch system sets for a job, so that its wrapper knows its id."""
    array: ClassVar[Sequence[Mapping[str, str]]] = ()
    """The same for both instances of an array; none: the dialect has no arrays, and says so."""

    def dialect(self, layout: Layout) -> Dialect:
        """The dialect under test, with settings for which all can be said that it knows."""
        raise NotImplementedError

    def request(self, **more: object) -> JobRequest:
        """A job that bears witness of each start of its program."""
        base: dict[str, object] = {"token": TOKEN, "executable": "echo started >>witness"}
        return JobRequest.model_validate({**base, "walltime": 600, **more})
