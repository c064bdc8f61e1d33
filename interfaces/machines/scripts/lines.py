"""Which files a job's line runs, as far as its words tell."""

import re
import shlex
from collections.abc import Iterator, Sequence

from events.jobs import relative_path

_BETWEEN = frozenset("();|&")
"""Of these are words that end a command."""
_REDIRECTION = frozenset("<>&")
_WORDS = 20
"""Of one command that are looked at."""
_HERE = re.compile(r"^(?:\$PWD/|\$\{PWD\}/|\./)+")
_INSIDE = re.compile(r"(?<=[\w=/.,:-])#")
"""Of a word, where it begins no comment; `shlex` takes it for one."""
_BEFORE = re.compile(r"\w+=.*|[!{]|do|else|if|then|until|while", re.DOTALL)
"""What may come before a command."""
_RUNS_ANOTHER = re.compile(
    r"(?:.*/)?(?:\w*sh|perl|python[\d.]*|ruby|julia|Rscript|source|command|eval|exec|time|"
    r"env|nice|nohup|numactl|setsid|stdbuf|taskset|timeout|"
    r"aprun|ibrun|jsrun|mpiexec[\w.]*|mpirun[\w.]*|orterun|prun|srun)"
)
"""Commands that run what a later word of theirs names."""


def scripts_in(executable: str) -> list[Sequence[str]]:
    """For each command of a line for `sh` what it may run: the first of them that is a file.

    They are paths, absolute or in the job's folder.
    """
    return [names for words in _commands(executable) if (names := [*_names(words)])]


def _commands(executable: str) -> Iterator[list[str]]:
    """The words of each, without redirections; none of what is no line for `sh`."""
    joined = _INSIDE.sub(r"\\#", executable.replace("\\\n", "")).replace("\n", "\n;")
    lexer = shlex.shlex(joined, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = [*lexer]
    except ValueError:
        return
    command, redirects = list[str](), False
    for word in words:
        letters = {*word}
        if letters <= _REDIRECTION and letters != {"&"}:
            redirects = True
        elif letters <= _BETWEEN:
            yield command
            command, redirects = [], False
        elif redirects:
            redirects = False
        else:
            command.append(word)
    yield command


def _names(words: list[str]) -> Iterator[str]:
    """A program is named by a path; what another one runs comes after that, behind its options."""
    while words and _BEFORE.fullmatch(words[0]):
        words = words[1:]
    runs_another = False
    for n, word in enumerate(words[:_WORDS]):
        runs = bool(_RUNS_ANOTHER.fullmatch(word)) or (n == 0 and word == ".")
        named = runs_another or word.startswith("./") or (n == 0 and "/" in word)
        if named and not runs and _is_path(name := _HERE.sub("", word)):
            yield name
        runs_another |= runs


def _is_path(name: str) -> bool:
    if name.startswith("/"):
        return name.isprintable()
    try:
        return not name.startswith("-") and relative_path(name) == name
    except ValueError:
        return False
