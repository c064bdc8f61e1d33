"""One submission of a job: a script that runs at most once and whose answer is kept.

Everything happens under a lock in the job's folder. The submission's own folder is made by one
system call and belongs to whoever made it; `exit` is written last, so whoever repeats it either
finds the whole answer or knows that it was cut. A submission first makes the folders of all before
it: a stopped process that wakes up with an older one finds its place taken. None goes out once the
job's end is wished. On a file system without `flock` the folders alone still hold. One that was
turned down is moved aside, to go out again: to a name that only the very folder that was read can
take.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from events.jobs import JobRequest
from interfaces.machines.connection import Completed, NoRoom, is_full
from interfaces.machines.dialect import (
    CANCELLED_BEFORE,
    Command,
    Dialect,
    InDoubt,
    Refused,
    Submitted,
)
from interfaces.machines.dialects.unanswered import OVERDUE, UNANSWERED
from interfaces.machines.scripts.layout import Layout, quoted

REMOTE_LIMIT = 60
"""Seconds that the batch system's submit command may take."""
DEADLINE = 2 * REMOTE_LIMIT + 30.0
"""Seconds that the whole may take: it may wait for another one to end."""

_CANCELLED, _CUT, _BUSY, _UNPREPARED, _TOO_MANY, _NO_ROOM = 74, 75, 76, 77, 78, 79
_SIGN = "vestec: "


@dataclass(frozen=True)
class Submission:
    """A `Command` around the dialect's own."""

    request: JobRequest
    number: int
    layout: Layout
    dialect: Dialect
    directives: Sequence[str] = ()

    def script(self) -> str:
        wrapper = self.dialect.wrapper(self.request, self.number)
        fences = " ".join(f"submission-{n}" for n in range(1, self.number))
        return f"""
answer() {{ echo "{_SIGN}$2" >&2; exit $1; }}
cd {quoted(self.layout.ours(self.request.token))} || answer {_UNPREPARED} 'the job was not prepared'
said=$({{ true >>submitting; }} 2>&1) ||
    answer {_UNPREPARED} "cannot write into the folder of the job: ${{said##*: }}"
exec 9>>submitting
flock -w {REMOTE_LIMIT + 10} 9 2>/dev/null
locked=$?
test $locked = 1 && answer {_BUSY} 'another submission of this job is under way'
mine=submission-{self.number}
{self._make_room}
test -e cancel && ! test -e $mine && answer {_CANCELLED} {quoted(CANCELLED_BEFORE.reason)}
for fence in {fences}; do mkdir -p $fence || answer {_UNPREPARED} "cannot make $fence"; done
if mkdir $mine 2>/dev/null; then
    cd $mine
    if {{
        printf %s {quoted(wrapper)} >wrapper.sh &&
            printf %s {quoted(self._too_many or self._submit.script())} >submit.sh
    }} 2>/dev/null
    then
        timeout -k 5 {REMOTE_LIMIT} sh submit.sh </dev/null >stdout 2>stderr 9>&-
        echo $? >exit.part && mv exit.part exit
    else
        cd .. && rm -r $mine
        answer {_NO_ROOM} 'cannot write into the folder of the job: is a quota or the disk full?'
    fi
else
    cd $mine || answer {_UNPREPARED} "cannot make $mine"
fi
test -e exit || answer {_CUT} 'the submission was cut'
cat stdout; cat stderr >&2; exit "$(cat exit)"
"""

    def parse(self, completed: Completed) -> Submitted | Refused:
        # What the shell itself complains of comes before.
        _, sign, text = completed.stderr.strip().rpartition("\n")[2].rpartition(_SIGN)
        ours = bool(sign)
        if ours and (completed.exit_status == _NO_ROOM or is_full(text)):
            raise NoRoom(text)
        if ours and completed.exit_status == _UNPREPARED:
            return Refused(text, permanent=False)
        if ours and completed.exit_status in (_TOO_MANY, _CANCELLED):
            return Refused(text, permanent=True)
        if ours and completed.exit_status == _CUT:
            raise InDoubt(text, self.dialect.doubt)
        if ours and completed.exit_status == _BUSY:
            raise InDoubt(text, REMOTE_LIMIT + self.dialect.doubt)
        return self._submit.parse(completed)

    @property
    def _submit(self) -> Command[Submitted | Refused]:
        return self.dialect.submit(self.request, self.number, self.directives)

    @property
    def _too_many(self) -> str:
        """What answers in the batch system's stead: kept like its own, whatever is set later."""
        wanted = self.request.instances
        most = self.dialect.most_instances if wanted > 1 else None
        if most is None or wanted <= most:
            return ""
        text = f"it is an array of {wanted} instances, and here one has {most} at most"
        return f"echo {quoted(_SIGN + text)} >&2; exit {_TOO_MANY}\n"

    @property
    def _make_room(self) -> str:
        """It was turned down for now. Without the lock another may make room as well, and go on.

        As long as the folder that was read exists aside, no later one can be moved there.
        """
        if not self.dialect.not_now:
            return ""
        texts, doubts = _patterns(self.dialect.not_now), _patterns(UNANSWERED)
        return f"""read=$(stat -c %i $mine 2>/dev/null)
said() {{ cat $mine/stderr $mine/stdout | tr -s ' \\n' '  '; }}
case $(cat $mine/exit 2>/dev/null || echo 0) in
    0 | {" | ".join(map(str, OVERDUE))}) false ;;
    *) said | grep -qF {texts} && ! said | grep -qF {doubts} ;;
esac && {{
    test $locked = 0 && rm -rf turned-down-*
    mv -T $mine turned-down-$read 2>/dev/null
}}"""


def _patterns(texts: Iterable[str]) -> str:
    return " ".join(f"-e {quoted(text)}" for text in texts)
