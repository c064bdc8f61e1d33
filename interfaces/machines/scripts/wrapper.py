"""The script that every dialect submits: it claims the run, runs the program once, bears witness.

It may be killed at any line. Before the claim nothing has happened. The claim is one system call
that both makes and fills it, so it is never half made: whoever comes with another job id exits, the
same job id (a requeue) goes on as the next run, unless one has completed. Killed later, its last
status stands until the queue or the accounts say more. Each instance of an array does all that for
itself.

The program starts after the site's and the job's own lines, in the job's folder. Signals that the
batch system sends the wrapper are passed on to it. The warning before the end of the walltime is
the wrapper's own: exact to the second and the same everywhere, where Slurm's comes up to a minute
early, and others have none that spares the program's children.
"""

import re

from events.jobs import JobRequest
from interfaces.machines.scripts.awaiting import AWAIT
from interfaces.machines.scripts.layout import Layout, quoted
from interfaces.machines.scripts.passing import NO_LAUNCHER, Launcher, passing
from interfaces.machines.scripts.status import COPY, WRITE_STATUS

IS_COPY = 75
"""The wrapper's exit status when the run belongs to another job id."""
CANNOT_CLAIM = 73
"""The wrapper's exit status when it cannot write into the job's folder; nothing was started."""
CANNOT_LOAD = 78
"""The wrapper's exit status when a module cannot be loaded; the program was not started."""
CANCELLED = 143
"""The wrapper's exit status when the job was cancelled before it started."""
_TOLD = 143
"""A program's when TERM ended it."""

_PLAIN = re.compile(r"[\w./+@%][\w ./+@%:,=-]*", re.ASCII)
"""One command and its words, without anything that is special to a shell."""
_SHELLS_OWN = re.compile(
    r"\.|alias|bg|break|case|cd|command|continue|do|done|elif|else|esac|eval|exec|exit|export|fc|fg|"
    r"fi|for|getopts|hash|if|in|jobs|local|read|readonly|return|set|shift|then|times|trap|type|"
    r"ulimit|umask|unalias|unset|until|wait|while|.*=.*"
)
"""First words of a line that only a shell understands."""
_KNOW_MODULE = """command -v module >/dev/null || for init in \\
    "$LMOD_PKG/init/sh" "$MODULESHOME/init/sh" /etc/profile.d/lmod.sh /etc/profile.d/modules.sh \\
    /usr/share/modules/init/sh
do test -r "$init" && . "$init" && break; done"""
"""A shell that is no login shell does not know it."""
_WHICH = """instance={instance}
case $instance in '' | *[!0-9]*) exit {cannot_claim} ;; esac
"""


def wrapper(
    request: JobRequest,
    layout: Layout,
    job_id: str,
    prologue: str = "",
    instance: str = "",
    launcher: Launcher = NO_LAUNCHER,
) -> str:
    """The text of the wrapper, for `sh`.

    `job_id` is a word of shell that gives the scheduler's id there, such as `"$SLURM_JOB_ID"`;
    `prologue` are the site's lines for every job; `instance` is a word that gives the number of an
    array's instance, from 0; `launcher` is the batch system's own.
    """
    options = request.options
    exports = "".join(
        f"export {name}={quoted(value)}\n" for name, value in request.environment.items()
    )
    which, its = "", ""
    if request.instances > 1:
        which, its = _WHICH.format(instance=instance, cannot_claim=CANNOT_CLAIM), ".$instance"
        exports += "export VESTEC_INSTANCE=$instance\n"
    modules = " ".join(quoted(module) for module in options.modules)
    load = f"{_KNOW_MODULE}\nmodule load {modules} || exit {CANNOT_LOAD}\n" if modules else ""
    before = "".join(f"eval {quoted(lines)}\n" for lines in (prologue, options.prologue) if lines)
    return f"""#!/bin/sh
{which}token={request.token}{its} job_id={job_id} host=$(uname -n) attempt=1 started=
ours={quoted(layout.ours(request.token))} spool={quoted(layout.spool)}
{WRITE_STATUS}{AWAIT}{passing(launcher)}
cd "$ours" || exit {CANNOT_CLAIM}
test -n "$job_id" || exit {CANNOT_CLAIM}
ln -sn "$job_id" claim{its} 2>/dev/null
holder=$(readlink claim{its}) || exit {CANNOT_CLAIM}
if test "$holder" != "$job_id"; then
    status "copy-$job_id" {COPY} "$(now)" ''
    status "$spool/$token.copy-$job_id" {COPY} "$(now)" ''
    exit {IS_COPY}
fi
while test -e "status-$attempt{its}"; do
    read -r word rest <"status-$attempt{its}"
    test "$word" != COMPLETED || exit 0  # its results are fetched: nobody makes others
    attempt=$((attempt + 1))
done
witness() {{
    status "$ours/status-$attempt{its}" "$@"
    status "$spool/$token" "$@"
}}
if test -e cancel; then
    witness CANCELLED "$(now)" ''
    exit {CANCELLED}
fi
cd .. || exit {CANNOT_CLAIM}
timer=
{_warn(request)}told= warned= program= passed=
trap 'told=yes; pass TERM' TERM
trap 'pass USR1' USR1
trap 'pass USR2' USR2
trap 'warned=yes; pass TERM' ALRM
started=$(now)
witness RUNNING '' ''
(
test -z "$told$warned" || exit {_TOLD}
{exports}{before}{load}exec {options.launcher} {_program(request.executable)}
) </dev/null >>stdout{its} 2>>stderr{its} &
program=$!
test -z "$told$warned" || kill -TERM "$program"
await "$program"
test "$code" != {_TOLD} || test -n "$told" || sleep 1  # a batch system tells us, too
test -z "$timer" || kill "$timer" 2>/dev/null
state=COMPLETED
test "$code" = 0 || state=FAILED
test -z "$warned" || test "$code" = 0 || state=TIMEOUT
test -z "$told" || state=ENDING
witness $state "$(now)" "$code"
exit "$code"
"""


def _program(executable: str) -> str:
    """Words that run a line, without a shell that a signal to all processes of a job would end."""
    if _PLAIN.fullmatch(executable) and not _SHELLS_OWN.fullmatch(executable.split()[0]):
        return executable
    return f"sh -c {quoted(executable)}"


def _warn(request: JobRequest) -> str:
    """Lines that start the alarm; a program that then ends with 0 has completed all the same.

    A shell forgets a signal that comes while it leaves its parent's traps behind: the alarm begins
    before there are any.
    """
    after = request.walltime - request.options.warning
    if not request.options.warning or after <= 0:
        return ""
    return f"""(
    before=$!  # what a shell began last is known at once, and a name for it a moment later
    trap 'test "$!" = "$before" || kill -KILL "$!"; exit' TERM
    sleep {after} &
    wait && kill -ALRM $$
) </dev/null >/dev/null 2>&1 &
timer=$!
"""
