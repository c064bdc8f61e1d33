"""CSV tables as they arrive: whatever a file holds is a row, or a sentence about one."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """A row of a table, by column."""

    number: int
    """The line of the file on which it ends, counted from 1."""
    values: Mapping[str, str]
    wrong: str = ""
    """Why it is no row of the table; its values are of no use then."""


def rows_of(text: str, needed: Sequence[str], what: str) -> Iterator[Row]:
    """The rows of a table that has the needed columns.

    `what` it should be is for the sentence of the `ValueError` that is raised when it is not.
    """
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        header = rows.fieldnames or ()
    except csv.Error as error:
        raise ValueError(f"not {what}: {error}") from error
    if missing := [name for name in needed if name not in header]:
        raise ValueError(f"not {what}: it has no column {', '.join(missing)}")
    return _rows(rows)


def _rows(rows: "csv.DictReader[str]") -> Iterator[Row]:
    while True:
        try:
            values = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(rows.reader.line_num, {}, str(error))
            continue
        whole = None not in values and None not in values.values()
        wrong = "" if whole else "not as many values as there are columns"
        yield Row(rows.reader.line_num, values, wrong)
