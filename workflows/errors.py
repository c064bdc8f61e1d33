"""What a stage can raise, and what can be raised in it."""

from events.simulations import SimulationResult


class StageError(Exception):
    """Something that a stage asked for did not work."""


class CallFailed(StageError):
    """Another part of the system refused; the sentence is its own."""


class CodeChanged(StageError):
    """A recorded answer does not fit the code any more; `calls` are asked anew by a retry."""

    def __init__(self, text: str, calls: tuple[str, ...]) -> None:
        super().__init__(text)
        self.calls = calls


class ValueUnfit(StageError):
    """The stage's own code gave what its annotation, or the type of its state, does not allow."""


class Reject(Exception):
    """Refuses what arrived, and only that: the incident and its stages are well."""


class NotText(Reject, UnicodeError):
    """What arrived is no UTF-8 text; a stage that does not care refuses it by this."""


class SimulationFailed(StageError):
    """A simulation ended otherwise than it should; `result` says how."""

    def __init__(self, kind: str, result: SimulationResult, calls: tuple[str, ...]) -> None:
        self.result, self.calls = result, calls
        missing = f" without its results {', '.join(result.missing)}" if result.missing else ""
        where = f" on {result.machine}" if result.machine else ""
        why = f": {result.reason}" if result.reason else ""
        code = f" with exit code {result.exit_code}" if result.exit_code else ""
        super().__init__(f"simulation {kind}{where} is {result.state}{code}{missing}{why}")
