"""The dialect `processes`: batch jobs without a batch system, as detached processes of a machine.

There is no daemon. The queue is made of file locks (`flock`), which the kernel frees when their
holder dies, however it dies:

    jobs/<token>/.vestec/lock     held as long as the job lives, queued or running; `lock.<n>` is
                                  that of instance n of an array
    queue/<number>                held while the job waits; each waits for those before it
    slots/<n>                     held while the job runs

So a free lock without an account of the end is a job that was killed. The first two locks are taken
by the submission and inherited by the job: there is no moment in which a job exists unseen.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from events.jobs import JobId, JobReport, JobRequest, Token, Witness
from events.machines import MachineLoad, MachineSettings
from interfaces.machines.connection import Completed
from interfaces.machines.dialect import Estimate, InDoubt, Refused, Submitted
from interfaces.machines.dialects.asking import Tools, Unasked, Wish
from interfaces.machines.dialects.batch_settings import OwnSettings, batch_settings
from interfaces.machines.dialects.process_job import job_id_of, job_script
from interfaces.machines.scripts.layout import Layout, layout_of, quoted
from interfaces.machines.scripts.status import parse_status
from interfaces.machines.scripts.wrapper import wrapper
from interfaces.machines.site import Site

_REFUSAL = "this machine cannot: "
_NO_HOLDING = "echo 'jobs cannot be held on this machine' >&2; exit 1"
_HELD = """
held() {
    flock -n -s "$1" true
    case $? in 0) return 1 ;; 1) return 0 ;; *) exit 1 ;; esac
}
"""
"""Whether a lock is held; where locks cannot be had, that is no answer."""
_GONE = "its processes are gone and left no account of an end: killed, or the machine was restarted"


def processes(settings: MachineSettings) -> "Processes":
    """What the entry point `processes` of `vestec.dialects` names; raises `WrongSettings`."""
    own = batch_settings(OwnSettings, settings)
    return Processes(layout_of(settings), settings.slots, prologue=own.prologue)


@dataclass(frozen=True)
class Processes:
    """Runs at most `slots` jobs at once, in the order of their submission."""

    layout: Layout
    slots: int = 1
    kill_after: float = 5.0
    """Seconds between TERM and KILL, for a job that overruns or is cancelled."""
    lag: float = 0.0
    doubt: float = 0.0
    prologue: str = ""
    """Lines for `sh` before every program."""
    most_instances = None
    forgets_deleted = False
    directive = ""
    directives_anywhere = False
    not_now = ()

    def check(self) -> Tools:
        lock = quoted(self.layout.base / ".lock")
        tried = (
            f"! command -v flock >/dev/null || {{ flock -n {lock} true; test $? -le 1; }} || exit"
        )
        return Tools("setpriv setsid true", tried)

    def site(self) -> "AskSite":
        return AskSite()

    def wrapper(self, request: JobRequest, submission: int) -> str:
        part = f"{request.token}.$instance" if request.instances > 1 else request.token
        job_id = job_id_of(part, submission)
        return wrapper(request, self.layout, job_id, self.prologue, '"$VESTEC_INSTANCE"')

    def submit(
        self, request: JobRequest, submission: int, directives: Sequence[str] = ()
    ) -> "Submit":
        return Submit(self.layout, self.slots, self.kill_after, request, submission)

    def jobs(self, tokens: Collection[Token]) -> "Jobs":
        return Jobs(self.layout, tuple(tokens))

    def history(self, tokens: Collection[Token]) -> "History":
        return History(self.layout, tuple(tokens))

    def cancel(self, token: Token, job_id: JobId | None) -> "Cancel":
        return Cancel(self.layout, token)

    def hold(self, token: Token) -> Wish:
        return Wish(_NO_HOLDING)

    def release(self, token: Token) -> Wish:
        return Wish(_NO_HOLDING)

    def estimate(self, request: JobRequest) -> Unasked[Estimate]:
        return Unasked(Estimate(impossible=_impossible(request)))

    def load(self) -> "Load":
        return Load(self.layout, self.slots)


def _impossible(request: JobRequest) -> str:
    """Why a job can never run here; what only a batch system knows is no matter."""
    if request.nodes > 1:
        return "it has one node"
    if request.options.hold or request.options.after:
        return "it neither holds jobs nor lets them wait for others"
    return ""


@dataclass(frozen=True)
class AskSite:
    """The machine's own system; the accounts are ours, and nobody else's jobs are in the queue."""

    def script(self) -> str:
        return "uname -sr"

    def parse(self, completed: Completed) -> Site:
        return Site(version=f"processes of {completed.checked().strip()}", accounting=True)


@dataclass(frozen=True)
class Submit:
    """Start the job, detached, with its lock and its place in the queue; or each of an array."""

    layout: Layout
    slots: int
    kill_after: float
    request: JobRequest
    submission: int

    def script(self) -> str:
        if why := _impossible(self.request):
            return f"echo {quoted(_REFUSAL + why)} >&2; exit 1"
        queue, slots = self.layout.base / "queue", self.layout.base / "slots"
        instances = self.request.instances
        its, number = (".$instance", " $instance") if instances > 1 else ("", "")
        lock = f"""exec 9>>{quoted(self.layout.ours(self.request.token) / "lock")}{its}
flock -w 2 9
case $? in 0) ;; 1) echo 'a job of this token is alive' >&2; exit 1 ;; *) exit 1 ;; esac
"""
        write = f"printf %s {quoted(self._job)} >job.sh || exit\n"
        # Who looks at the load holds a place for a moment, too.
        start = f"""place=$((${{place:-0}} + 1))
exec 8>{quoted(queue)}/$place
flock -w 10 8 || exit
setsid sh job.sh $place{number} </dev/null >job.log{its} 2>&1 5>&- &
"""
        each = f"""instance=0
while test $instance -lt {instances}; do
{lock}{start}instance=$((instance + 1))
done
"""
        return f"""
mkdir -p {quoted(queue)} {quoted(slots)} || exit
unset LC_ALL
exec 5>>{quoted(queue / ".lock")}
flock -w 30 5 || exit
place=$(ls {quoted(queue)} | sort -n | tail -n 1)
{write + each if instances > 1 else lock + write + start}echo {self._job_id}
"""

    def parse(self, completed: Completed) -> Submitted | Refused:
        if completed.exit_status == 0 and completed.stdout.strip() == self._job_id:
            return Submitted(self._job_id)
        if completed.stderr.startswith(_REFUSAL):
            return Refused(completed.stderr.strip(), permanent=True)
        said = f"{completed.stdout} {completed.stderr}".strip()
        raise InDoubt(f"the submission ended with {said!r}", wait=0)

    @property
    def _job_id(self) -> JobId:
        return job_id_of(self.request.token, self.submission)

    @property
    def _job(self) -> str:
        return job_script(self.request, self.submission, self.layout, self.slots, self.kill_after)


@dataclass(frozen=True)
class Jobs:
    """The jobs whose lock is held."""

    layout: Layout
    tokens: tuple[Token, ...]

    def script(self) -> str:
        return f"""{_HELD}
cd {quoted(self.layout.jobs)} || exit
for token in {" ".join(self.tokens)}; do
    for lock in $token/.vestec/lock*; do
        test -e $lock && held $lock || continue
        its=${{lock##*/lock}} state=QUEUED
        test -L $token/.vestec/claim$its && state=RUNNING
        job=$(tail -n 1 $lock)
        printf '%s\\t%s\\t1\\t%s\\n' $state $token$its "${{job% *}}"
    done
done
"""

    def parse(self, completed: Completed) -> list[JobReport]:
        return list(parse_status(completed.checked(), Witness.QUEUE).values())


@dataclass(frozen=True)
class History:
    """The accounts of ended jobs; `LOST` for those that are gone without one."""

    layout: Layout
    tokens: tuple[Token, ...]

    def script(self) -> str:
        return f"""{_HELD}
cd {quoted(self.layout.jobs)} || exit
for token in {" ".join(self.tokens)}; do
    cd $token/.vestec 2>/dev/null || continue
    newest=$(ls -d submission-*/exit 2>/dev/null | sort -t- -k2n | tail -n 1)
    for lock in lock*; do
        test -e $lock && ! held $lock || continue
        its=${{lock#lock}}
        job=$(readlink claim$its || echo "$newest")
        number=${{job##*[.-]}}; number=${{number%%/*}}
        cat submission-$number/account$its 2>/dev/null ||
            {{ ! test -L claim$its && test "$(cat submission-$number/exit 2>/dev/null)" != 0; }} ||
            printf 'LOST\\t%s\\t1\\t%s.%s\\n' $token$its $token$its "$number"
    done
    cd ../..
done
"""

    def parse(self, completed: Completed) -> list[JobReport]:
        reports = parse_status(completed.checked(), Witness.ACCOUNTING).values()
        return [
            report if report.state.name != "LOST" else report.model_copy(update={"reason": _GONE})
            for report in reports
        ]


@dataclass(frozen=True)
class Cancel:
    """TERM to the processes that hold the job's locks, and to no other."""

    layout: Layout
    token: Token

    def script(self) -> str:
        return f"""
cd {quoted(self.layout.ours(self.token))} 2>/dev/null || exit 0
for lock in lock*; do
    job=$(tail -n 1 $lock 2>/dev/null)
    process=${{job##* }}
    for one in /proc/[0-9]*; do
        test -z "$process" || break  # else there was no room for its line
        test $one/fd/9 -ef $lock && process=${{one#/proc/}}
    done
    test -n "$process" && test /proc/$process/fd/9 -ef $lock && kill -TERM "-$process"
done
exit 0
"""

    def parse(self, completed: Completed) -> None:
        completed.checked()


@dataclass(frozen=True)
class Load:
    """Slots taken and places waiting, by their locks."""

    layout: Layout
    slots: int

    def script(self) -> str:
        return f"""{_HELD}
count() {{
    number=0
    for lock in $1/[0-9]*; do test -e $lock && held $lock && number=$((number + 1)); done
    echo $number
}}
cd {quoted(self.layout.base)} || exit
count slots
count queue
"""

    def parse(self, completed: Completed) -> MachineLoad:
        used, queued = map(int, completed.checked().split())
        return MachineLoad(nodes=1, slots=self.slots, slots_used=used, running=used, queued=queued)
