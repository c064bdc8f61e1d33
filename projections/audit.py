"""What was done on machines: every command that changed something there, and what came of it.

Who asked for it, and for whom, is looked up when it is read.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from events import operations as e
from events.envelope import Recorded
from events.jobs import Token, token_of
from events.values import SYSTEM, Context
from projections.database import Connection, Queries, at, storable
from projections.projection import SCHEMA, Fact, Projection


class AuditLine(BaseModel):
    """One line: a command that was to be run on a machine, or what came of it."""

    place: str
    """Among the lines of its machine."""
    time: datetime
    machine: str
    command: str
    """`submit`, `cancel`, `hold`, `release`, `remove` (a folder), `check`, `login`; `configure` for
    how the machine is spoken to, `agent` for which process it is that does."""
    result: str
    """`intended` before it is run."""
    token: str | None = None
    """The job's name there."""
    account: str | None = None
    """What it is charged to; None: no job, or nobody has said so."""
    simulation: UUID | None = None
    incident: str | None = None
    owner: str | None = None
    """Whose incident it is, by login name: it is done for them. None: nobody's."""
    actor: str
    """Who asked for it, or for what it concludes: a login name, `cli` on the system's own computer,
    what else began what it follows from, or `system`, if nobody did."""
    stage: str | None = None
    """Which one made the simulation."""


def _line(event: object) -> tuple[str, str, Token | None] | None:
    """The command, what came of it, and for which job."""
    match event:
        case e.MachineConfigured(settings=settings):
            user = settings.access.get("user")
            whose = f" as {user}" if user else ""
            return "configure", f"{settings.connection}/{settings.dialect}{whose}", None
        case e.TurnTaken(agent=agent):
            return "agent", f"{agent} works there from now on", None
        case e.LoginIntended():
            return "login", "intended once more", None
        case e.CheckIntended(check=check):
            return "check", "intended, with a job of a second", token_of(check)
        case e.CheckConcluded(check=check, checkup=checkup):
            marks = Counter(finding.mark for finding in checkup.findings)
            told = ", ".join(f"{number} {mark}" for mark, number in marks.items())
            return "check", f"done: {told}", token_of(check)
        case e.SubmissionIntended(request=request):
            return "submit", "intended", request.token
        case e.SubmissionConfirmed(token=token, job_id=job_id):
            return "submit", f"done: it is the job {job_id}", token
        case e.SubmissionRefused(token=token, reason=reason):
            return "submit", f"refused: {reason}", token
        case e.PrivilegeRefused(token=token, privilege=privilege, reason=reason):
            instead = f"with the privilege {event.next}" if event.next else "as any other job"
            return "submit", f"refused as {privilege}, and submitted {instead}: {reason}", token
        case e.MachineForgotten():
            return "configure", "removed", None
        case e.SubmissionAbandoned(token=token, reason=reason):
            return "submit", f"given up: {reason}", token
        case e.SubmissionDoubted(token=token, reason=reason):
            return "submit", f"in doubt: {reason}", token
        case e.SubmissionRepeated(token=token, submission=submission):
            return "submit", f"intended once more, as submission {submission}", token
        case e.TaskHindered(token=token, task=task) if task != e.JobTask.COLLECT:
            return task, f"hindered: {event.reason}", token
        case e.RemovalIntended(token=token):
            return e.JobTask.REMOVE, "intended: the folder was kept long enough", token
        case e.FolderRemoved(token=token):
            return e.JobTask.REMOVE, "done", token
        case e.RoomSeen(full=full):
            told = f"paused, there is no room: {full}" if full else "goes on, there is room"
            return "submit", told, None
        case e.SubmissionStopped(token=token, reason=reason):
            return "submit", f"stopped until somebody decides: {reason}", token
        case e.CopiesSeen(token=token, copies=copies):
            return "submit", f"{copies} copies turned away before the program started", token
        case e.HoldIntended(token=token, held=held, reason=reason):
            return _hold(held), f"intended: {reason}".rstrip(": "), token
        case e.HoldSent(token=token, held=held):
            return _hold(held), "done: the machine took it", token
        case e.HoldRefused(token=token, held=held, reason=reason):
            return _hold(held), f"refused: {reason}", token
        case e.CancelIntended(token=token, reason=reason):
            return "cancel", f"intended: {reason}".rstrip(": "), token
        case e.CancelSent(token=token):
            return "cancel", "done: the machine took it", token
        case _:
            return None


def _hold(held: bool) -> e.JobTask:
    return e.JobTask.HOLD if held else e.JobTask.RELEASE


def _account(event: object) -> str | None:
    """What a job is charged to from then on; None: as before."""
    match event:
        case e.SubmissionIntended(privileges=(privilege, *_)) if privilege.account:
            return privilege.account
        case e.SubmissionIntended(account=account) | e.PrivilegeRefused(account=account):
            return account
        case _:
            return None


_INTENTIONS = (
    e.CheckIntended,
    e.SubmissionIntended,
    e.SubmissionRepeated,
    e.HoldIntended,
    e.CancelIntended,
    e.RemovalIntended,
)
"""What is told of a job's command afterwards is owed to whoever asked for the newest of these."""


def _asked(it: Recorded, token: Token | None) -> UUID | None:
    """The command that it follows from; None: the one that what it concludes follows from."""
    concludes = token and it.commit.actor == SYSTEM and not isinstance(it.event, _INTENTIONS)
    return None if concludes else it.commit.correlation


def _rows(it: Recorded) -> Iterator[tuple[object, ...]]:
    if told := _line(it.event):
        command, result, token = told
        commit = it.commit
        simulation = getattr(it.event, "simulation", None)
        incident = commit.incident or getattr(it.event, "incident", None)
        incident = incident and storable(incident)
        what = (storable(commit.key), command, storable(result), token, simulation, incident)
        place = (it.partition, it.offset, it.index)
        asked = (_asked(it, token), storable(commit.actor))
        yield (*place, at(it.time), *what, *asked, _account(it.event))


_COLUMNS = (
    "partition",
    "offset",
    "index",
    "time",
    "machine",
    "command",
    "result",
    "token",
    "simulation",
    "incident",
    "correlation",
    "actor",
    "account",
)


async def _apply(connection: Connection, batch: Sequence[Fact]) -> None:
    rows = [row for fact in batch for it in fact.events() for row in _rows(it)]
    if rows:
        await connection.copy_records_to_table(
            "audit", records=rows, columns=_COLUMNS, schema_name=SCHEMA
        )


PROJECTION = Projection(
    name="audit",
    version=3,
    contexts=(Context.OPERATIONS,),
    tables=("audit",),
    ddl="""
        create table vestec_read.audit (
            partition integer not null,
            "offset" bigint not null,
            "index" integer not null,
            time timestamptz not null,
            machine text not null,
            command text not null,
            result text not null,
            token text,
            simulation uuid,
            incident text,
            correlation uuid,
            actor text not null,
            account text,
            primary key (partition, "offset", "index")
        );
        create index on vestec_read.audit (machine, partition, "offset", "index");
        create index on vestec_read.audit (token) where simulation is not null;
        create index on vestec_read.audit (token, "offset", "index") where account is not null;
        create index on vestec_read.audit (token, "offset", "index") where correlation is not null;
        """,
    apply=_apply,
)


_PLACE = re.compile(r"(\d{1,18})\.(\d{1,9})", re.ASCII)


async def read_audit(
    database: Queries, machine: str, limit: int = 1000, before: str | None = None
) -> list[AuditLine]:
    """The newest lines about a machine, in the order in which they were written.

    With `before`, of those before that place; raises `ValueError` if it is none.
    """
    offset = index = None
    if before is not None:
        if not (place := _PLACE.fullmatch(before)):
            raise ValueError(f"{before!r} is no place of a line")
        offset, index = map(int, place.groups())
    found = await database.fetch(
        """
        with page as (
            select * from vestec_read.audit where machine = $1
                and ($3::bigint is null or ("offset", "index") < ($3::bigint, $4::integer))
            order by partition, "offset" desc, "index" desc limit $2
        ), named as (
            select page.*, coalesce(page.simulation, intent.simulation) as of_simulation,
                charged.account as to_account, asked_by.correlation as asked,
                coalesce(asked_by.actor, page.actor) as acted
            from page left join lateral (
                select simulation from vestec_read.audit
                where token = page.token and simulation is not null limit 1
            ) as intent on true
            left join lateral (
                select nullif(account, '') as account from vestec_read.audit a
                where a.token = page.token and a.account is not null
                    and (a."offset", a."index") <= (page."offset", page."index")
                order by a."offset" desc, a."index" desc limit 1
            ) as charged on true
            left join lateral (
                select correlation, actor from vestec_read.audit a
                where a.token = page.token and a.command = page.command
                    and a.correlation is not null
                    and (a."offset", a."index") <= (page."offset", page."index")
                order by a."offset" desc, a."index" desc limit 1
            ) as asked_by on true
        ), made as (
            select distinct on (event->>'simulation') event->>'simulation' as simulation, cause
            from vestec_read.timeline
            where incident in (select incident from named) and type = 'SimulationCreated'
        ), asked as (
            select made.simulation, stage from made
            join vestec_read.timeline t on t.context = 'incidents'
                and t.type = 'CallRequested'
                and t.partition = split_part(made.cause, '/', 2)::integer
                and t."offset" = split_part(made.cause, '/', 3)::bigint
            join vestec_read.stage_runs on run = (t.event->>'run')::uuid
            where made.cause like 'incidents/%'
        )
        select "offset" || '.' || "index" as place, time, machine, command, result, token,
            of_simulation as simulation, incident, to_account as account,
            coalesce(owner.username, nullif(of.owner, '')) as owner,
            coalesce(person.username, whose.actor) as actor,
            (select stage from asked where asked.simulation = of_simulation::text limit 1) as stage
        from named
        left join lateral (
            select coalesce(
                (
                    select actor from vestec_read.commands
                    where id = coalesce(asked, correlation) limit 1
                ),
                acted
            ) as actor
        ) as whose on true
        left join vestec_private.people as person on person.id::text = whose.actor
        left join vestec_read.incidents as of on of.id = incident
        left join vestec_private.people as owner on owner.id::text = of.owner
        order by partition, "offset", "index"
        """,
        machine,
        limit,
        offset,
        index,
    )
    return [AuditLine.model_validate(dict(record)) for record in found]
