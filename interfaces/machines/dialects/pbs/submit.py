"""How a job is put to PBS, and what PBS says to that. Source: qsub(1B), pbs_resources(7B),
pbs_job_attributes(7B)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from events.jobs import After, JobId, JobRequest, Mail
from interfaces.machines.connection import Completed
from interfaces.machines.dialect import InDoubt, Refused, Submitted
from interfaces.machines.dialects.batch_settings import BatchSettings
from interfaces.machines.dialects.options import Arranged, Grammar, Option, arrange, words
from interfaces.machines.dialects.other_jobs import NOT_YET, await_others
from interfaces.machines.dialects.refusals import Refusals, unless
from interfaces.machines.scripts.layout import Layout, quoted

GRAMMAR = Grammar(
    subjects={},
    flags=words("-f -G -h -I -V -X -z --version"),
    ours=words("-C -e -f -G -I -J -j -k -N -o -v -X -z --version")
    | {"-W block", "-W interactive", "-W sandbox", "-W umask"},
    accounts=words("-A -P"),
    letters=True,
    lists=words("-l"),
    named=words("-W"),
    attributes={
        "-W account_name": "-A",
        "-W array_indices_submitted": "-J",
        "-W error_path": "-e",
        "-W job_name": "-N",
        "-W join_path": "-j",
        "-W keep_files": "-k",
        "-W output_path": "-o",
        "-W project": "-P",
        "-W variable_list": "-v",
    },
)

REFUSALS = Refusals(
    not_now=(
        NOT_YET,
        "Maximum number of jobs already in queue",
        "Queue is not enabled",
        "limit on jobs",
        "would exceed",
    ),
    permanent=(
        "Access to queue is denied",
        "Array job exceeds server or queue size limit",
        "Bad GID for job execution",
        "Bad UID for job execution",
        "Bad time specification(s)",
        "Cannot be used with select or place",
        'Cannot have "max_walltime" without',
        'Cannot have "place" without "select"',
        "Duplicate entry in list",
        "Illegal attribute or resource value",
        "Illegal value for node",
        "Invalid Account",
        "Invalid Job Dependency",
        "Invalid credential",
        "Job exceeds queue resource limits",
        "Job violates queue and/or server resource limits",
        "Mutually exclusive values for",
        "No default queue specified",
        'Resource invalid in "select" specification',
        "Unknown Reservation Id",
        "Unknown node",
        "Unknown queue",
        "Unknown resource",
        "are not valid resources for a job array",
        "attribute value is out of range",
        '"min_walltime" can not be greater than',
        'cannot be used with "select" or "place"',
        "duplicated resource within a section of a select specification",
        "name is too long",
        "node(s) specification error",
        "qsub: illegal -",
        "qsub: invalid option",
        "script file:: No such file or directory",
        "usage: qsub",
    ),
)
"""Source: what an OpenPBS 23.06 answered, and its table of errors."""

_AFTER = {
    After.STARTED: "after",
    After.SUCCEEDED: "afterok",
    After.FAILED: "afternotok",
    After.ENDED: "afterany",
}
_NOT_PLAIN = re.compile(r"[^\w .:/+-]", re.ASCII)
_JOB_ID = re.compile(r"^\d+(\[\])?(\.[\w.-]+)?$", re.MULTILINE)


@dataclass(frozen=True)
class Submit:
    """`qsub` with the wrapper of the working directory, where its output is put, too."""

    layout: Layout
    settings: BatchSettings
    request: JobRequest
    directives: tuple[str, ...]

    def script(self) -> str:
        line = " ".join(quoted(word) for word in self._arranged.words)
        others = await_others(
            self.layout,
            self.request.options.after,
            lambda other: f"{_AFTER[other.on]}:$id",
            known='test -n "$id"',
        )
        return f"""unset LC_ALL
{unless(_impossible(self.request))}
{others}
qsub -C '' -j oe -S /bin/sh {line} ${{others:+-W "depend=$others"}} wrapper.sh
"""

    def parse(self, completed: Completed) -> Submitted | Refused:
        if completed.exit_status:
            return REFUSALS.judge(completed, self.settings.doubt)
        match [found[0] for found in _JOB_ID.finditer(completed.stdout)]:
            case [job_id]:
                return Submitted(JobId(job_id), self._arranged.remarks)
        said = f"{completed.stdout} {completed.stderr}".strip()
        raise InDoubt(f"qsub answered {said!r}", self.settings.doubt)

    @property
    def _arranged(self) -> Arranged:
        requested = _requested(self.settings, self.request)
        return arrange(GRAMMAR, requested, self.request, self.settings, self.directives)


def _impossible(request: JobRequest) -> Iterator[str]:
    if request.options.qos:
        yield "PBS has no QoS: say it in its own words, as `native` lines"


def _requested(settings: BatchSettings, request: JobRequest) -> Iterator[Option]:
    """A reservation is a queue of its own."""
    options = request.options
    values = {
        "-N": request.token,
        "-J": f"0-{request.instances - 1}" if request.instances > 1 else "",
        "-v": ",".join(f"{name}={value}" for name, value in _variables(request).items()),
        "-q": options.reservation or options.queue or settings.queue,
        "-A": options.account or settings.account,
        "-M": options.mail.to if options.mail else "",
        "-m": _mail(options.mail) if options.mail else "",
    }
    yield from (Option(name, (name, value)) for name, value in values.items() if value)
    resources = {
        "walltime": str(request.walltime),
        "select": _chunks(request),
        "place": "excl" if request.exclusive else "",
    }
    for name, value in resources.items():
        if value:
            yield Option(f"-l {name}", ("-l", f"{name}={value}"))
    if options.hold:
        yield Option("-h", ("-h",))
    if options.after:
        yield Option("-W depend", ())


def _variables(request: JobRequest) -> dict[str, str]:
    """What shows whose job it is; `qsub` sets no comment, and has words of its own for commas."""
    comment = _NOT_PLAIN.sub("_", request.comment)
    return {"VESTEC_TOKEN": request.token} | ({"VESTEC_COMMENT": comment} if comment else {})


def _chunks(request: JobRequest) -> str:
    """A chunk a node, the first ones with a task more where tasks do not divide."""
    per_node, more = divmod(max(request.tasks, request.nodes), request.nodes)
    asked = (request.memory_mib, request.gpus, request.constraint)
    if request.nodes == per_node == request.cpus_per_task == 1 and not any(asked):
        return ""
    parts = [(more, per_node + 1), (request.nodes - more, per_node)]
    return "+".join(f"{nodes}:{_chunk(request, tasks)}" for nodes, tasks in parts if nodes)


def _chunk(request: JobRequest, tasks: int) -> str:
    values = {
        "ncpus": tasks * request.cpus_per_task,
        "mpiprocs": tasks,
        "mem": f"{request.memory_mib}mb" if request.memory_mib else "",
        "ngpus": request.gpus or "",
    }
    said = [f"{name}={value}" for name, value in values.items() if value]
    return ":".join([*said, request.constraint] if request.constraint else said)


def _mail(mail: Mail) -> str:
    said = {"b": mail.begin, "e": mail.end, "a": mail.fail}
    return "".join(word for word, wanted in said.items() if wanted) or "n"
