"""What LSF says of itself. Source: the references of `lsid` and `bjobs`."""

from dataclasses import dataclass

from interfaces.machines.connection import Completed
from interfaces.machines.dialects.asking import SEPARATOR
from interfaces.machines.dialects.lsf.jobs import CLEAN
from interfaces.machines.site import Site


@dataclass(frozen=True)
class AskSite:
    """Its version, and whether a job of somebody else is seen; of accounts it says nothing."""

    def script(self) -> str:
        return f"""{CLEAN}lsid | head -n 1
printf '\\037'
bparams -a 2>/dev/null | awk '$1 == "MAX_JOB_ARRAY_SIZE" {{ print $3 }}'
printf '\\037'
bjobs -u all -noheader -o user 2>/dev/null | grep -vxF "$(id -un)" | head -n 1
"""

    def parse(self, completed: Completed) -> Site:
        version, most, others = completed.checked().split(SEPARATOR)
        return Site(
            version=version.strip(),
            comments=True,  # a job's description is known as long as the job
            others=bool(others.strip()) or None,
            instances=int(most) if most.strip().isdecimal() else None,
            learns=frozenset({"lag"}),
        )
