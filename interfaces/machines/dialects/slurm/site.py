"""How Slurm is set up at a site. Source of the words: slurm.conf(5), `scontrol show config`."""

import re
from dataclasses import dataclass

from interfaces.machines.connection import Completed
from interfaces.machines.dialects.slurm.environment import QUESTION
from interfaces.machines.site import Site


@dataclass(frozen=True)
class AskSite:
    """The controller's version and configuration."""

    def script(self) -> str:
        return f"{QUESTION}sinfo --version && scontrol show config"

    def parse(self, completed: Completed) -> Site:
        version, *lines = completed.checked().splitlines()
        known = dict(re.split(r"\s+=\s", line, maxsplit=1) for line in lines if " = " in line)
        storage = known.get("AccountingStorageType", "").strip()
        return Site(
            version=version,
            accounting=None if not storage else storage not in ("(null)", _NO_ACCOUNTS),
            comments=_comments(known),
            instances=_count(known.get("MaxArraySize", "")),
            others=None if "PrivateData" not in known else "jobs" not in known["PrivateData"],
            learns=frozenset({"accounting", "lag"}),
        )


def _count(text: str) -> int | None:
    """Indices are below it, and ours begin at 0; where it is 0 there are no arrays."""
    return max(1, int(text)) if text.strip().isdecimal() else None


_NO_ACCOUNTS = "accounting_storage/none"


def _comments(known: dict[str, str]) -> bool | None:
    """By the flags since 21.08, by a word of its own before."""
    if "AccountingStoreFlags" in known:
        return "job_comment" in known["AccountingStoreFlags"]
    if "AccountingStoreJobComment" in known:
        return known["AccountingStoreJobComment"].strip() == "Yes"
    return None
