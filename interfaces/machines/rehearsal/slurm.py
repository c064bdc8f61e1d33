"""Slurm's commands, as far as our dialect asks for them, in the formats in which it does.

Source: what a Slurm 22.05 answered (`tests/interfaces/machines/recorded`).
"""

import re
from collections.abc import Callable, Mapping

from events.jobs import After, Dependency, JobId, JobOptions, JobRequest, JobState, Token
from interfaces.machines.dialects.options import words
from interfaces.machines.dialects.slurm.load import seconds
from interfaces.machines.dialects.slurm.submit import GRAMMAR
from interfaces.machines.rehearsal.mouth import (
    CORES,
    Call,
    Malformed,
    Mouth,
    Replies,
    Said,
    count,
    filled,
    instances,
    lines,
    options,
    submit,
)
from interfaces.machines.rehearsal.site import Site, Work
from interfaces.machines.simulated.cluster import Cluster
from interfaces.machines.simulated.job import SimulatedJob

_WORDS = {JobState.QUEUED: "PENDING", JobState.HELD: "PENDING", JobState.LOST: "NODE_FAIL"}
_AFTER = {
    "after": After.STARTED,
    "afterok": After.SUCCEEDED,
    "afternotok": After.FAILED,
    "afterany": After.ENDED,
}
_FAILED = "sbatch: error: Batch job submission failed: "
_CONFIGURATION = (
    "AccountingStorageType   = accounting_storage/slurmdbd",
    "AccountingStoreFlags    = job_comment",
    "MaxArraySize            = 1001",
    "PrivateData             = none",
)
_COUNTS = words(
    "--core-spec --cores-per-socket --cpus-per-gpu --cpus-per-task --mincpus --ntasks "
    "--ntasks-per-core --ntasks-per-gpu --ntasks-per-node --ntasks-per-socket --sockets-per-node "
    "--thread-spec --threads-per-core"
)
_NODES = re.compile(r"\d+(-\d+)?")
_TIME = re.compile(r"(\d+-)?\d+(:\d+){0,2}|infinite|unlimited", re.IGNORECASE)
_HINTS = words("compute_bound memory_bound multithread nomultithread")
_TOO_LARGE = "Requested node configuration is not available"


def _failed(why: str, before: str = "") -> Said:
    said = f"sbatch: error: {before}\n" if before else ""
    return Said(stderr=f"{said}{_FAILED}{why}\n", status=1)


_REPLIES = Replies(
    taken=lambda job: f"{job.job_id}\n",
    no_queue=_failed("Invalid partition name specified"),
    too_large=_failed(_TOO_LARGE),
    refused=lambda why: _failed("Access/permission denied", why),
    no_answer=_failed("Socket timed out on send/recv operation"),
)


def _sbatch(call: Call, site: Site) -> Said:
    told = options(GRAMMAR, call.words)
    _require_understood(told)
    request = _request(told, site.cluster)
    if "--test-only" in told:
        return _estimate(request, site.cluster)
    work = Work(call.folder, call.words[-1], told.get("--output", "slurm.out"))
    return submit(site, request, work, _REPLIES)


def _squeue(call: Call, site: Site) -> Said:
    told = options(GRAMMAR, call.words)
    shown = site.cluster.shown()
    if told.get("--states") != "all":
        shown = [job for job in shown if not job.state.ended]
    rows = [_columns(job, site.cluster) for job in shown]
    if form := told.get("--Format"):
        columns = [column.partition(":") for column in form.split(",")]
        return Said(lines("".join(f"{row[n]}{end}" for n, _, end in columns) for row in rows))
    form = told["--format"]
    return Said(lines(filled(form, {"%P": r["Partition"], "%T": r["State"]}) for r in rows))


def _sacct(call: Call, site: Site) -> Said:
    told = options(GRAMMAR, call.words)
    names = told["--name"].split(",")
    jobs = [job for job in site.cluster.accounted() if job.token in names]
    rows = [_columns(job, site.cluster) for job in jobs]
    columns = told["--format"].split(",")
    return Said(lines(told["--delimiter"].join(row[n] for n in columns) for row in rows))


def _scancel(call: Call, site: Site) -> Said:
    site.cluster.cancel(Token(options(GRAMMAR, call.words)["--name"]))
    return Said()


def _scontrol(call: Call, site: Site) -> Said:
    if call.words[:2] == ["show", "job"]:
        known = any(job.job_id == call.words[2] for job in site.cluster.shown())
        return Said() if known else Said(stderr="Invalid job id specified\n", status=1)
    wish, name = call.words
    if wish == "show":
        return Said(lines(_CONFIGURATION))
    token = Token(name.removeprefix("jobname="))
    wishes: dict[str, Callable[[Token], None]] = {
        "hold": site.cluster.hold,
        "release": site.cluster.release,
    }
    wishes[wish](token)
    return Said()


def _sinfo(call: Call, site: Site) -> Said:
    if call.words == ["--version"]:
        return Said("slurm 22.05.8\n")
    form, cluster = options(GRAMMAR, call.words)["--format"], site.cluster
    used = cluster.load().slots_used or 0
    idle = cluster.slots - used
    if "%t" in form:
        nodes = [("alloc", used, f"{CORES * used}/0/0/{CORES * used}")]
        nodes += [("idle", idle, f"0/{CORES * idle}/0/{CORES * idle}")]
        rows = [{"%t": t, "%D": n, "%C": cores} for t, n, cores in nodes if n]
    else:
        rows = [
            {
                "%R": queue.name,
                "%a": "up" if queue.open else "down",
                "%l": "infinite" if queue.walltime is None else f"0:{queue.walltime}",
                "%D": cluster.slots,
            }
            for queue in cluster.queues
        ]
    return Said(lines(filled(form, row) for row in rows))


def _require_understood(told: Mapping[str, str]) -> None:
    """As `sbatch` looks at its options before it asks anybody."""
    for name, value in told.items():
        if name.startswith("--") and name not in GRAMMAR.longs:
            said = f"sbatch: unrecognized option '{name}'\n"
            raise Malformed(
                Said(stderr=f'{said}Try "sbatch --help" for more information\n', status=255)
            )
        if name in _COUNTS:
            count(value, _wrong(f'Invalid numeric value "{value}" for {name}.', 1))
        elif name == "--nodes" and not _NODES.fullmatch(value):
            raise Malformed(_wrong(f'"{value}" is not a valid node count'))
        elif name in ("--time", "--time-min") and not _TIME.fullmatch(value):
            raise Malformed(_wrong(f"Invalid {name} specification"))
        elif name == "--hint" and value not in _HINTS:
            raise Malformed(_wrong(f'unrecognized --hint argument "{value}", see --hint=help', 1))


def _wrong(why: str, status: int = 255) -> Said:
    return Said(stderr=f"sbatch: error: {why}\n", status=status)


def _request(told: Mapping[str, str], cluster: Cluster) -> JobRequest:
    """What is asked for, as the dialect has said it."""
    by_id = {job.job_id: job.token for job in cluster.jobs}
    awaited = [part.partition(":") for part in told.get("--dependency", "").split(",") if part]
    return JobRequest(
        token=Token(told.get("--job-name", "sbatch")),
        executable="wrapper.sh",
        walltime=seconds(told.get("--time", "1:00:00")) or 1,
        nodes=int(told.get("--nodes", "1").partition("-")[0]) or 1,
        instances=instances(told.get("--array", "")),
        comment=told.get("--comment", ""),
        options=JobOptions(
            queue=told.get("--partition", ""),
            qos=told.get("--qos", ""),
            hold="--hold" in told,
            after=tuple(
                Dependency(token=by_id[JobId(job_id)], on=_AFTER[on])
                for on, _, job_id in awaited
                if job_id in by_id
            ),
        ),
    )


def _estimate(request: JobRequest, cluster: Cluster) -> Said:
    """It looks no further than to the end of what runs now."""
    queue = cluster.queue_of(request)
    if queue is None:
        return _REPLIES.no_queue
    if request.nodes > cluster.slots:
        return Said(stderr=f"allocation failure: {_TOO_LARGE}\n", status=1)
    running = cluster.in_state(JobState.RUNNING)
    start = cluster.now if len(running) < cluster.slots else min(job.ends_by for job in running)
    return Said(
        stderr=f"sbatch: Job 1 to start at {start:.0f} using {request.nodes * CORES} processors"
        f" on nodes node1 in partition {queue.name}\n"
    )


def _columns(job: SimulatedJob, cluster: Cluster) -> dict[str, str]:
    """Whatever is asked of a job, by the names that `squeue` and `sacct` have for it."""
    queue = cluster.queue_of(job.request)
    code = job.exit_code or 0
    ran = job.started is not None
    word = _WORDS.get(job.state, job.state.value)
    start, end = _moment(job.started, "N/A"), _moment(job.ended, "N/A")
    host = "node1" if ran else ""
    return {
        "JobArrayID": job.its_id,
        "JobID": job.its_id,
        "Name": job.token,
        "JobName": job.token,
        "State": word,
        "Partition": queue.name if queue else "",
        "Reason": _reason(job, cluster),
        "StartTime": start,
        "Start": start,
        "EndTime": end,
        "End": end,
        "BatchHost": host or "n/a",
        "NodeList": host or "None assigned",
        "RestartCnt": str(job.attempt - 1),
        "exit_code": str(code << 8),
        "ExitCode": f"{code}:0",
    }


def _reason(job: SimulatedJob, cluster: Cluster) -> str:
    match job.state:
        case JobState.HELD:
            return "JobHeldUser"
        case JobState.QUEUED if why := cluster.why_never(job.request):
            return "PartitionDown" if "closed" in why else "PartitionTimeLimit"
        case JobState.QUEUED:
            return "Dependency" if job.request.options.after else "Priority"
    return "None"


def _moment(time: float | None, otherwise: str) -> str:
    return otherwise if time is None else f"{time:.0f}"


def _variables(job: SimulatedJob) -> dict[str, str]:
    if job.instance is None:
        return {"SLURM_JOB_ID": job.job_id}
    array = {"SLURM_ARRAY_JOB_ID": job.job_id, "SLURM_ARRAY_TASK_ID": str(job.instance)}
    return {"SLURM_JOB_ID": str(int(job.job_id) + job.instance), **array}


SLURM = Mouth(
    _variables,
    {
        "sbatch": _sbatch,
        "squeue": _squeue,
        "sacct": _sacct,
        "scancel": _scancel,
        "scontrol": _scontrol,
        "sinfo": _sinfo,
    },
)
