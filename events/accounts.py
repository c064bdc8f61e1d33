"""Whose jobs are charged to which account of a machine."""

from events.values import Value
from events.words import BatchName, Word


class NotAllowed(ValueError):
    """A job may not be charged to an account there; the sentence says why."""


class Accounts(Value):
    """Accounts of a machine's batch system, by those who may use them."""

    of: dict[str, BatchName] = {}
    """By the id of an incident, or of the user who made it; an incident's own counts first. Empty:
    its jobs are let in, and charged as they or the machine's settings say."""
    only: bool = False
    """Whether the jobs of all others are refused."""

    @property
    def spoken_for(self) -> frozenset[str]:
        """Accounts that are somebody's; case folded, since Slurm takes them in any case."""
        return frozenset(account.casefold() for account in self.of.values() if account)

    def charged(self, incident: str, owner: str, asked: Word) -> Word:
        """The account of an incident's job that asks for one itself, or (empty) for none.

        Empty: as the machine's settings have it. Raises `NotAllowed`.
        """
        mine = self.of.get(incident, self.of.get(owner) if owner else None)
        if mine is None and self.only:
            raise NotAllowed("nobody has given the incident, or the user who made it, an account")
        if mine:
            return mine
        if asked.casefold() in self.spoken_for:
            raise NotAllowed(f"the account {asked} is for others")
        return asked
