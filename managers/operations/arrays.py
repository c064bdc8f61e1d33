"""What the instances of an array come to: one state, by one rule.

While one of them is not over, the array is `RUNNING` if any has started, otherwise `HELD` if all
that wait are held, otherwise `QUEUED`. Once all are over it is `COMPLETED` if each is, otherwise
the worst of its ends: `FAILED`, `TIMEOUT`, `CANCELLED`, `LOST`. So it is lost only if all others
have completed: otherwise it has not, whatever became of those that are lost.
"""

from collections import Counter
from collections.abc import Mapping

from events.jobs import JobId, JobReport, JobState, Token

_WORST_FIRST = (JobState.FAILED, JobState.TIMEOUT, JobState.CANCELLED, JobState.LOST)
_STARTED = frozenset(
    {JobState.RUNNING, JobState.ENDING, JobState.COMPLETED, JobState.FAILED, JobState.TIMEOUT}
)


def whole(
    token: Token, size: int, job_id: JobId | None, words: Mapping[int, JobReport]
) -> JobReport:
    """What is to be said of an array of `size`, of which some instances were spoken of.

    Those that nobody spoke of wait. Its attempt counts each time that one of them was requeued.
    """
    counts = Counter(word.state for word in words.values())
    if size > len(words):
        counts[JobState.QUEUED] += size - len(words)
    state = state_of(counts)
    open = [n for n, word in words.items() if not word.state.ended]
    stuck = size == len(words) and open and all(words[n].stuck for n in open)
    told = _telling(state, counts, words)
    began = [word.started for word in words.values() if word.started is not None]
    ended = [word.ended for word in words.values() if word.ended is not None]
    return JobReport(
        token=token,
        instances=dict(sorted(counts.items())),
        state=state,
        witness=words[told].witness,
        job_id=job_id,
        attempt=1 + sum(word.attempt - 1 for word in words.values()),
        exit_code=words[told].exit_code if state.ended else None,
        started=min(began, default=None),
        ended=max(ended, default=None) if state.ended else None,
        copies=sum(word.copies for word in words.values()),
        reason=_reason(size, counts, words, open[0] if stuck else told),
        waiting=words[open[0]].waiting if stuck else None,
    )


def counted_anew(
    counts: Mapping[JobState, int], was: JobState | None, now: JobState
) -> Mapping[JobState, int]:
    """How many instances are in which state once one has changed; one that is new waited."""
    after = Counter(counts)
    after[was or JobState.QUEUED] -= 1
    after[now] += 1
    return {state: count for state, count in after.items() if count}


def state_of(counts: Mapping[JobState, int]) -> JobState:
    """That of an array of which so many instances are in which state."""
    open = {state for state in counts if not state.ended}
    if not open:
        return next((state for state in _WORST_FIRST if state in counts), JobState.COMPLETED)
    if _STARTED & counts.keys():
        return JobState.RUNNING
    return JobState.HELD if open == {JobState.HELD} else JobState.QUEUED


def _telling(
    state: JobState, counts: Mapping[JobState, int], words: Mapping[int, JobReport]
) -> int:
    """The instance that says most: of the worst end, if one did not complete."""
    worst = next((one for one in _WORST_FIRST if one in counts), state)
    among = [n for n, word in words.items() if word.state is worst] or [*words]
    return max(sorted(among), key=lambda n: len(words[n].reason))


def _reason(
    size: int, counts: Mapping[JobState, int], words: Mapping[int, JobReport], told: int
) -> str:
    bad = ", ".join(f"{counts[state]} {state}" for state in _WORST_FIRST if state in counts)
    clauses = [bad and f"of {size} instances {bad}"]
    if words[told].reason:
        clauses.append(f"instance {told}: {words[told].reason}")
    return "; ".join(clause for clause in clauses if clause)
