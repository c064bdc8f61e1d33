"""A batch system without any process: the same port on a model and on a clock that may jump.

For rehearsals, and for tests of everything above it. The model is advanced whenever somebody looks,
so the same seed and the same times give the same history. With a folder it survives its process.
"""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Collection, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol, Self

from pydantic import Base64Bytes, JsonValue, TypeAdapter, ValidationError

from events.jobs import (
    JobId,
    JobReport,
    JobRequest,
    JobState,
    Part,
    RelativePath,
    Template,
    Token,
    Witness,
    in_part,
    whose,
)
from events.machines import MachineLoad
from events.prose import describe
from interfaces.machines.connection import (
    FileMissing,
    FileUnfit,
    MachineError,
    TemplateUnfit,
    Unreachable,
    too_large,
)
from interfaces.machines.dialect import CANCELLED_BEFORE, Estimate, InDoubt, Refused, Submitted
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.simulated.cluster import ClusterWithWrappers
from interfaces.machines.simulated.fates import Oracle, Results, Seeded, declared, fates
from interfaces.machines.site import Host, Site

_inputs = TypeAdapter(dict[RelativePath, Base64Bytes])


class Clock(Protocol):
    """Time, in seconds since the epoch."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class WallClock:
    """The computer's own."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SimulatedBatchSystem:
    """`BatchSystem` on a model; `starts` counts how often each part's program was started."""

    lag = 0.0
    least_lag = 0.0
    forgets_deleted = False
    notice = ""
    shell_startup: float | None = None

    def __init__(
        self,
        oracle: Oracle | None = None,
        *,
        clock: Clock | None = None,
        slots: int = 4,
        results: Results | None = None,
        folder: Path | None = None,
        templates: Mapping[Template, Mapping[RelativePath, bytes]] | None = None,
    ) -> None:
        """`templates`: what the machine's hold; None: it has any that is asked for, all empty."""
        self._oracle = oracle or Seeded(seed=0)
        self._clock = clock or WallClock()
        self._results = results or declared({})
        self._folder = folder
        self._file = folder / "cluster.json" if folder else None
        self._slots, self._templates = slots, templates
        self._inputs: dict[Token, dict[RelativePath, bytes]] = {}

    @property
    def starts(self) -> Mapping[Part, int]:
        """How often the program of each part was started; more than once would be a defect."""
        return self._now().starts

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    async def prepare(
        self,
        token: Token,
        inputs: Mapping[RelativePath, AsyncIterable[bytes]],
        template: Template = "",
        *,
        again: bool = False,
    ) -> None:
        if not self._reached().submitted(token):
            contents = {**self._started_from(template)}
            contents |= {name: await _whole(chunks) for name, chunks in inputs.items()}
            self._inputs[token] = contents
            self._write(self._inputs_file(token), _inputs.dump_json(contents))

    async def submit(self, request: JobRequest, submission: int) -> Submitted | Refused:
        cluster = self._reached()
        fate = self._oracle.fate(request)
        if fate.refused:
            return Refused(fate.refused, permanent=True)
        before = {job.submission: job.job_id for job in cluster.submitted(request.token)}
        if submission in before:
            return Submitted(before[submission])
        if request.token in cluster.forbidden:
            return CANCELLED_BEFORE
        for other in request.options.after:
            if other.end and (why := other.why_never(other.end)):
                return Refused(why, permanent=True)
        if before and submission < max(before):
            raise InDoubt("a later submission took this one's place", self.lag)
        job, *_ = cluster.accept(request, submission, fates(self._oracle.fate, request))
        self._save()
        await self._clock.sleep(fate.answer_after)
        if fate.answer_lost:
            raise InDoubt("the answer to the submission was lost", self.lag)
        return Submitted(job.job_id)

    async def find(self, parts: Collection[Part]) -> Mapping[Part, JobReport]:
        cluster = self._reached()
        jobs = [job for part in parts if (job := cluster.the_job(part))]
        return {job.part: job.report(cluster.copies[job.part]) for job in jobs}

    async def observe(
        self, parts: Collection[Part], *, ask_scheduler: bool = False
    ) -> list[JobReport]:
        reports = (await self.find(parts)).values()
        return [r for r in reports if ask_scheduler or (r.host and r.state is not JobState.LOST)]

    async def cancel(self, token: Token, job_id: JobId | None = None) -> None:
        self._reached().cancel(token)
        self._save()

    async def hold(self, token: Token) -> None:
        self._reached().hold(token)
        self._save()

    async def release(self, token: Token) -> None:
        self._reached().release(token)
        self._save()

    async def estimate(self, request: JobRequest) -> Estimate:
        fate = self._oracle.fate(request)
        return Estimate(impossible=fate.refused) if fate.refused else Estimate()

    async def fetch(self, token: Token, name: RelativePath, limit: int) -> AsyncIterator[bytes]:
        files = self._files(token)
        if name not in files:
            raise FileMissing(f"job {token} has no file {name}")
        if len(files[name]) > limit:
            raise FileUnfit(too_large(len(files[name]), limit))
        yield files[name]

    async def stderr_tail(self, part: Part) -> str:
        return self._files(whose(part)).get(in_part("stderr", part), b"").decode()

    async def load(self) -> MachineLoad:
        return self._reached().load()

    async def host(self) -> Host:
        """It has none."""
        return Host()

    async def site(self) -> Site:
        return Site(version="simulated", accounting=False)

    async def hear(self, witness: Witness, token: Token) -> JobReport | None:
        return (await self.find([token])).get(token)

    async def remove(self, token: Token) -> None:
        """It keeps no folders."""

    async def retire(self, token: Token) -> None:
        """Likewise."""

    def learn(self, learned: Mapping[str, JsonValue]) -> None:
        """It is as it is."""

    async def check(self) -> None:
        self._reached()

    def _files(self, token: Token) -> Mapping[RelativePath, bytes]:
        cluster = self._reached()
        inputs = self._inputs_of(token)
        files, jobs = {**inputs}, cluster.the_jobs(token)
        for job in jobs:
            if job.started is not None:
                completed = job.state is JobState.COMPLETED
                stderr = b"" if completed else f"simulated: {job.state.lower()}\n".encode()
                files |= {in_part("stdout", job.part): b"", in_part("stderr", job.part): stderr}
        if jobs and all(job.state is JobState.COMPLETED for job in jobs):
            files |= self._results(jobs[0].request, inputs)
        return files

    def _reached(self) -> ClusterWithWrappers:
        if self._oracle.unreachable(self._clock.now()):
            raise Unreachable("the simulated machine cannot be reached now")
        return self._now()

    def _now(self) -> ClusterWithWrappers:
        self._cluster.advance(self._clock.now())
        return self._cluster

    def _started_from(self, template: Template) -> Mapping[RelativePath, bytes]:
        if not template or self._templates is None:
            return {}
        if template not in self._templates:
            raise TemplateUnfit(f"there is no template {template}")
        return self._templates[template]

    def _inputs_of(self, token: Token) -> Mapping[RelativePath, bytes]:
        file = self._inputs_file(token)
        if token not in self._inputs and file and file.exists():
            self._inputs[token] = _inputs.validate_json(file.read_bytes())
        return self._inputs.get(token, {})

    def _inputs_file(self, token: Token) -> Path | None:
        layout = Layout(PurePosixPath(self._folder or "/"))
        return Path(layout.folder(token), "inputs.json") if self._folder else None

    @cached_property
    def _cluster(self) -> ClusterWithWrappers:
        if self._file is None or not self._file.exists():
            return ClusterWithWrappers(slots=self._slots)
        try:
            return ClusterWithWrappers.model_validate_json(self._file.read_bytes())
        except ValidationError as error:
            wrong = f"no model can be read there: {describe(error)}"
            raise MachineError(f"remove {self._file}, {wrong}") from error

    def _save(self) -> None:
        self._write(self._file, self._cluster.model_dump_json().encode())

    def _write(self, file: Path | None, content: bytes) -> None:
        """Written beside its place and renamed."""
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_suffix(".part")
            part.write_bytes(content)
            part.replace(file)


async def _whole(chunks: AsyncIterable[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])
