"""Words and numbers that batch systems and shells are told, and what may be asked of them."""

from typing import Annotated

from pydantic import Field, StringConstraints

from events.entry import AtMost, made_of

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""What a shell can be told: anything but a zero byte."""

Word = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=255)]
"""A name that a batch system is told, or shows: one line."""

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""A name that a shell can export."""

BatchName = Annotated[
    Word,
    made_of(
        "letters, digits, blanks and _ - . + @ : , / # % = ~ * ? ! & | ( ) [ ]",
        r"[\w.+@:,/#%=~*?!&|()\[\]][\w.+@:,/#%=~*?!&|()\[\] -]*",
    ),
]
"""A queue, account, QoS or reservation, several of them, or what they match: `all.q@@fast`, `a|b`
(Grid Engine, sge_types(1)), `short,long` (Slurm), `work@server` (PBS), `ada#0`, `a b` (LSF)."""

Constraint = Annotated[
    Word, made_of("printable characters without ; $ ` and \\", r"[^-;$`\\\s][^;$`\\]*")
]
"""An expression of the batch system's own, with its operators, blanks and quotes."""

Count = Annotated[int, Field(gt=0), AtMost(1_000_000)]
"""Of nodes, slots or cores: more than any machine has."""

Tasks = Annotated[int, Field(gt=0), AtMost(100_000_000)]
PerNode = Annotated[int, AtMost(65_535)]
"""Of GPUs, or CPUs of a task: more than any node has."""

Mebibytes = Annotated[int, Field(gt=0), AtMost(2**30)]
"""Up to a pebibyte."""

_WEEK = 7 * 86400
Seconds = Annotated[float, Field(ge=0), AtMost(_WEEK)]
Pause = Annotated[float, Field(gt=0), AtMost(_WEEK)]
"""Seconds, never none."""

PerMinute = Annotated[int, Field(gt=0), AtMost(1_000_000)]

MOST_WALLTIME = 366 * 86400
"""In seconds."""
