"""How a script waits for its program where it handles signals meanwhile."""

AWAIT = """
await() {  # PID: its exit status is then `code`; traps set `passed`
    wait "$1"; code=$?
    while test -n "$passed" && test "$code" -gt 128; do  # perhaps the signal's, not the program's
        passed=
        wait "$1"; again=$?
        test "$again" = 127 || code=$again  # a shell forgets a status that it has told
    done
}
"""
"""A shell function. Whether the program lives says nothing: dash buries it on the way."""
