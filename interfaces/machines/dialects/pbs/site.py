"""How PBS is set up at a site. Source of the words: pbs_server_attributes(7B)."""

import json
from dataclasses import dataclass

from events.jobs import MOST_INSTANCES
from interfaces.machines.connection import Completed
from interfaces.machines.site import Site


@dataclass(frozen=True)
class AskSite:
    """The server about itself; what has its default value is not in its answer."""

    def script(self) -> str:
        return "qstat -B -f -F json"

    def parse(self, completed: Completed) -> Site:
        said = json.loads(completed.checked(), strict=False)
        (server,) = said["Server"].values()
        history = str(server.get("job_history_enable", "False")) == "True"
        return Site(
            version=f"PBS {said.get('pbs_version', '')}".strip(),
            accounting=history,
            comments=history,  # with all that was said of a job
            others=str(server.get("query_other_jobs", "False")) == "True",
            instances=server.get("max_array_size", MOST_INSTANCES),
            learns=frozenset({"accounting", "lag"}),
        )
