"""Kills each stage at every answer and runs it again, and notices when it then asks otherwise."""

from managers.incidents import FailRun, FinishRun, Run
from managers.incidents import Incident as IncidentRecord
from managers.runtime import Assignment, Work
from managers.runtime.manager import Input
from workflows.host import Execution, StageHost, StageRun

_FORGOTTEN = 20
"""Answers that a stage got and no longer asks for: more than may be a matter of timing."""


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
        before, answered = _answered(self._run), _answered(item)
        if answered == before:
            return
        self._run = item
        if self._execution is None:
            return
        if len(before - self._execution.asked) > _FORGOTTEN:
            self._differs(self._execution, before)
            return
        self._asked |= self._execution.asked
        self.move(self.workshop)

    def _start(self) -> None:
        super()._start()
        if self._execution:
            self._execution.patient = True

    def _post(self, execution: Execution, input: Input) -> None:
        finishes = execution is self._execution and isinstance(input, FinishRun)
        if finishes and self._asked - execution.asked:
            self._differs(execution, self._asked)
        else:
            super()._post(execution, input)

    def _differs(self, execution: Execution, asked: set[str]) -> None:
        forgotten = ", ".join(sorted(asked - execution.asked))
        difference = f"run again, the stage did not ask for: {forgotten}"
        self._differences.append(f"{self._run.message.stage}: {difference}")
        super()._post(execution, FailRun(self._run.id, self._run.attempt, difference, final=True))


def _answered(run: Run) -> set[str]:
    return {key for key, call in run.calls.items() if call.answered}
