"""What batch systems of which little is recorded say of a wrong request, by their own tables."""

from pathlib import PurePosixPath

import pytest

from interfaces.machines.connection import Completed
from interfaces.machines.dialect import Dialect, Refused
from interfaces.machines.dialects.lsf import Lsf
from interfaces.machines.dialects.pbs import Pbs
from interfaces.machines.scripts.layout import Layout
from tests.interfaces.machines.recorded_contract import REQUEST

LAYOUT = Layout(PurePosixPath("/base"))
PBS = Pbs(LAYOUT), "qsub: {}\n", 1
LSF = Lsf(LAYOUT), "{}. Job not submitted.\n", 255


@pytest.mark.parametrize(
    ("system", "text"),
    [
        (PBS, "Duplicate entry in list Resource_List.ncpus"),
        (PBS, 'Cannot have "place" without "select"'),
        (PBS, '"-lresource=" cannot be used with "select" or "place", resource is: ncpus'),
        (PBS, 'Resource invalid in "select" specification: walltime'),
        (PBS, "Invalid Account"),
        (PBS, "Unknown Reservation Id"),
        (PBS, "No default queue specified"),
        (LSF, "Bad argument"),
        (LSF, "four: Bad time specification"),
        (LSF, "Dependency condition syntax error"),
        (LSF, "Queue does not accept EXCLUSIVE jobs"),
        (LSF, "Too few processors requested"),
    ],
)
def test_a_wrong_request_is_refused_for_ever(system: tuple[Dialect, str, int], text: str) -> None:
    dialect, form, status = system
    said = dialect.submit(REQUEST, 1).parse(Completed(status, "", form.format(text)))
    assert said == Refused(form.format(text).strip(), permanent=True)


def test_a_full_queue_is_asked_again() -> None:
    full = "The destination queue has reached its job limit. Job not submitted.\n"
    said = Lsf(LAYOUT).submit(REQUEST, 1).parse(Completed(255, "", full))
    assert said == Refused(full.strip(), permanent=False)
