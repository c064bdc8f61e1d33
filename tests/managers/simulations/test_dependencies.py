"""Simulations that come after others."""

from uuid import UUID

import pytest

from events.jobs import After, Dependency, JobOptions, JobState, token_of
from events.machines import ChooseMachine
from events.operations import ForgoJob, SubmitJob
from events.simulations import CancelSimulation, CreateSimulation
from events.values import Command, Context
from managers.runtime import Send
from tests.managers.scenario import scenario
from tests.managers.simulations.site import (
    MANAGER,
    ONE,
    TWO,
    Site,
    create,
    place,
    report,
    submit,
    submitted,
)


def after_one(
    id: UUID, other: UUID, on: After = After.SUCCEEDED, machine: str | None = None
) -> CreateSimulation:
    """A simulation that comes after another."""
    plain = create(id)
    options = JobOptions(after=(Dependency(token=token_of(other), on=on),))
    request = plain.request.model_copy(update={"options": options, "machine": machine})
    return plain.model_copy(update={"request": request})


def created_after(of: Site, id: UUID, other: UUID, on: After = After.SUCCEEDED) -> Site:
    """One that was placed as well."""
    return of.when(after_one(id, other, on)).when(place(id))


def told(of: Site) -> list[Command]:
    """What the newest decision tells machines."""
    sent = [effect for effect in of.effects if isinstance(effect, Send)]
    return [one.command for one in sent if one.context is Context.OPERATIONS]


def jobs(of: Site) -> list[SubmitJob]:
    return [command for command in told(of) if isinstance(command, SubmitJob)]


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


def test_one_that_is_not_submitted_yet_is_expected_there_until_it_never_will_be() -> None:
    of = scenario(MANAGER).when(create(ONE)).when(place(ONE))
    created_after(of, TWO, ONE).when(submit(TWO))
    [job] = jobs(of)
    assert job.request.options.after == (Dependency(token=token_of(ONE), expected=True),)
    of.when(CancelSimulation(simulation=ONE, reason="enough"))
    assert ForgoJob(token=token_of(ONE), state=JobState.CANCELLED) in told(of)


@pytest.mark.parametrize(
    ("state", "asked", "wanted"),
    [
        (JobState.RUNNING, None, "local"),
        (JobState.LOST, None, "local"),
        (JobState.COMPLETED, None, None),
        (JobState.RUNNING, "another", "another"),
    ],
)
def test_a_machine_is_chosen_where_the_one_is_that_it_comes_after(
    state: JobState, asked: str | None, wanted: str | None
) -> None:
    of = submitted(ONE).when(report(state)).when(after_one(TWO, ONE, machine=asked))
    [choose] = [one.command for one in of.effects if isinstance(one, Send)]
    assert isinstance(choose, ChooseMachine)
    assert choose.wanted == wanted


def test_one_that_goes_elsewhere_is_not_expected_there() -> None:
    of = scenario(MANAGER).when(create(ONE)).when(place(ONE, "another"))
    [job] = jobs(created_after(of, TWO, ONE).when(submit(TWO)))
    assert job.request.options.after == (Dependency(token=token_of(ONE)),)
