"""What a submit command says when it has certainly not taken a job: a table per dialect.

Only texts that are known count, and only if no other says that an answer was waited for in vain. A
command that ends otherwise has left a doubt, whatever its exit status: some were taken minutes
after their submit command had given up.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from interfaces.machines.connection import Completed
from interfaces.machines.dialect import InDoubt, Refused
from interfaces.machines.dialects.unanswered import is_unanswered
from interfaces.machines.scripts.layout import quoted

_SIGN = "vestec: "
"""Before our own words among those of a batch system."""


def refusing(text: str) -> str:
    """A line for `sh` by which a script ends before it asks the batch system: it never would."""
    return f"{{ echo {quoted(_SIGN + text)} >&2; exit 1; }}"


def unless(reasons: Iterable[str]) -> str:
    """A line that refuses for the first reason, if there is one."""
    return next((refusing(reason) for reason in reasons if reason), ":")


@dataclass(frozen=True)
class Refusals:
    """Parts of what a submit command writes; those of `not_now` are looked for first."""

    not_now: tuple[str, ...] = ()
    permanent: tuple[str, ...] = ()

    def judge(self, completed: Completed, wait: float) -> Refused:
        """What an exit status other than 0 means; raises `InDoubt`, to be waited out."""
        if completed.stderr.startswith(_SIGN):
            return Refused(completed.stderr.removeprefix(_SIGN).strip(), permanent=True)
        if refused := self.refusal(completed):
            return refused
        status, said = completed.exit_status, _said(completed) or "no word"
        raise InDoubt(f"the submission ended with exit status {status}: {said}", wait)

    def refusal(self, completed: Completed) -> Refused | None:
        """What it says, if that is known and an answer; None: it leaves a doubt."""
        said = _said(completed)
        if is_unanswered(completed):
            return None
        if any(text in said for text in self.not_now):
            return Refused(said, permanent=False)
        if any(text in said for text in self.permanent):
            return Refused(said, permanent=True)
        return None


def _said(completed: Completed) -> str:
    return " ".join(f"{completed.stderr} {completed.stdout}".split())[-1000:]
