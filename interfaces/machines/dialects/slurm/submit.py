"""How a job is put to Slurm, and what Slurm says to that."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from events.jobs import After, JobId, JobRequest, Mail
from interfaces.machines.connection import CommandFailed, Completed
from interfaces.machines.dialect import Estimate, InDoubt, Refused, Submitted
from interfaces.machines.dialects.asking import number
from interfaces.machines.dialects.batch_settings import DatedSettings
from interfaces.machines.dialects.options import Arranged, Grammar, Option, arrange, words
from interfaces.machines.dialects.other_jobs import NOT_YET, await_others
from interfaces.machines.dialects.refusals import Refusals
from interfaces.machines.dialects.slurm.environment import CLEAN, QUESTION
from interfaces.machines.scripts.layout import Layout, quoted

GRAMMAR = Grammar(
    subjects={
        "-A": "--account", "-a": "--array", "-C": "--constraint", "-c": "--cpus-per-task",
        "-D": "--chdir", "-d": "--dependency", "-e": "--error", "-G": "--gpus",
        "-H": "--hold", "-h": "--help", "-i": "--input", "-J": "--job-name", "-M": "--clusters",
        "-N": "--nodes", "-n": "--ntasks", "-o": "--output", "-p": "--partition", "-q": "--qos",
        "-t": "--time", "-V": "--version", "-W": "--wait", "--cluster": "--clusters",
        "--gpus-per-node": "--gpus", "--gres": "--gpus", "--mem-per-cpu": "--mem",
        "--mem-per-gpu": "--mem", "--usage": "--help",
    },
    flags=words(
        "--contiguous --disable-stdout-job-summary --exclusive --get-user-env --help --hold "
        "--ignore-pbs --kill-on-invalid-dep --nice --no-requeue --oversubscribe --overcommit "
        "--parsable --propagate --quiet --reboot --requeue --spread-job --test-only --usage "
        "--use-min-nodes --verbose --version --wait -H -h -k -O -Q -s -V -v -W"
    ),
    ours=words(
        "--array --chdir --clusters --error --help --input --job-name --open-mode --output "
        "--parsable --test-only --version --wait --wrap"
    ),
    accounts=words("--account"),
    longs=words(
        "--account --acctg-freq --array --batch --bb --bbf --begin --chdir --cluster "
        "--cluster-constraint --clusters --comment --constraint --container --container-id "
        "--context --contiguous --core-spec --cores-per-socket --cpu-freq --cpus-per-gpu "
        "--cpus-per-task --deadline --delay-boot --dependency --disable-stdout-job-summary "
        "--distribution --error --exclude --exclusive --export --export-file --extra "
        "--extra-node-info --get-user-env --gid --gpu-bind --gpu-freq --gpus --gpus-per-node "
        "--gpus-per-socket --gpus-per-task --gres --gres-flags --help --hint --hold --ignore-pbs "
        "--input --job-name --kill-on-invalid-dep --licenses --mail-type --mail-user --mcs-label "
        "--mem --mem-bind --mem-per-cpu --mem-per-gpu --mincpus --network --nice --no-kill "
        "--no-requeue --nodefile --nodelist --nodes --ntasks --ntasks-per-core --ntasks-per-gpu "
        "--ntasks-per-node --ntasks-per-socket --ntasks-per-tres --oom-kill-step --open-mode "
        "--output --overcommit --oversubscribe --parsable --partition --power --prefer --priority "
        "--profile --propagate --qos --quiet --reboot --requeue --reservation --resv-ports "
        "--segment --share --signal --sockets-per-node --spread-job --stepmgr --switches --tasks "
        "--tasks-per-node --test-only --thread-spec --threads-per-core --time --time-min --tmp "
        "--tres-bind --tres-per-job --tres-per-task --uid --umask --usage --use-min-nodes "
        "--verbose --version --wait --wait-all-nodes --wckey --wrap"
    ),
    letters=True,
)  # fmt: skip

_FAILED = "Batch job submission failed: "
REFUSALS = Refusals(
    not_now=(
        NOT_YET,
        "GrpSubmit",
        "MaxSubmit",
        *(
            _FAILED + text
            for text in (
                "Required node not available",
                "Required partition not available",
                "Resource temporarily unavailable",
                "System submissions disabled",
                "Unable to create job record",
            )
        ),
    ),
    permanent=(
        *(
            _FAILED + text
            for text in (
                "Access denied to requested reservation",
                "Access/permission denied",
                "Circular job dependency",
                "Invalid ",
                "Job dependency problem",
                "Job size specification needs to be provided",
                "Job violates accounting/QOS policy",
                "More processors requested than permitted",
                "No partition specified",
                "Node count specification invalid",
                "Requested ",
                "Time limit specification required",
                "User's group not permitted to use this partition",
            )
        ),
        "Invalid --",
        "Invalid generic resource",
        "Invalid license specification",
        "Memory specification can not be satisfied",
        "This does not look like a batch script",
        "Unable to open file",
        "invalid option",
        "is ambiguous",
        "invalid partition specified",
        "requires an argument",
        "unrecognized option",
    ),
)
"""Source: what a Slurm 22.05 answered, and its table of errors."""

UNASKED = Refusals(
    not_now=REFUSALS.not_now,
    permanent=(
        *REFUSALS.permanent,
        ": Unmatched `",
        "Bad rlimit name",
        "Cannot specify both ",
        "Container support is not configured",
        "Could not open user environment file",
        "Failed to validate job spec",
        "Inconsistent values set to --",
        "Invalid GRES specification",
        "Invalid TRES for --",
        "Invalid Trackable RESource",
        "Invalid directive found in batch script",
        "Invalid node list specified",
        "Invalid numeric value ",
        "Maximum node count ",
        "Numeric argument ",
        "Priority must be ",
        "Requested GRES option unsupported",
        "Script arguments not permitted",
        "With Arbitrary distribution you need to",
        "You can not have --",
        "error opening file ",
        "invalid --",
        "invalid number of ",
        "is incompatible with --",
        "is mutually exclusive with --",
        "is not a valid node count",
        "mutually exclusive.",
        "options are mutually exclusive",
        "unrecognized --",
    ),
)
"""What it says of options and files before it asks its controller: it ends there, with 1 or 255.

Source: what a Slurm 22.05 answered to a wrong value of each option, and what newer ones say."""

_AFTER = {
    After.STARTED: "after",
    After.SUCCEEDED: "afterok",
    After.FAILED: "afternotok",
    After.ENDED: "afterany",
}
_JOB_ID = re.compile(r"(\d+)(;\S+)?")
_STARTS = re.compile(r"Job \d+ to start at (\S+)")
_NOT_ALLOCATED = "allocation failure: "
"""Before the reason, where a submission says `_FAILED`."""


@dataclass(frozen=True)
class Submit:
    """`sbatch` with the wrapper of the working directory."""

    layout: Layout
    settings: DatedSettings
    request: JobRequest
    directives: tuple[str, ...]

    def script(self) -> str:
        line = " ".join(quoted(word) for word in self._arranged.words)
        return f"""{CLEAN}unset LC_ALL
{self._others}
sbatch --parsable --output=job.log --open-mode=append {line} \\
    ${{others:+--kill-on-invalid-dep=yes "--dependency=$others"}} wrapper.sh
"""

    def parse(self, completed: Completed) -> Submitted | Refused:
        if completed.exit_status == 0:
            if match := _JOB_ID.fullmatch(completed.stdout.strip()):
                return Submitted(JobId(match[1]), self._arranged.remarks)
            said = f"{completed.stdout} {completed.stderr}".strip()
            raise InDoubt(f"sbatch answered {said!r}", self.settings.doubt)
        asked = _FAILED in completed.stderr or completed.exit_status not in (1, 255)
        return (REFUSALS if asked else UNASKED).judge(completed, self.settings.doubt)

    @property
    def _arranged(self) -> Arranged:
        return arranged(self.settings, self.request, self.directives)

    @property
    def _others(self) -> str:
        """Of an id that Slurm does not know any more it says nothing, and starts the job."""
        return await_others(
            self.layout,
            self.request.options.after,
            lambda other: f"{_AFTER[other.on]}:$id",
            known='test -n "$id" && scontrol show job "$id" >/dev/null 2>&1',
        )


@dataclass(frozen=True)
class StartEstimate:
    """`sbatch --test-only`, which submits nothing and tells its answer as an error."""

    settings: DatedSettings
    request: JobRequest

    def script(self) -> str:
        line = " ".join(quoted(word) for word in arranged(self.settings, self.request, ()).words)
        return f"{QUESTION}printf '#!/bin/sh\\n' | sbatch --test-only {line}\n"

    def parse(self, completed: Completed) -> Estimate:
        said = completed.stderr.strip()
        if match := _STARTS.search(said):
            return Estimate(start=number(match[1]))
        as_submitted = replace(completed, stderr=said.replace(_NOT_ALLOCATED, _FAILED))
        refused = REFUSALS.refusal(as_submitted) if completed.exit_status else None
        if refused and refused.permanent:
            return Estimate(impossible=said)
        raise CommandFailed(f"sbatch --test-only answered {said!r}")


def arranged(settings: DatedSettings, request: JobRequest, directives: Sequence[str]) -> Arranged:
    """The whole command line but for the dependencies."""
    return arrange(GRAMMAR, _requested(settings, request), request, settings, directives)


def _requested(settings: DatedSettings, request: JobRequest) -> Iterator[Option]:
    """What the request says itself; a single node or task is what there is if nobody says so."""
    options = request.options
    values: dict[str, object] = {
        "--job-name": request.token,
        "--array": f"0-{request.instances - 1}" if request.instances > 1 else "",
        "--time": _clock(request.walltime),
        "--comment": request.comment or request.token,
        "--mem": f"{request.memory_mib}M" if request.memory_mib else "",
        "--gpus-per-node": request.gpus or "",
        "--constraint": request.constraint,
        "--partition": options.queue or settings.queue,
        "--account": options.account or settings.account,
        "--qos": options.qos,
        "--reservation": options.reservation,
        "--nodes": request.nodes if request.nodes > 1 or request.tasks > 1 else "",
        "--ntasks": request.tasks if request.tasks > 1 else "",
        "--cpus-per-task": request.cpus_per_task if request.cpus_per_task > 1 else "",
    }
    if options.mail:
        values |= {"--mail-user": options.mail.to, "--mail-type": _mail(options.mail)}
    for name, value in values.items():
        if value != "":
            yield Option(GRAMMAR.subjects.get(name, name), (f"{name}={value}",))
    if request.exclusive:
        yield Option("--exclusive", ("--exclusive",))
    if options.hold:
        yield Option("--hold", ("--hold",))
    if options.after:
        yield Option("--dependency", ())
        yield Option("--kill-on-invalid-dep", ())


def _mail(mail: Mail) -> str:
    said = {"BEGIN": mail.begin, "END": mail.end, "FAIL": mail.fail}
    return ",".join(word for word, wanted in said.items() if wanted) or "NONE"


def _clock(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"
