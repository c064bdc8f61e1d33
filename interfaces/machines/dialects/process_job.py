"""A job of the dialect `processes`: it waits its turn, runs the wrapper, writes the account of it.

Its file descriptors: 9 is its own lock, 8 its place in the queue, both inherited; 7 is its slot,
and 6 the place of one before it while that is waited for. No child may keep them, or a dead job
would seem alive. If it is killed itself, `setpriv` sees to it that its program ends as well. What a
program leaves behind is ended with it; where that has a session of its own, a variable of its
environment gives it away. It lives until there is room for its account: nobody takes it for one
that was killed.
"""

from events.jobs import JobId, JobRequest, Part
from interfaces.machines.scripts.awaiting import AWAIT
from interfaces.machines.scripts.layout import Layout, quoted
from interfaces.machines.scripts.status import WRITE_STATUS

_LOOK_UP = 30
"""Seconds after which one that waits for another looks whether it was cancelled."""


def job_id_of(part: Part, submission: int) -> JobId:
    """The job's id: a process id would be reused, a submission goes out once."""
    return JobId(f"{part}.{submission}")


def job_script(
    request: JobRequest, submission: int, layout: Layout, slots: int, kill_after: float
) -> str:
    """The job's text for `sh`; its argument is the number of its place in the queue.

    Of an array, the number of the instance is its second argument.
    """
    token, walltime = request.token, request.walltime
    which, its, known = "", "", ""
    if request.instances > 1:
        which, its, known = "instance=$2\n", ".$instance", " VESTEC_INSTANCE=$instance"
    part = f"{token}{its}"
    return f"""
{which}token={part} job_id={job_id_of(part, submission)} host=$(uname -n) attempt=1 started=
place=$1 base={quoted(layout.base)} submission=submission-{submission}
{WRITE_STATUS}{AWAIT}
cd {quoted(layout.ours(token))} || exit
told= passed= runner= code= word= state=
trap 'told=yes passed=yes; test -z "$runner" || kill -TERM "$runner" 2>/dev/null' TERM
printf '%s %s\\n' "$job_id" $$ >&9
cancelled() {{ test -n "$told" || test -e cancel; }}
locked() {{ flock "$@" 8>&- 9>&-; }}

for ahead in $(ls "$base/queue" | sort -rn); do
    # Not for ever at once: a cancellation may come right before it begins to wait.
    while test "$ahead" -lt "$place" && test -e "$base/queue/$ahead" && ! cancelled; do
        locked -w {_LOOK_UP} -s 6 6<"$base/queue/$ahead"
        case $? in
            0) rm -f "$base/queue/$ahead"; break ;;
            1) ;;
            *) break ;;
        esac
    done
done
slot=
until cancelled || test -n "$slot"; do
    for number in {" ".join(map(str, range(1, slots + 1)))}; do
        {{ command exec 7>>"$base/slots/$number"; }} 2>/dev/null || continue  # no room for it yet
        locked -n 7 && slot=$number && break
    done
    test -n "$slot" || sleep {max(0.1, 0.02 * slots)} 7>&- 8>&- 9>&-
done
rm -f "$base/queue/$place"
exec 8>&-

uptime() {{ read -r seconds rest </proc/uptime; echo "${{seconds%.*}}"; }}
if ! cancelled; then
    started=$(now) began=$(uptime)
    VESTEC_JOB=$job_id{known} setpriv --pdeathsig TERM timeout -k {kill_after} {walltime} \\
        sh "$submission/wrapper.sh" 7>&- 9>&- &
    runner=$!
    cancelled && kill -TERM "$runner"
    await "$runner"
fi
trap '' TERM  # what tells of the end must not end of it
if test -n "$runner"; then
    kill -KILL "-$runner" 2>/dev/null
    for left in $(grep -lszxF "VESTEC_JOB=$job_id" /proc/[0-9]*/environ); do
        left=${{left%/environ}}; kill -KILL "${{left#/proc/}}" 2>/dev/null
    done
    case $(readlink claim{its}) in
        "$job_id") read -r word rest <"status-$attempt{its}" ;;
        '') read -r word rest <"$base/spool/$token" ;;  # the program removed its folder
        ?*) word=CANCELLED ;;
    esac
    case $code in
        124 | 137) test $(($(uptime) - began)) -ge {walltime} && state=TIMEOUT ;;
    esac
fi
cancelled && state=CANCELLED
case $word in
    COMPLETED | FAILED | TIMEOUT | CANCELLED) state=$word ;;
    RUNNING | '') test -n "$state" || test "$code" != 0 || state=COMPLETED ;;  # no room to tell
esac
ended=$(now)
exec 7>&-
until status "$submission/account{its}" ${{state:-FAILED}} "$ended" "$code"; do
    test -d "$submission" && ! cancelled || break
    trap 'told=yes' TERM
    sleep 1 9>&-
    trap '' TERM
done
case $(readlink claim{its}) in
    "$job_id" | '') status "$base/spool/$token" ${{state:-FAILED}} "$ended" "$code" ;;
esac
"""
