"""LSF's commands, as far as our dialect asks for them, in the formats in which it does.

Source: the references of `bsub`, `bjobs`, `bhosts` and `bqueues`.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping

from events.jobs import After, Dependency, JobOptions, JobRequest, JobState, Token
from events.machines import Queue
from interfaces.machines.dialects.lsf.submit import GRAMMAR
from interfaces.machines.rehearsal.mouth import (
    CORES,
    NEIGHBOUR,
    Call,
    Mouth,
    Replies,
    Said,
    in_queue,
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

_AFTER = {
    "started": After.STARTED,
    "done": After.SUCCEEDED,
    "exit": After.FAILED,
    "ended": After.ENDED,
}
_STATES = {
    JobState.QUEUED: "PEND",
    JobState.HELD: "PSUSP",
    JobState.RUNNING: "RUN",
    JobState.COMPLETED: "DONE",
}
_WHY = {
    JobState.TIMEOUT: "TERM_RUNLIMIT: job killed after reaching LSF run time limit",
    JobState.CANCELLED: "TERM_OWNER: job killed by owner",
    JobState.LOST: "TERM_UNKNOWN: unknown reason",
}
_AWAITED = re.compile(r'(\w+)\("([^"]*)"\)')
_TILE = re.compile(r"ptile=(\d+)")


def _failed(why: str) -> Said:
    return Said(stderr=f"{why}. Job not submitted.\n", status=255)


_REPLIES = Replies(
    taken=lambda job: f"Job <{job.job_id}> is submitted to queue <work>.\n",
    no_queue=_failed("No such queue"),
    too_large=_failed("Too many processors requested"),
    refused=lambda why: _failed(f"User cannot use the queue ({why})"),
    no_answer=Said(stderr="Failed in an LSF library call: Communication time out\n", status=255),
)


def _bsub(call: Call, site: Site) -> Said:
    told = options(GRAMMAR, call.words)
    slots, tile = int(told.get("-n", 1)), _TILE.search(told.get("-R", ""))
    name, _, array = told.get("-J", "bsub").partition("[")
    request = JobRequest(
        token=Token(name),
        instances=instances(array.removesuffix("]")),
        executable="wrapper.sh",
        walltime=60 * int(told.get("-W", 60)),
        nodes=math.ceil(slots / (int(tile[1]) if tile else CORES)),
        options=JobOptions(
            queue=told.get("-q", ""),
            qos=told.get("-sla", ""),
            hold="-H" in told,
            after=tuple(
                Dependency(token=Token(name), on=_AFTER[on])
                for on, name in _AWAITED.findall(told.get("-w", ""))
            ),
        ),
    )
    work = Work(call.folder, call.words[-1], told.get("-o", "out"))
    return submit(site, request, work, _REPLIES)


def _bjobs(call: Call, site: Site) -> Said:
    cluster, ended = site.cluster, "-d" in call.words
    if "all" in call.words:
        me = user()
        return Said(lines([*(me for job in cluster.jobs if not job.state.ended), NEIGHBOUR]))
    jobs = cluster.accounted() if ended else [j for j in cluster.jobs if not j.state.ended]
    if not jobs:
        return Said(stderr=f"No {'' if ended else 'unfinished '}job found\n")
    return _columns(call, (_job(job, cluster) for job in jobs))


def _bhosts(call: Call, site: Site) -> Said:
    return _columns(
        call,
        (
            {
                "host_name": f"node{n}",
                "status": "closed_Full" if used else "ok",
                "max": CORES,
                "njobs": CORES * used,
                "run": CORES * used,
            }
            for n, used in enumerate(nodes_used(site.cluster), 1)
        ),
    )


def _bqueues(call: Call, site: Site) -> Said:
    return _columns(call, (_queue(site.cluster, queue) for queue in site.cluster.queues))


def _queue(cluster: Cluster, queue: Queue) -> dict[str, object]:
    states = (JobState.QUEUED, JobState.RUNNING, JobState.HELD)
    pending, running, held = (in_queue(cluster, queue, state) for state in states)
    return {
        "queue_name": queue.name,
        "status": "Open:Active" if queue.open else "Closed:Inact",
        "njobs": pending + running + held,
        "pend": pending,
        "run": running,
        "susp": held,
    }


def _columns(call: Call, rows: Iterable[Mapping[str, object]]) -> Said:
    """What `-o` asks for: names of columns, and what is between them."""
    names, _, delimiter = call.words[call.words.index("-o") + 1].partition("delimiter=")
    between = delimiter.strip("'")
    return Said(lines(between.join(str(row[name]) for name in names.split()) for row in rows))


def _wish(does: Callable[[Cluster], Callable[[Token], None]]) -> Callable[[Call, Site], Said]:
    """A command for all jobs of a name."""

    def command(call: Call, site: Site) -> Said:
        token = Token(call.words[call.words.index("-J") + 1])
        if not any(not job.state.ended for job in site.cluster.submitted(token)):
            return Said(stderr="No matching job found\n", status=255)
        does(site.cluster)(token)
        return Said()

    return command


def _job(job: SimulatedJob, cluster: Cluster) -> dict[str, object]:
    return {
        "jobid": job.job_id,
        "jobindex": _index(job),
        "job_name": job.token if job.instance is None else f"{job.token}[{_index(job)}]",
        "stat": _STATES.get(job.state, "EXIT"),
        "exit_code": job.exit_code or "-",
        "exit_reason": _WHY.get(job.state, "-"),
        "first_host": "-" if job.started is None else "node1",
        "pend_reason": _pending(job, cluster),
    }


def _pending(job: SimulatedJob, cluster: Cluster) -> str:
    if never := cluster.why_never(job.request):
        return f"Requirements can never be satisfied: {never};"
    if cluster.waits_in_vain(job):
        return "Job's dependency condition invalid or never satisfied;"
    return "-"


def _index(job: SimulatedJob) -> int:
    """The first one of an array is 1."""
    return 0 if job.instance is None else job.instance + 1


LSF = Mouth(
    lambda job: {"LSB_JOBID": job.job_id, "LSB_JOBINDEX": str(_index(job))},
    {
        "bsub": _bsub,
        "bjobs": _bjobs,
        "bhosts": _bhosts,
        "bqueues": _bqueues,
        "bkill": _wish(lambda cluster: cluster.cancel),
        "bstop": _wish(lambda cluster: cluster.hold),
        "bparams": lambda _call, _site: Said("MAX_JOB_ARRAY_SIZE = 1000\n"),
        "lsid": lambda _call, _site: Said("IBM Spectrum LSF 10.1\n"),
        "bresume": _wish(lambda cluster: cluster.release),
    },
)
