"""How a job is put to LSF, and what LSF says to that. Source: the reference of `bsub`."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from events.jobs import After, JobId, JobRequest
from interfaces.machines.connection import Completed
from interfaces.machines.dialect import InDoubt, Refused, Submitted
from interfaces.machines.dialects.batch_settings import BatchSettings
from interfaces.machines.dialects.lsf.jobs import CLEAN
from interfaces.machines.dialects.options import Arranged, Grammar, Option, arrange, words
from interfaces.machines.dialects.other_jobs import await_others
from interfaces.machines.dialects.refusals import Refusals, unless
from interfaces.machines.scripts.layout import Layout, quoted

GRAMMAR = Grammar(
    subjects={},
    flags=words("-B -H -h -I -Ip -Is -IS -ISp -ISs -IX -K -N -r -rn -ul -V -x -Zs"),
    ours=words(
        "-cwd -e -eo -env -h -I -i -Ip -is -Is -IS -ISp -ISs -IX -J -Jd -json -K -jsdl -o -oo "
        "-outdir -pack -tty -V -yaml -Zs"
    ),
    accounts=words("-P"),
    free=words("-R -a -f"),
)

REFUSALS = Refusals(
    not_now=(
        "User job limit reached",
        "limit has been reached",
        "Pending job threshold reached",
        "Queue has been closed",
        "closed by the administrator",
        "queue has reached its job limit",
    ),
    permanent=(
        "Bad CPU limit specification",
        "Bad argument",
        "Bad host name, host group name or cluster name",
        "Bad host specification",
        "Bad job name",
        "Bad resource name",
        "Bad resource requirement syntax",
        "Bad time specification",
        "Bad user group name",
        "Bad user priority",
        "Cannot exceed queue's hard limit",
        "Cannot exceed queue's resource reservation",
        "Dependency condition syntax error",
        "Host or host group is not used by the queue",
        "Job array index error",
        "Job array index too large",
        "No such queue",
        "No such project",
        "No such user group",
        "Queue does not accept EXCLUSIVE jobs",
        "Queue only accepts interactive jobs",
        "Start time is later than termination time",
        "Too few processors requested",
        "User cannot use the queue",
        "User not in the specified user group",
        "Illegal option",
        "option requires an argument",
        "Unknown resource name",
        "Too many processors requested",
        "Reservation ID does not exist",
    ),
)
"""Source: the messages of `lsberrno`."""

_AFTER = {
    After.STARTED: "started",
    After.SUCCEEDED: "done",
    After.FAILED: "exit",
    After.ENDED: "ended",
}
_JOB_ID = re.compile(r"^Job <(\d+)> is submitted to ", re.MULTILINE)


@dataclass(frozen=True)
class Submit:
    """`bsub` with a line that runs the wrapper of the working directory.

    The wrapper is no input of `bsub`: it would look for directives in all of it.
    """

    layout: Layout
    settings: BatchSettings
    request: JobRequest
    directives: tuple[str, ...]

    def script(self) -> str:
        line = " ".join(quoted(word) for word in self._arranged.words)
        others = await_others(
            self.layout,
            self.request.options.after,
            lambda other: quoted(f'{_AFTER[other.on]}("{other.token}")'),
            between=" && ",
        )
        return f"""{CLEAN}unset LC_ALL
{unless(_impossible(self.request))}
{others}
bsub -o job.log {line} ${{others:+-w "$others"}} /bin/sh ./wrapper.sh
"""

    def parse(self, completed: Completed) -> Submitted | Refused:
        if completed.exit_status:
            return REFUSALS.judge(completed, self.settings.doubt)
        match _JOB_ID.findall(completed.stdout):
            case [job_id]:
                return Submitted(JobId(job_id), self._arranged.remarks)
        said = f"{completed.stdout} {completed.stderr}".strip()
        raise InDoubt(f"bsub answered {said!r}", self.settings.doubt)

    @property
    def _arranged(self) -> Arranged:
        requested = _requested(self.settings, self.request)
        return arrange(GRAMMAR, requested, self.request, self.settings, self.directives)


def _impossible(request: JobRequest) -> Iterator[str]:
    if _slots(request) % request.nodes:
        yield "on LSF tasks must divide by nodes"


def _requested(settings: BatchSettings, request: JobRequest) -> Iterator[Option]:
    """A service class is what comes nearest to a QoS."""
    options = request.options
    slots = _slots(request)
    array = f"[1-{request.instances}]" if request.instances > 1 else ""
    values = {
        "-J": f"{request.token}{array}",
        "-Jd": request.comment or request.token,
        "-W": str(math.ceil(request.walltime / 60)),
        "-n": str(slots) if slots > 1 else "",
        "-q": options.queue or settings.queue,
        "-P": options.account or settings.account,
        "-sla": options.qos,
        "-U": options.reservation,
        "-gpu": f"num={request.gpus}" if request.gpus else "",
        "-u": options.mail.to if options.mail else "",
    }
    yield from (Option(name, (name, value)) for name, value in values.items() if value)
    for name, wanted in {
        "-x": request.exclusive,
        "-H": options.hold,
        "-B": options.mail and options.mail.begin,
        "-N": options.mail and (options.mail.end or options.mail.fail),
    }.items():
        if wanted:
            yield Option(name, (name,))
    if options.after:
        yield Option("-w", ())
    if needs := _needs(request, slots):
        yield Option("-R", ("-R", needs))


def _needs(request: JobRequest, slots: int) -> str:
    """Sections of a resource requirement."""
    sections = {
        f"select[{request.constraint}]": bool(request.constraint),
        f"span[ptile={slots // request.nodes}]": request.nodes > 1,
        "span[hosts=1]": request.nodes == 1 < slots,
        f"rusage[mem={request.memory_mib}MB]": request.memory_mib is not None,
    }
    return " ".join(section for section, wanted in sections.items() if wanted)


def _slots(request: JobRequest) -> int:
    return max(request.nodes, request.tasks * request.cpus_per_task)
