"""The script that every dialect submits: it claims the run, runs the program once, bears witness.

It may be killed at any line. Before the claim nothing has happened. The claim is one system call
that both makes and fills it, so it is never half made: whoever comes with another job id exits, the
same job id (a requeue) goes on as the next run. Killed later, its last status stands until the
queue or the accounts say more.
"""

from events.jobs import JobRequest
from interfaces.machines.layout import Layout, quoted
from interfaces.machines.status import COPY, WRITE_STATUS

IS_COPY = 75
"""The wrapper's exit status when the run belongs to another job id."""
CANNOT_CLAIM = 73
"""The wrapper's exit status when it cannot write into the job's folder; nothing was started."""
CANCELLED = 143
"""The wrapper's exit status when the job was cancelled before it started."""


def wrapper(request: JobRequest, layout: Layout, job_id: str) -> str:
    """The text of the wrapper, for `sh`.

    `job_id` is a word of shell that gives the scheduler's id there, such as `"$SLURM_JOB_ID"`.
    """
    exports = "".join(
        f"export {name}={quoted(value)}\n" for name, value in request.environment.items()
    )
    return f"""#!/bin/sh
token={request.token} job_id={job_id} host=$(uname -n) attempt=1 started=
ours={quoted(layout.ours(request.token))} spool={quoted(layout.spool)}
{WRITE_STATUS}
cd "$ours" || exit {CANNOT_CLAIM}
test -n "$job_id" || exit {CANNOT_CLAIM}
ln -sn "$job_id" claim 2>/dev/null
holder=$(readlink claim) || exit {CANNOT_CLAIM}
if test "$holder" != "$job_id"; then
    status "copy-$job_id" {COPY} "$(now)" ''
    status "$spool/$token.copy-$job_id" {COPY} "$(now)" ''
    exit {IS_COPY}
fi
while test -e "status-$attempt"; do attempt=$((attempt + 1)); done
witness() {{
    status "$ours/status-$attempt" "$@"
    status "$spool/$token" "$@"
}}
if test -e cancel; then
    witness CANCELLED "$(now)" ''
    exit {CANCELLED}
fi
told= program=
trap 'told=yes; test -z "$program" || kill -TERM "$program" 2>/dev/null' TERM
cd .. || exit {CANNOT_CLAIM}
started=$(now)
witness RUNNING '' ''
(
{exports}exec sh -c {quoted(request.executable)}
) </dev/null >>stdout 2>>stderr &
program=$!
test -z "$told" || kill -TERM "$program"
wait "$program"; code=$?
while test "$code" -gt 128 && kill -0 "$program" 2>/dev/null; do wait "$program"; code=$?; done
state=COMPLETED
test "$code" = 0 || state=FAILED
test -z "$told" || state=ENDING
witness $state "$(now)" "$code"
exit "$code"
"""
