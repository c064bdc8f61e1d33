"""Grid Engine's commands, as far as our dialect asks for them, in the formats in which it does.

Source: what an SGE 8.1.9 answered (`tests/interfaces/machines/recorded`).
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from events.jobs import After, Dependency, JobOptions, JobRequest, JobState, Token
from interfaces.machines.dialects.sge.submit import GRAMMAR
from interfaces.machines.rehearsal.mouth import (
    CORES,
    NEIGHBOUR,
    Call,
    Mouth,
    Replies,
    Said,
    as_date,
    count,
    instances,
    lines,
    nodes_used,
    options,
    submit,
    user,
)
from interfaces.machines.rehearsal.site import Site, Work
from interfaces.machines.simulated.cluster import Cluster
from interfaces.machines.simulated.job import SimulatedJob

_STATES = {JobState.QUEUED: "qw", JobState.HELD: "hqw", JobState.RUNNING: "r"}
_RULE = "=" * 62
_TABLE = f"job-ID  prior   name       user         state\n{'-' * 45}\n"
_OTHER = f"1 0.50000 theirs {NEIGHBOUR} qw"


def _failed(why: str) -> Said:
    return Said(stderr=f"Unable to run job: {why}\nExiting.\n", status=1)


_NO_NUMBER = Said(stderr="qsub: Numerical value invalid!\n", status=7)
_REPLIES = Replies(
    taken=lambda job: job.job_id + _tasks(job) + "\n",
    no_queue=_failed("Job was rejected because job requests unknown queue."),
    too_large=_failed("job rejected: no queue instance is large enough."),
    refused=lambda why: _failed(f"denied: {why}."),
    no_answer=Said(stderr="error: failed receiving gdi request\n", status=1),
)


def _qsub(call: Call, site: Site) -> Said:
    told = options(GRAMMAR, call.words)
    awaited = [Token(name) for name in told.get("-hold_jid", "").split(",") if name]
    request = JobRequest(
        token=Token(told.get("-N", "STDIN")),
        executable="wrapper.sh",
        walltime=int(told.get("-l h_rt", 3600)),
        nodes=math.ceil(count(told.get("-pe", "1").partition("-")[0], _NO_NUMBER) / CORES),
        instances=instances(told.get("-t", "")),
        options=JobOptions(
            queue=told.get("-q", ""),
            hold="-h" in told,
            after=tuple(Dependency(token=token, on=After.ENDED) for token in awaited),
        ),
    )
    work = Work(call.folder, call.words[-1], told.get("-o", "out"))
    return submit(site, request, work, _REPLIES)


def _qstat(call: Call, site: Site) -> Said:
    cluster = site.cluster
    if "-help" in call.words:
        return Said("SGE 8.1.9\nusage: qstat [options]\n")
    jobs = [job for job in cluster.jobs if not job.state.ended]
    if "-xml" not in call.words:
        me = user()
        ours = (f"{job.job_id} 0.50000 {job.token[:10]} {me} r" for job in jobs)
        return Said(_TABLE + lines([*ours, _OTHER]))
    waiting = [_row(job, cluster) for job in jobs if job.state is not JobState.RUNNING]
    running = [_row(job, cluster) for job in jobs if job.state is JobState.RUNNING]
    if "-f" in call.words:
        running = [_instances(cluster, running)]
    return Said(
        "<?xml version='1.0'?>\n<job_info>\n"
        f"<queue_info>\n{''.join(running)}</queue_info>\n"
        f"<job_info>\n{''.join(waiting)}</job_info>\n</job_info>\n"
    )


def _qacct(call: Call, site: Site) -> Said:
    """What was deleted before it started is not accounted for."""
    records = [_record(job) for job in site.cluster.accounted() if job.started is not None]
    return Said("".join(records) or "OWNER       WALLCLOCK         UTIME\n")


def _wish(does: Callable[[Cluster], Callable[[Token], None]]) -> Callable[[Call, Site], Said]:
    """A command that names its jobs."""

    def command(call: Call, site: Site) -> Said:
        alive = {job.token for job in site.cluster.jobs if not job.state.ended}
        unknown = [name for name in call.words if name not in alive]
        for name in call.words:
            does(site.cluster)(Token(name))
        said = lines(f'denied: job "{name}" does not exist' for name in unknown)
        return Said(said, status=1 if unknown else 0)

    return command


def _qalter(call: Call, site: Site) -> Said:
    """Whether a job could ever start."""
    jobs = [job for job in site.cluster.jobs if job.job_id in call.words]
    never = [why for job in jobs if (why := site.cluster.why_never(job.request))]
    found = "verification: found suitable queue(s)"
    return Said(lines([*never, "verification: no suitable queues" if never else found]))


def _row(job: SimulatedJob, cluster: Cluster) -> str:
    again = "R" if job.attempt > 1 else ""
    queue = cluster.queue_of(job.request)
    name = f"{queue.name if queue else ''}@node1" if job.started is not None else ""
    told = {
        "JB_job_number": job.job_id,
        "JB_name": escape(job.token),
        "state": again + _STATES[job.state],
        "queue_name": name,
        "slots": str(CORES * cluster.width(job)),
    }
    if job.instance is not None:
        told["tasks"] = _task(job)
    if job.started is not None:
        told["JAT_start_time"] = datetime.fromtimestamp(job.started, UTC).strftime(
            "%Y-%m-%dT%H:%M:%S"
        )
    fields = "".join(f"<{field}>{value}</{field}>\n" for field, value in told.items())
    kind = "running" if job.state is JobState.RUNNING else "pending"
    return f'<job_list state="{kind}">\n{fields}</job_list>\n'


def _instances(cluster: Cluster, running: list[str]) -> str:
    """Each node as an instance of each queue; what is used of it is the first one's."""
    said = []
    for first, queue in zip((True, *[False] * len(cluster.queues)), cluster.queues, strict=False):
        for node, used in enumerate(nodes_used(cluster), 1):
            taken = CORES if used and first else 0
            said.append(
                f"<Queue-List>\n<name>{queue.name}@node{node}</name>\n"
                f"<slots_used>{taken}</slots_used>\n<slots_total>{CORES}</slots_total>\n"
                f"<state>{'' if queue.open else 'd'}</state>\n"
                f"{''.join(running) if first and node == 1 else ''}</Queue-List>\n"
            )
    return "".join(said)


def _record(job: SimulatedJob) -> str:
    assert job.started is not None
    assert job.ended is not None
    failed, code = _end(job)
    told: Mapping[str, object] = {
        "hostname": "node1",
        "jobname": job.token,
        "jobnumber": job.job_id,
        "taskid": _task(job),
        "start_time": as_date(job.started),
        "end_time": as_date(job.ended),
        "failed": failed,
        "exit_status": code,
        "ru_wallclock": f"{math.ceil(job.ended - job.started)}s",
        "category": f"-l h_rt={job.request.walltime}",
    }
    return lines([_RULE, *(f"{name:<12} {value}" for name, value in told.items())])


def _task(job: SimulatedJob) -> str:
    """Its number in an array, of which the first one is 1."""
    return "undefined" if job.instance is None else str(job.instance + 1)


def _tasks(job: SimulatedJob) -> str:
    return "" if job.instance is None else f".1-{job.request.instances}:1"


def _end(job: SimulatedJob) -> tuple[str, int]:
    match job.state:
        case JobState.TIMEOUT:
            return "37  : qmaster enforced h_rt, h_cpu, or h_vmem limit", 137
        case JobState.CANCELLED:
            return "100 : assumedly after job", 137
        case JobState.LOST:
            return "22  : before writing exit_status", 0
    return "0", job.exit_code or 0


SGE = Mouth(
    lambda job: {"JOB_ID": job.job_id, "SGE_TASK_ID": _task(job)},
    {
        "qsub": _qsub,
        "qstat": _qstat,
        "qacct": _qacct,
        "qalter": _qalter,
        "qconf": lambda _call, _site: Said("max_aj_tasks                 75000\n"),
        "qdel": _wish(lambda cluster: cluster.cancel),
        "qhold": _wish(lambda cluster: cluster.hold),
        "qrls": _wish(lambda cluster: cluster.release),
    },
)
