"""What a submit command says when it has certainly not taken a job: a table per dialect.

Only texts that are known count. A command that ends otherwise has left a doubt, whatever its exit
status: some were taken minutes after their submit command had given up.
"""

from dataclasses import dataclass

from interfaces.machines.connection import Completed
from interfaces.machines.dialect import InDoubt, Refused


@dataclass(frozen=True)
class Refusals:
    """Parts of what a submit command writes; those of `not_now` are looked for first."""

    not_now: tuple[str, ...] = ()
    permanent: tuple[str, ...] = ()

    def judge(self, completed: Completed, wait: float) -> Refused:
        """What an exit status other than 0 means; raises `InDoubt`, to be waited out."""
        said = " ".join(f"{completed.stderr} {completed.stdout}".split())[-1000:]
        if any(text in said for text in self.not_now):
            return Refused(said, permanent=False)
        if any(text in said for text in self.permanent):
            return Refused(said, permanent=True)
        status = completed.exit_status
        raise InDoubt(f"the submission ended with exit status {status}: {said or 'no word'}", wait)
