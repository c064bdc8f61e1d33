"""PBS's commands, as far as our dialect asks for them, in the formats in which it does.

Source: what an OpenPBS 23.06 answered (`tests/interfaces/machines/recorded`).
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from events.jobs import After, Dependency, JobOptions, JobRequest, JobState, Token
from interfaces.machines.dialects.pbs.submit import GRAMMAR
from interfaces.machines.rehearsal.mouth import (
    CORES,
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
)
from interfaces.machines.rehearsal.site import Site, Work
from interfaces.machines.simulated.cluster import Cluster
from interfaces.machines.simulated.job import SimulatedJob

_AFTER = {
    "after": After.STARTED,
    "afterok": After.SUCCEEDED,
    "afternotok": After.FAILED,
    "afterany": After.ENDED,
}
_STATES = {JobState.QUEUED: "Q", JobState.HELD: "H", JobState.RUNNING: "R"}
_KILLED, _OVER_WALLTIME = 256 + 9, -29
_DELETED, _FINISHED = 91, 92
_SERVER = {
    "simulated": {
        "job_history_enable": "True",
        "query_other_jobs": "True",
        "max_array_size": 10_000,
    }
}
_COUNTED = {JobState.QUEUED: "Queued", JobState.HELD: "Held", JobState.RUNNING: "Running"}


def _failed(status: int, why: str) -> Said:
    return Said(stderr=f"qsub: {why}\n", status=status)


_BAD_SELECT = _failed(166, "Illegal attribute or resource value Resource_List.select")
_REPLIES = Replies(
    taken=lambda job: f"{_whole(job)}\n",
    no_queue=_failed(170, "Unknown queue"),
    too_large=_failed(188, "Job violates queue and/or server resource limits"),
    refused=lambda why: _failed(159, f"Access to queue is denied: {why}"),
    no_answer=_failed(2, "End of File"),
)


def _qsub(call: Call, site: Site) -> Said:
    told = options(GRAMMAR, call.words)
    request = _request(told, site.cluster)
    work = Work(call.folder, call.words[-1], f"{request.token}.out")
    return submit(site, request, work, _REPLIES)


def _qselect(call: Call, site: Site) -> Said:
    jobs = _known(site.cluster, history="-x" in call.words)
    if "-N" in call.words:
        name = call.words[call.words.index("-N") + 1]
        jobs = [job for job in jobs if job.token == name]
    return Said(lines(dict.fromkeys(map(_whole, jobs))))


def _qstat(call: Call, site: Site) -> Said:
    if "-Q" in call.words:
        return _json(Queue=_queues(site.cluster))
    if "-B" in call.words:
        return _json(pbs_version="23.06.06", Server=_SERVER)
    jobs = _known(site.cluster, history="-x" in call.words)
    ids = call.words[call.words.index("json") + 1 :]
    unknown = {*ids} - {_whole(job) for job in jobs}
    found = {_id(job): _told(job, site.cluster) for job in jobs if _whole(job) in ids}
    complaint = lines(f"qstat: Unknown Job Id {id}" for id in unknown)
    return _json(complaint, Jobs=found)


def _pbsnodes(call: Call, site: Site) -> Said:
    nodes = {
        f"node{n}": {
            "state": "job-busy" if used else "free",
            "resources_available": {"ncpus": CORES},
            "resources_assigned": {"ncpus": CORES} if used else {},
        }
        for n, used in enumerate(nodes_used(site.cluster), 1)
    }
    return _json(nodes=nodes)


def _qdel(call: Call, site: Site) -> Said:
    return _each(call.words, site, site.cluster.cancel)


def _qhold(call: Call, site: Site) -> Said:
    return _each(call.words, site, site.cluster.hold)


def _qrls(call: Call, site: Site) -> Said:
    return _each(call.words, site, site.cluster.release)


def _nodes(begins: str) -> int:
    """Of a chunk, which may leave out that it is one."""
    return 1 if "=" in begins else count(begins, _BAD_SELECT)


def _request(told: Mapping[str, str], cluster: Cluster) -> JobRequest:
    """What is asked for, as the dialect has said it."""
    by_id = {_whole(job): job.token for job in cluster.jobs}
    awaited = [part.partition(":") for part in told.get("-W depend", "").split(",") if part]
    chunks = told.get("-l select", "1").split("+")
    return JobRequest(
        token=Token(told.get("-N", "STDIN")),
        executable="wrapper.sh",
        walltime=int(told.get("-l walltime", 3600)),
        instances=instances(told.get("-J", "")),
        nodes=sum(_nodes(chunk.partition(":")[0]) for chunk in chunks),
        options=JobOptions(
            queue=told.get("-q", ""),
            hold="-h" in told,
            after=tuple(
                Dependency(token=by_id[job_id], on=_AFTER[on])
                for on, _, job_id in awaited
                if job_id in by_id
            ),
        ),
    )


def _known(cluster: Cluster, *, history: bool) -> list[SimulatedJob]:
    alive = [job for job in cluster.jobs if not job.state.ended]
    return alive + (cluster.accounted() if history else [])


def _each(ids: Iterable[str], site: Site, wish: Callable[[Token], None]) -> Said:
    for token in {job.token for job in site.cluster.jobs if _whole(job) in ids}:
        wish(token)
    return Said()


def _whole(job: SimulatedJob) -> str:
    """By which a job is asked for, or all of an array."""
    return job.job_id if job.instance is None else f"{job.job_id}[]"


def _id(job: SimulatedJob) -> str:
    return job.job_id if job.instance is None else f"{job.job_id}[{job.instance}]"


def _variables(job: SimulatedJob) -> dict[str, str]:
    index = {} if job.instance is None else {"PBS_ARRAY_INDEX": str(job.instance)}
    return {"PBS_JOBID": _id(job), **index}


def _json(complaint: str = "", **said: object) -> Said:
    return Said(f"{json.dumps(said)}\n", complaint, 153 if complaint else 0)


def _told(job: SimulatedJob, cluster: Cluster) -> dict[str, object]:
    queue = cluster.queue_of(job.request)
    told: dict[str, object] = {
        "Job_Name": job.token,
        "job_state": _STATES.get(job.state, "F"),
        "queue": queue.name if queue else "",
        "Hold_Types": "u" if job.state is JobState.HELD else "n",
        "run_count": job.attempt - (job.started is None),
    }
    if why := cluster.why_never(job.request):
        told["comment"] = f"Can Never Run: {why}"
    if job.started is not None:
        told |= {"stime": as_date(job.started), "exec_host": "node1/0"}
    if job.ended is not None:
        deleted = job.state is JobState.CANCELLED
        told |= {"obittime": as_date(job.ended), "substate": _DELETED if deleted else _FINISHED}
    if job.ended is not None and job.started is not None:
        told["Exit_status"] = _status(job)
    return told


def _status(job: SimulatedJob) -> int:
    match job.state:
        case JobState.TIMEOUT:
            return _OVER_WALLTIME
        case JobState.LOST:
            return _KILLED
    code = job.exit_code or 0
    return code + 128 if code > 128 else code


def _queues(cluster: Cluster) -> dict[str, object]:
    counts = Counter((cluster.queue_of(job.request), job.state) for job in cluster.jobs)
    return {
        queue.name: {
            "enabled": "True",
            "started": str(queue.open),
            "state_count": " ".join(
                f"{word}:{counts[queue, state]}" for state, word in _COUNTED.items()
            ),
            "resources_max": {"walltime": f"00:00:{queue.walltime}"} if queue.walltime else {},
        }
        for queue in cluster.queues
    }


PBS = Mouth(
    _variables,
    {
        "qsub": _qsub,
        "qselect": _qselect,
        "qstat": _qstat,
        "pbsnodes": _pbsnodes,
        "qdel": _qdel,
        "qhold": _qhold,
        "qrls": _qrls,
    },
)
