"""The scheduler's ids of other jobs of ours, which a dependency needs: their folders know them."""

from collections.abc import Sequence

from events.jobs import Dependency
from interfaces.machines.dialects.refusals import refusing
from interfaces.machines.scripts.layout import Layout, quoted


def ids_of(layout: Layout, others: Sequence[Dependency]) -> str:
    """Lines for `sh` that set `other_0`, `other_1` …; they exit if one has no id here.

    The id is that of the copy that claimed the run, else of the newest submission that was taken.
    """
    lines = [_FUNCTION.format(jobs=quoted(layout.jobs))] if others else []
    for n, other in enumerate(others):
        folder = layout.ours(other.token).relative_to(layout.jobs)
        lines.append(
            f"other_{n}=$(id_of {quoted(folder)})\n"
            f'test -n "$other_{n}" || {refusing(f"no job {other.token} is known here")}'
        )
    return "\n".join(lines)


_FUNCTION = """id_of() {{ (
    cd {jobs}/"$1" 2>/dev/null || exit
    readlink claim && exit
    for taken in $(ls -d submission-* 2>/dev/null | sort -t- -k2nr); do
        test "$(cat "$taken/exit" 2>/dev/null)" = 0 || continue
        sed -n '1s/[;[:space:]].*//;1p' "$taken/stdout" && exit
    done
) }}"""
