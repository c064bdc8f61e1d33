"""Simulations that come after others."""

from uuid import UUID

import pytest

from events.jobs import After, Dependency, JobOptions, JobState, token_of
from events.operations import SubmitJob
from events.values import Context
from managers.runtime import Send
from tests.managers.simulations.site import (
    ONE,
    TWO,
    Site,
    create,
    place,
    report,
    submit,
    submitted,
)


def created_after(of: Site, id: UUID, other: UUID, on: After = After.SUCCEEDED) -> Site:
    """A simulation that was placed, and comes after another."""
    plain = create(id)
    options = JobOptions(after=(Dependency(token=token_of(other), on=on),))
    request = plain.request.model_copy(update={"options": options})
    return of.when(plain.model_copy(update={"request": request})).when(place(id))


def jobs(of: Site) -> list[SubmitJob]:
    """Those that the newest decision gives to a machine."""
    sent = [effect for effect in of.effects if isinstance(effect, Send)]
    told = [one.command for one in sent if one.context is Context.OPERATIONS]
    return [command for command in told if isinstance(command, SubmitJob)]


@pytest.mark.parametrize(
    ("state", "end"),
    [
        (JobState.RUNNING, None),
        (JobState.LOST, None),
        (JobState.COMPLETED, JobState.COMPLETED),
        (JobState.CANCELLED, JobState.CANCELLED),
    ],
)
def test_a_machine_is_told_how_the_one_ended_that_a_job_comes_after(
    state: JobState, end: JobState | None
) -> None:
    of = created_after(submitted(ONE).when(report(state)), TWO, ONE).when(submit(TWO))
    [job] = jobs(of)
    assert job.request.options.after == (Dependency(token=token_of(ONE), end=end),)
