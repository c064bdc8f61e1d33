"""The batch system of a machine that has a shell: any dialect over any connection."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from pydantic import JsonValue

from events.jobs import (
    JobId,
    JobReport,
    JobRequest,
    Part,
    RelativePath,
    Template,
    Token,
    Witness,
    whose,
)
from events.machines import MachineLoad
from interfaces.machines.budget import Kind, Toll, free, pay_for
from interfaces.machines.connection import (
    MIB,
    CommandCut,
    CommandFailed,
    Connection,
    FileMissing,
    MachineError,
    NoRoom,
    NotUnderstood,
)
from interfaces.machines.dialect import Command, Dialect, Estimate, InDoubt, Refused, Submitted
from interfaces.machines.scripts import folders
from interfaces.machines.scripts.layout import Layout
from interfaces.machines.scripts.lines import scripts_in
from interfaces.machines.scripts.submission import DEADLINE, Submission
from interfaces.machines.scripts.templates import StartFrom
from interfaces.machines.site import AskHost, Host, Site
from interfaces.machines.witnesses import begun, judge, of_each, one_each, settled

Answer = TypeVar("Answer")
_WHOLE_FOLDER = 600.0
"""Seconds for the copy of a template, and to remove a folder: what is left then the next try
removes."""
_PROGRAMS = (b"#!", b"\x7fELF")
"""How files begin that are run."""


@dataclass(frozen=True)
class Limits:
    """What one question may cost: seconds, and bytes of its answer."""

    deadline: float = 30.0
    output: int = 16 * MIB


class ShellBatchSystem:
    """`BatchSystem` by scripts; it keeps no state, so any process can go on where another died."""

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        layout: Layout,
        *,
        environment: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        toll: Toll = free,
        learning: Callable[[Mapping[str, JsonValue]], Dialect] | None = None,
    ) -> None:
        """`learning` makes the dialect anew from what a check learned."""
        self._connection = connection
        self._dialect = dialect
        self._unlearned = dialect
        self._layout = layout
        self._environment = environment or {}
        self._limits = limits or Limits()
        self._toll = toll
        self._learning = learning

    @property
    def lag(self) -> float:
        return self._dialect.lag

    @property
    def least_lag(self) -> float:
        return self._unlearned.lag

    @property
    def forgets_deleted(self) -> bool:
        return self._dialect.forgets_deleted

    @property
    def shell_startup(self) -> float | None:
        return self._connection.shell_startup

    @property
    def notice(self) -> str:
        return self._connection.notice

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._connection.__aexit__(*error)

    async def prepare(
        self,
        token: Token,
        inputs: Mapping[RelativePath, AsyncIterable[bytes]],
        template: Template = "",
        *,
        again: bool = False,
    ) -> None:
        places = {name: self._layout.file(token, name) for name in inputs}
        if template and not again:
            start = StartFrom(self._layout, token, template, tuple(inputs))
            await self._ask(start, Kind.PREPARE, _WHOLE_FOLDER)
        try:
            untried = await self._ask(folders.Prepare(self._layout, token, again), Kind.PREPARE)
        except FileMissing as gone:  # and what made it may have its whole time yet
            raise InDoubt(str(gone), DEADLINE + self._dialect.doubt) from gone
        if not untried:
            return
        programs = list[RelativePath]()
        for name, chunks in inputs.items():
            noted = _noting(name, self._tolled(chunks), programs)
            await self._connection.put(places[name], noted)
        if programs:
            allow = folders.AllowToRun(self._layout, token, programs)
            await self._ask(allow, Kind.PREPARE)

    async def submit(self, request: JobRequest, submission: int) -> Submitted | Refused:
        environment = {**self._environment, **request.environment}
        complete = request.model_copy(update={"environment": environment})
        directives = await self._directives(request)
        submitting = Submission(complete, submission, self._layout, self._dialect, directives)
        try:
            return await self._ask(submitting, Kind.SUBMIT, DEADLINE)
        except (CommandCut, NotUnderstood) as unknown:
            wait = DEADLINE + self._dialect.doubt  # it may have its whole time yet
            raise InDoubt(f"the submission is unknown: {unknown}", wait) from unknown

    async def find(self, parts: Collection[Part]) -> Mapping[Part, JobReport]:
        return await self._found(parts, whole=True)

    async def _found(self, parts: Collection[Part], *, whole: bool) -> Mapping[Part, JobReport]:
        """What all witnesses say; unless it must be whole, without those whom only accounts know.

        Accounts may be away while the queue answers, and their silence proves nothing.
        """
        if not parts:
            return {}
        tokens = _whose(parts)
        found = await self._ask(folders.Read(self._layout, tokens), Kind.LOOK)
        queue = one_each(await self._ask(self._dialect.jobs(tokens), Kind.POLL), found.claims)
        alive = {part for part, row in queue.items() if not row.state.ended}
        over = [p for p in parts if p not in alive and not settled(found.statuses.get(p))]
        history: Mapping[Part, JobReport] = {}
        if over:  # it may have told of its end while the queue was asked
            found |= await self._ask(folders.Read(self._layout, _whose(over)), Kind.LOOK)
        gone = [p for p in over if p not in queue and not settled(found.statuses.get(p))]
        if gone:
            try:
                rows = await self._ask(self._dialect.history(_whose(gone)), Kind.ASK)
                history = one_each(of_each(rows, gone, found.claims), found.claims)
            except (CommandFailed, NotUnderstood):
                if whole:
                    raise
                left_out = {*gone}
                parts = [part for part in parts if part not in left_out]
        reports = (judge(found.statuses.get(p), queue.get(p), history.get(p)) for p in parts)
        known = {report.part: report for report in reports if report}
        claimed = (part for part in parts if part not in known and part in found.claims)
        return known | {part: begun(part, found.claims[part]) for part in claimed}

    async def observe(
        self, parts: Collection[Part], *, ask_scheduler: bool = False
    ) -> list[JobReport]:
        if ask_scheduler:
            return list((await self._found(parts, whole=False)).values())
        if not parts:
            return []
        return await self._ask(folders.Spool(self._layout, parts), Kind.LOOK)

    async def cancel(self, token: Token, job_id: JobId | None = None) -> None:
        try:
            await self._ask(folders.Forbid(self._layout, token), Kind.CANCEL, _WHOLE_FOLDER)
        except NoRoom:  # it may be this very job that takes it
            await self._ask(self._dialect.cancel(token, job_id), Kind.CANCEL)
            raise
        await self._ask(self._dialect.cancel(token, job_id), Kind.CANCEL)

    async def hold(self, token: Token) -> None:
        await self._ask(self._dialect.hold(token), Kind.CANCEL)

    async def release(self, token: Token) -> None:
        await self._ask(self._dialect.release(token), Kind.CANCEL)

    async def estimate(self, request: JobRequest) -> Estimate:
        return await self._ask(self._dialect.estimate(request), Kind.ASK)

    def fetch(self, token: Token, name: RelativePath, limit: int) -> AsyncIterator[bytes]:
        folder, place = self._layout.folder(token), self._layout.file(token, name)
        return self._tolled(self._connection.get(place, within=folder, limit=limit))

    def _tolled(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        return pay_for(chunks, self._toll, lambda: getattr(self._connection, "piece", None))

    async def stderr_tail(self, part: Part) -> str:
        return await self._ask(folders.Tail(self._layout, part), Kind.FILE)

    async def load(self) -> MachineLoad:
        return await self._ask(self._dialect.load(), Kind.ASK)

    async def host(self) -> Host:
        return await self._ask(AskHost(self._layout), Kind.LOOK)

    async def site(self) -> Site:
        return await self._ask(self._dialect.site(), Kind.ASK)

    async def hear(self, witness: Witness, token: Token) -> JobReport | None:
        asks = self._dialect.jobs if witness is Witness.QUEUE else self._dialect.history
        kind = Kind.POLL if witness is Witness.QUEUE else Kind.ASK
        rows = await self._ask(asks([token]), kind)
        return rows[-1] if rows else None

    async def remove(self, token: Token) -> None:
        await self._ask(folders.Remove(self._layout, token), Kind.FILE)

    async def retire(self, token: Token) -> None:
        await self._ask(folders.Retire(self._layout, token), Kind.FILE, _WHOLE_FOLDER)

    def learn(self, learned: Mapping[str, JsonValue]) -> None:
        if self._learning is not None:
            self._dialect = self._learning(learned)

    async def check(self) -> None:
        await self._ask(folders.Base(self._layout), Kind.LOOK)
        await self._ask(self._dialect.check(), Kind.ASK)

    async def _directives(self, request: JobRequest) -> Sequence[str]:
        """Of the scripts in its folder that the request runs: the same at every repetition."""
        prefix, scripts = self._dialect.directive, scripts_in(request.executable)
        if not (prefix and scripts):
            return ()
        everywhere = self._dialect.directives_anywhere
        directives = folders.Directives(self._layout, request.token, prefix, scripts, everywhere)
        return await self._ask(directives, Kind.PREPARE)

    async def _ask(
        self, command: Command[Answer], kind: Kind, deadline: float | None = None
    ) -> Answer:
        await self._toll(kind)
        completed = await self._connection.run(
            command.script(),
            deadline=deadline or self._limits.deadline,
            output_limit=self._limits.output,
        )
        try:
            return command.parse(completed)
        except MachineError:
            raise
        except Exception as error:  # whatever a reading trips over, the answer is what is wrong
            said = f"{completed.stdout.strip()[:200]!r} ({type(error).__name__}: {error})"
            raise NotUnderstood(f"the machine's answer is not understood: {said}") from error


async def _noting(
    name: RelativePath, chunks: AsyncIterable[bytes], programs: list[RelativePath]
) -> AsyncIterator[bytes]:
    """The same bytes; once they are through, the name of a program is added to `programs`."""
    begins = b""
    async for chunk in chunks:
        begins += chunk[: 4 - len(begins)]
        yield chunk
    if begins.startswith(_PROGRAMS):
        programs.append(name)


def _whose(parts: Collection[Part]) -> list[Token]:
    """The jobs that some parts are of, each once."""
    return list(dict.fromkeys(map(whose, parts)))
