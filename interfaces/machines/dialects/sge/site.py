"""How Grid Engine is set up at a site: it hides no jobs, and its accounts keep each one's `-A`."""

from dataclasses import dataclass

from events.jobs import MOST_INSTANCES
from interfaces.machines.connection import Completed
from interfaces.machines.dialects.asking import SEPARATOR
from interfaces.machines.dialects.sge.jobs import NO_HIDING
from interfaces.machines.site import Site


@dataclass(frozen=True)
class AskSite:
    """Its version; whether its accounts can be read; whether a job of somebody else is seen."""

    def script(self) -> str:
        return f"""{NO_HIDING}qstat -help | head -n 1
printf '\\037'
qacct -o "$(id -un)" -d 1 >/dev/null 2>&1 && echo yes || echo no
printf '\\037'
qconf -sconf 2>/dev/null | awk '$1 == "max_aj_tasks" {{ print $2 }}'
printf '\\037'
qstat -u '*' | awk -v me="$(id -un)" 'NR > 2 && $4 != me' | head -n 1
"""

    def parse(self, completed: Completed) -> Site:
        version, accounts, most, others = completed.checked().split(SEPARATOR)
        kept = accounts.strip() == "yes"
        return Site(
            version=version.strip(),
            accounting=kept or None,  # there is no file before the first job has ended
            comments=kept or None,
            others=bool(others.strip()) or None,
            # 0: no limit but ours
            instances=int(most) or MOST_INSTANCES if most.strip().isdecimal() else None,
            learns=frozenset({"lag"}),
        )
