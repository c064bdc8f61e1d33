"""Named moments at which tests kill or stop this process, to see that another one goes on.

Armed by `VESTEC_CRASH_AT` or `VESTEC_STOP_AT`, `name` or `name:n` for the n-th time it is passed.
"""

import os
import signal
from collections import Counter

_passed: Counter[str] = Counter()
_ARMED = [
    (signal_number, *os.environ[variable].partition(":")[::2])
    for variable, signal_number in (
        ("VESTEC_CRASH_AT", signal.SIGKILL),
        ("VESTEC_STOP_AT", signal.SIGSTOP),
    )
    if variable in os.environ
]


def crash_point(name: str) -> None:
    """Pass the moment called `name`; without an armed test this does nothing."""
    if not _ARMED:
        return
    _passed[name] += 1
    for signal_number, armed, nth in _ARMED:
        if armed == name and _passed[name] == int(nth or 1):
            os.kill(os.getpid(), signal_number)
