"""Other jobs of ours that one has to wait for: what is known of their ends goes before the batch
system's word, since that forgets a job and then takes it for one that ended well, or never was.
"""

from collections.abc import Callable, Sequence

from events.jobs import Dependency, JobState
from interfaces.machines.dialects.refusals import refusing, unless
from interfaces.machines.scripts.layout import Layout, quoted

NOT_YET = "what became of the job that it comes after is not known yet"
"""What a submission ends with that is to be tried again; to be among a dialect's `not_now`."""
_ENDS = (JobState.FAILED, JobState.TIMEOUT, JobState.CANCELLED, JobState.COMPLETED)
"""In status files; of an array the first that one of its instances has, if all have one."""


def await_others(
    layout: Layout,
    others: Sequence[Dependency],
    said: Callable[[Dependency], str],
    between: str = ",",
    known: str = ":",
) -> str:
    """Lines for `sh` that make `others`: what a submit command is told of those not over yet.

    `said` gives a word of shell for each, which may use `$id`: the id of the copy that claimed the
    run, else of the newest submission that was taken. `known` is a command that tells whether the
    batch system still knows that id. The lines exit if a job is not there, or can never do as is
    wanted any more; with `NOT_YET` if nobody can tell.
    """
    lines = [_FUNCTIONS.format(jobs=quoted(layout.jobs), ends=" ".join(_ENDS))] if others else []
    for other in others:
        if other.end is not None:
            lines.append(_answer(other, other.end))
            continue
        folder = quoted(layout.ours(other.token).relative_to(layout.jobs))
        ends = "".join(f"{end}) {_answer(other, end)} ;;\n" for end in _ENDS)
        there = f"test -e {quoted(layout.ours(other.token) / 'submission-1')}"
        lines.append(
            f"{there} || {refusing(f'no job {other.token} is known here')}\n"
            f"case $(end_of {folder} {other.instances}) in\n{ends}"
            f"*) id=$(id_of {folder})\n{known} || {{ echo {quoted(NOT_YET)} >&2; exit 1; }}\n"
            f"others=${{others:+$others{quoted(between)}}}{said(other)} ;;\nesac"
        )
    return "\n".join(["others=", *lines])


def _answer(other: Dependency, end: JobState) -> str:
    return unless([other.why_never(end)])


_FUNCTIONS = """id_of() {{ (
    cd {jobs}/"$1" 2>/dev/null || exit
    readlink claim && exit
    for taken in $(ls -d submission-* 2>/dev/null | sort -t- -k2nr); do
        test "$(cat "$taken/exit" 2>/dev/null)" = 0 || continue
        sed -n '1s/[;[:space:]].*//;1p' "$taken/stdout" && exit
    done
) }}
end_of() {{ (  # FOLDER INSTANCES: how it ended, if each of its wrappers has told of an end
    cd {jobs}/"$1" 2>/dev/null || exit
    instance=0 told=
    while test $instance -lt "$2"; do
        its=.$instance attempt=1 word=
        test "$2" -gt 1 || its=
        while test -e "status-$attempt$its"; do
            read -r word rest <"status-$attempt$its"
            attempt=$((attempt + 1))
        done
        case " {ends} " in *" $word "*) ;; *) exit ;; esac
        told="$told $word " instance=$((instance + 1))
    done
    for word in {ends}; do
        case $told in *" $word "*) echo "$word"; exit ;; esac
    done
) }}"""
