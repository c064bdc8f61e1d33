"""Kills each stage at every answer and runs it again, and notices when it then asks otherwise."""

from managers.incidents import FailRun, FinishRun, Run
from managers.incidents import Incident as IncidentRecord
from managers.runtime import Assignment, Work
from managers.runtime.manager import Input
from workflows.host import Execution, StageHost, StageRun


class RehearsedHost(StageHost):
    """A host under which no stage gets far without being killed."""

    differences: list[str]
    """What stages asked only when they were not run for the first time, or only then."""

    def begin(self, assignment: Assignment[IncidentRecord, Run]) -> Work[Run]:
        return _RehearsedRun(assignment, self)


class _RehearsedRun(StageRun):
    """Starts again at every answer; in the end it must have asked all that it ever asked."""

    def __init__(self, assignment: Assignment[IncidentRecord, Run], host: RehearsedHost) -> None:
        self._asked: set[str] = set()
        self._differences = host.differences
        super().__init__(assignment, host)

    def update(self, item: Run) -> None:
        answered = {key for key, call in item.calls.items() if call.answered}
        if answered == {key for key, call in self._run.calls.items() if call.answered}:
            return
        self._run = item
        if self._execution:
            self._asked |= self._execution.asked
            self.move(self.place)

    def _start(self) -> None:
        super()._start()
        if self._execution:
            self._execution.patient = True

    def _post(self, execution: Execution, input: Input) -> None:
        if execution is self._execution and isinstance(input, FinishRun):
            forgotten = sorted(self._asked - execution.asked)
            if forgotten:
                difference = f"run again, the stage did not ask for: {', '.join(forgotten)}"
                self._differences.append(f"{self.name}: {difference}")
                input = FailRun(input.run, input.attempt, difference, final=True)
        super()._post(execution, input)
