"""What only another process can do for one that serves: it stands above, and does nothing else.

Code of a workflow that never lets go of Python's lock stops all of its process, signals included. A
timer on the CPU time then ends that process (`deploy.frozen`); the overseer starts the next one,
which goes on from the log. A process that was asked to end and does not is killed.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from interfaces.cli.errors import Complaint, complain

_END_WITHIN = 13
"""Seconds; the process itself gives up before, if it can."""
_SET_PDEATHSIG = 1
_FROZEN = (
    "code of a workflow held up all else, so that the process was ended; what its threads were at"
    " is told above. The next one goes on from the log."
)


def overseen(serve: Callable[[], NoReturn]) -> NoReturn:
    """Serve in a process of its own, again if it was ended for being frozen; never returns.

    The process ends with this one, however that ends.
    """
    overseer = _Overseer()
    while overseer.runs(serve) == -signal.SIGPROF and not overseer.asked:
        print(_FROZEN, file=sys.stderr, flush=True)
    overseer.end()


class _Overseer:
    """A process and what it was told; signals are handed on to it."""

    def __init__(self) -> None:
        self.asked = False
        self._child = 0
        self._ended = 0
        """As `subprocess` has it: the exit status, or minus the signal."""

    def runs(self, serve: Callable[[], NoReturn]) -> int:
        """How the process ended."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        mine = {signal.SIGINT, signal.SIGTERM, signal.SIGALRM}
        signal.pthread_sigmask(signal.SIG_BLOCK, mine)
        above = os.getpid()
        self._child = os.fork()
        if self._child == 0:
            _end_with(above)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, mine)
            serve()
        for number, handler in {
            signal.SIGINT: self._hand_on,
            signal.SIGTERM: self._hand_on,
            signal.SIGALRM: self._kill,
        }.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, mine)
        _, status = os.waitpid(self._child, 0)
        self._ended = os.waitstatus_to_exitcode(status)
        return self._ended

    def end(self) -> NoReturn:
        """As the process did."""
        if self._ended < 0:
            number = signal.Signals(-self._ended)
            complain(Complaint(f"the process was ended by {number.name}; nothing is lost"))
            sys.stderr.flush()
            if number is not signal.SIGKILL:
                signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        os._exit(self._ended)

    def _hand_on(self, number: int, _: FrameType | None) -> None:
        if not self.asked:
            signal.alarm(_END_WITHIN)
        self.asked = True
        os.kill(self._child, number)

    def _kill(self, number: int, _: FrameType | None) -> None:
        os.kill(self._child, signal.SIGKILL)


def _end_with(above: int) -> None:
    """Have the kernel kill this process when the one above it is gone, where it can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != above:
            os._exit(1)
