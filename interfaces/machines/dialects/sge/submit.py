"""How a job is put to Grid Engine, and what it says to that. Source: qsub(1)."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from events.jobs import After, JobId, JobRequest, Mail
from interfaces.machines.connection import Completed
from interfaces.machines.dialect import InDoubt, Refused, Submitted
from interfaces.machines.dialects.options import Arranged, Grammar, Option, arrange, words
from interfaces.machines.dialects.other_jobs import await_others
from interfaces.machines.dialects.refusals import Refusals, unless
from interfaces.machines.dialects.sge.settings import SgeSettings
from interfaces.machines.scripts.layout import Layout, quoted

GRAMMAR = Grammar(
    subjects={"-hard": "-soft"},
    prefixes={"-binding": words("env pe set")},
    flags=words(
        "-clear -cwd -h -hard -help -inherit -nostdin -notify -soft -terse -V -verify -verbose"
    ),
    ours=words(
        "-@ -A -b -C -clear -cwd -e -help -i -inherit -j -N -now -o -S -shell -soft -sync -t -tc "
        "-terse -verify -w -wd"
    ),
    accounts=words("-P"),
    lists=words("-l"),
    pairs=words("-pe -masterl"),
)

REFUSALS = Refusals(
    not_now=("jobs are allowed per user", "jobs are allowed in", "jobs are allowed per cluster"),
    permanent=(
        "Unable to run job: Job was rejected because",
        "Unable to run job: attribute ",
        "Unable to run job: denied: ",
        "Unable to run job: job rejected: ",
        "Unable to run job: unknown resource",
        "Unable to read script file",
        "is either not a file or not executable",
        "option must have",
        "option contains errors",
        "qsub: -c specifier invalid",
        "qsub: Numerical value invalid!",
        "qsub: Range specifier ",
        "qsub: Unknown hold list ",
        "qsub: Wrong ",
        "qsub: argument to -N option must not contain",
        "qsub: invalid ",
    ),
)
"""Source: what an SGE 8.1.9 answered, its texts, and those of its daemons for wrong requests."""

VERIFIED = "verified"
"""The file in a submission's folder that has the answer to whether the job can ever start."""
_JOB_ID = re.compile(r"^(\d+)(\.\d+-\d+:\d+)?$", re.MULTILINE)


@dataclass(frozen=True)
class Submit:
    """`qsub` with the wrapper of the working directory.

    A user's own `.sge_request` could make it many jobs, or none: where there is one, all defaults
    are cleared, the site's included. Other ones of the site are overridden here. Whether any queue
    is large enough is asked once, by the job's id, since nobody tells later.
    """

    layout: Layout
    settings: SgeSettings
    request: JobRequest
    directives: tuple[str, ...]

    def script(self) -> str:
        line = " ".join(quoted(word) for word in self._arranged.words)
        others = await_others(
            self.layout, self.request.options.after, lambda other: quoted(other.token)
        )
        return f"""unset LC_ALL
{unless(_impossible(self.settings, self.request))}
{others}
home=$(getent passwd "$(id -un)" | cut -d: -f6)
test -e "${{home:-$HOME}}/.sge_request" && set -- -clear
qsub "$@" -terse -S /bin/sh -C '' -b n -now n -sync n -cwd -j y -o job.log {line} \\
    ${{others:+-hold_jid "$others"}} wrapper.sh || exit
timeout 5 qalter -w v "$(grep -o '^[0-9]*' stdout)" >{VERIFIED} 2>&1
exit 0
"""

    def parse(self, completed: Completed) -> Submitted | Refused:
        if completed.exit_status:
            return REFUSALS.judge(completed, self.settings.doubt)
        match _JOB_ID.findall(completed.stdout):
            case [(job_id, _)]:
                return Submitted(JobId(job_id), self._arranged.remarks)
        said = f"{completed.stdout} {completed.stderr}".strip()
        raise InDoubt(f"qsub answered {said!r}", self.settings.doubt)

    @property
    def _arranged(self) -> Arranged:
        requested = _requested(self.settings, self.request)
        return arrange(GRAMMAR, requested, self.request, self.settings, self.directives)


def _impossible(settings: SgeSettings, request: JobRequest) -> Iterator[str]:
    """What cannot be said here, or the site's word for it is not known."""
    options = request.options
    if request.nodes > 1 and not settings.distributed:
        yield "the machine's settings name no parallel environment `distributed` over nodes"
    if request.nodes == 1 and _slots(request) > 1 and not settings.shared:
        yield "the machine's settings name no parallel environment `shared` on one node"
    if request.gpus and not settings.gpu:
        yield "the machine's settings name no resource `gpu`"
    if request.exclusive and not settings.exclusive:
        yield "the machine's settings name no resource `exclusive`"
    if options.qos:
        yield "Grid Engine has no QoS"
    if any(other.on is not After.ENDED for other in options.after):
        yield "on Grid Engine a job can wait for nothing but another's end, however it ended"


def _requested(settings: SgeSettings, request: JobRequest) -> Iterator[Option]:
    options, comment = request.options, request.comment.replace(",", ";")  # it ends a variable
    yield Option("-N", ("-N", request.token))
    yield Option("-A", ("-A", request.token))
    if request.instances > 1:
        yield Option("-t", ("-t", f"1-{request.instances}"))
    yield from _resources(settings, request)
    values = {
        "-q": options.queue or settings.queue,
        "-P": options.account or settings.account,
        "-ar": options.reservation,
        "-M": options.mail.to if options.mail else "",
        "-m": _mail(options.mail) if options.mail else "",
        "-ac": f"comment={comment}" if comment else "",
    }
    yield from (Option(name, (name, value)) for name, value in values.items() if value)
    if options.hold:
        yield Option("-h", ("-h",))
    if options.after:
        yield Option("-hold_jid", ())
    slots = _slots(request)
    if request.nodes > 1 or slots > 1:
        environment = settings.distributed if request.nodes > 1 else settings.shared
        yield Option("-pe", ("-pe", environment, str(slots)))


def _resources(settings: SgeSettings, request: JobRequest) -> Iterator[Option]:
    per_slot = math.ceil((request.memory_mib or 0) * request.nodes / _slots(request))
    values = {
        "h_rt": str(request.walltime),
        settings.memory: f"{per_slot}M" if per_slot else "",
        settings.gpu: str(request.gpus or ""),
        settings.exclusive: "true" if request.exclusive else "",
    }
    for name, value in values.items():
        if name and value:
            yield Option(f"-l {name}", ("-l", f"{name}={value}"))
    if request.constraint:
        yield Option(f"-l {request.constraint.partition('=')[0]}", ("-l", request.constraint))


def _slots(request: JobRequest) -> int:
    return max(request.nodes, request.tasks * request.cpus_per_task)


def _mail(mail: Mail) -> str:
    said = {"b": mail.begin, "e": mail.end, "a": mail.fail}
    return "".join(word for word, wanted in said.items() if wanted) or "n"
