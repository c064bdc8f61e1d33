"""To whom a script passes a signal that it gets: to whoever of its program handles it.

A shell that only waits for a program would die of the signal and leave the program without it. So
it goes to the first that have a handler, from the program's own process down; what is below them is
their business. It goes to all if none has one, and to the program's own if nobody knows.

A bash with a trap for EXIT handles whatever would end it, whether or not it has a trap for that,
and without one it ends at once: it is told only where nobody below it handles the signal.

A batch system's launcher is told nothing: it would end what it has started, which is below no
process of ours. The batch system passes the signal on to that.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Launcher:
    """What a batch system starts programs with, perhaps on other nodes."""

    name: str = ""
    """As `/proc` has it."""
    tell: str = ":"
    """Lines for `sh` that send signal `$1` to all programs of this job that it has started."""


NO_LAUNCHER = Launcher()


def passing(launcher: Launcher) -> str:
    """Shell functions; they use `program`, its process if it has begun, and set `passed`."""
    return f"""launcher={launcher.name}
launched() {{ (
{launcher.tell}
) </dev/null >&2 & }}{_PASS}"""


_PASS = r"""
pass() {  # NAME
    passed=yes
    for taker in $(test -z "$program" || takers "$1" || echo "$program"); do
        case $taker in
            launched) launched "$1" ;;
            *) kill -"$1" "$taker" 2>/dev/null ;;
        esac
    done
}
takers() {  # NAME: a mask has a bit for each signal that is handled, the last one for number 1;
    # who handles 24 and 26, and not 3, does so as bash
    case $1 in
        TERM) bit='[4-7c-f]...$' ;;
        USR1) bit='[2367abef]..$' ;;
        USR2) bit='[89a-f]..$' ;;
    esac
    cat /proc/[0-9]*/status 2>/dev/null | awk -v bit="$bit" -v top="$program" -v at="$launcher" \
        -v bash='[2367abef][89a-f]....[0-389ab]$' '
        /^Name:/ { its = $2 }
        /^Pid:/ { pid = $2; name[pid] = its }
        /^PPid:/ { parent[pid] = $2 }
        /^SigCgt:/ { mask[pid] = $2 }
        END {
            all[count = 1] = top
            for (n = 1; n <= count; n++) {
                pid = all[n]
                if (at != "" && name[pid] == at) { launched = " launched"; continue }
                if (mask[pid] ~ bit && mask[pid] !~ bash) { some = some " " pid; continue }
                if (mask[pid] ~ bit && !(parent[pid] in under)) perhaps = perhaps " " pid
                if (mask[pid] ~ bit || parent[pid] in under) under[pid]
                for (child in parent) if (parent[child] == pid) all[++count] = child
            }
            for (n = 1; n <= count; n++) every = every " " all[n]
            some = some launched
            print some ? some : perhaps ? perhaps : every
        }'
}
"""
