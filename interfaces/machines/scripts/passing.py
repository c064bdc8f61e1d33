"""To whom a script passes a signal that it gets: to whoever of its program handles it.

A shell that only waits for a program would die of the signal and leave the program without it. So
it goes to the first that have a handler, from the program's own process down; what is below them is
their business. It goes to all if none has one, and to the program's own if nobody knows.
"""

PASS = r"""
pass() {  # NAME
    passed=yes
    test -z "$program" || kill -"$1" $(takers "$1" || echo "$program") 2>/dev/null
}
takers() {  # NAME: a mask has a bit for each signal that is handled, the last one for number 1
    case $1 in
        TERM) bit='[4-7c-f]...$' ;;
        USR1) bit='[2367abef]..$' ;;
        USR2) bit='[89a-f]..$' ;;
    esac
    cat /proc/[0-9]*/status 2>/dev/null | awk -v bit="$bit" -v top="$program" '
        /^Pid:/ { pid = $2 }
        /^PPid:/ { parent[pid] = $2 }
        /^SigCgt:/ { mask[pid] = $2 }
        END {
            all[count = 1] = top
            for (n = 1; n <= count; n++)
                if (mask[all[n]] ~ bit) some = some " " all[n]
                else for (pid in parent) if (parent[pid] == all[n]) all[++count] = pid
            for (n = 1; n <= count; n++) every = every " " all[n]
            print some ? some : every
        }'
}
"""
"""Shell functions; they use `program`, its process if it has begun, and set `passed`."""
