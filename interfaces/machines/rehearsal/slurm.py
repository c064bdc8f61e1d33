"""Slurm's commands, as far as our dialect asks for them, in the formats in which it does.

Source: what a Slurm 22.05 answered (`tests/interfaces/machines/recorded`).
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

from events.jobs import After, Dependency, JobId, JobOptions, JobRequest, JobState, Token
from interfaces.machines.cluster import Cluster, SimulatedJob
from interfaces.machines.rehearsal.mouth import Call, Said, filled, lines, options
from interfaces.machines.rehearsal.site import Site, Work
from interfaces.machines.slurm.load import seconds
from interfaces.machines.slurm.submit import GRAMMAR

CORES = 4
"""Of each node; a job has its nodes to itself."""
_WORDS = {JobState.QUEUED: "PENDING", JobState.HELD: "PENDING", JobState.LOST: "NODE_FAIL"}
_AFTER = {
    "after": After.STARTED,
    "afterok": After.SUCCEEDED,
    "afternotok": After.FAILED,
    "afterany": After.ENDED,
}
_FAILED = "sbatch: error: Batch job submission failed: "
_TOO_LARGE = "Requested node configuration is not available"
_NO_ANSWER = Said(stderr=f"{_FAILED}Socket timed out on send/recv operation\n", status=1)


class SlurmMouth:
    """As `Mouth`."""

    job_variable = "SLURM_JOB_ID"

    @property
    def tools(self) -> tuple[str, ...]:
        return tuple(self._commands)

    def answer(self, call: Call, site: Site) -> Said:
        name, *words = call.words
        return self._commands[name](self, call, words, site)

    def _sbatch(self, call: Call, words: list[str], site: Site) -> Said:
        told = options(GRAMMAR, words)
        request = _request(told, site.cluster)
        fate, queue = site.fate(request), site.cluster.queue_of(request)
        if queue is None:
            return _refused("Invalid partition name specified")
        if fate.refused:
            return _refused("Access/permission denied", fate.refused)
        if "--test-only" in told:
            return _estimate(request, site.cluster)
        if request.nodes > site.cluster.slots:
            return _refused(_TOO_LARGE)
        work = Work(call.folder, words[-1], told.get("--output", "slurm.out"))
        job = site.accept(request, work)
        if fate.answer_lost:
            return _NO_ANSWER
        return Said(f"{job.job_id}\n", after=fate.answer_after)

    def _squeue(self, call: Call, words: list[str], site: Site) -> Said:
        told = options(GRAMMAR, words)
        shown = site.cluster.shown()
        if told.get("--states") != "all":
            shown = [job for job in shown if not job.state.ended]
        rows = [_columns(job, site.cluster) for job in shown]
        if form := told.get("--Format"):
            columns = [column.partition(":") for column in form.split(",")]
            return Said(lines("".join(f"{row[n]}{end}" for n, _, end in columns) for row in rows))
        form = told["--format"]
        return Said(lines(filled(form, {"%P": r["Partition"], "%T": r["State"]}) for r in rows))

    def _sacct(self, call: Call, words: list[str], site: Site) -> Said:
        told = options(GRAMMAR, words)
        names = told["--name"].split(",")
        jobs = [job for job in site.cluster.accounted() if job.token in names]
        rows = [_columns(job, site.cluster) for job in jobs]
        columns = told["--format"].split(",")
        return Said(lines(told["--delimiter"].join(row[n] for n in columns) for row in rows))

    def _scancel(self, call: Call, words: list[str], site: Site) -> Said:
        site.cluster.cancel(Token(options(GRAMMAR, words)["--name"]))
        return Said()

    def _scontrol(self, call: Call, words: list[str], site: Site) -> Said:
        wish, name = words
        token = Token(name.removeprefix("jobname="))
        wishes: dict[str, Callable[[Token], None]] = {
            "hold": site.cluster.hold,
            "release": site.cluster.release,
        }
        wishes[wish](token)
        return Said()

    def _sinfo(self, call: Call, words: list[str], site: Site) -> Said:
        form, cluster = options(GRAMMAR, words)["--format"], site.cluster
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

    _commands: ClassVar[Mapping[str, Callable[["SlurmMouth", Call, list[str], Site], Said]]] = {
        "sbatch": _sbatch,
        "squeue": _squeue,
        "sacct": _sacct,
        "scancel": _scancel,
        "scontrol": _scontrol,
        "sinfo": _sinfo,
    }


def _request(told: Mapping[str, str], cluster: Cluster) -> JobRequest:
    """What is asked for, as the dialect has said it."""
    by_id = {job.job_id: job.token for job in cluster.jobs}
    awaited = [part.partition(":") for part in told.get("--dependency", "").split(",") if part]
    return JobRequest(
        token=Token(told.get("--job-name", "sbatch")),
        executable="wrapper.sh",
        walltime=seconds(told.get("--time", "1:00:00")) or 1,
        nodes=int(told.get("--nodes", 1)),
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


def _refused(why: str, before: str = "") -> Said:
    said = f"sbatch: error: {before}\n" if before else ""
    return Said(stderr=f"{said}{_FAILED}{why}\n", status=1)


def _estimate(request: JobRequest, cluster: Cluster) -> Said:
    """It looks no further than to the end of what runs now."""
    if request.nodes > cluster.slots:
        return Said(stderr=f"allocation failure: {_TOO_LARGE}\n", status=1)
    running = cluster.in_state(JobState.RUNNING)
    start = cluster.now if len(running) < cluster.slots else min(job.ends_by for job in running)
    queue = cluster.queue_of(request)
    partition = queue.name if queue else ""
    return Said(
        stderr=f"sbatch: Job 1 to start at {start:.0f} using {request.nodes * CORES} processors"
        f" on nodes node1 in partition {partition}\n"
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
        "JobArrayID": job.job_id,
        "JobID": job.job_id,
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
