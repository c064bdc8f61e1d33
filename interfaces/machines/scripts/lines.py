"""Which files a job's line runs, as far as its words tell."""

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

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
_READS_ANOTHER = re.compile(
    r"(?:.*/)?(?:(?:ba|da|k|z|c|tc)?sh|perl|python[\d.]*|ruby|julia|Rscript|source)"
)
"""Commands that run a file, wherever it is, for a word without a slash names it as well."""
_RUNS_ANOTHER = re.compile(
    r"(?:.*/)?(?:command|eval|exec|time|env|nice|nohup|numactl|setsid|stdbuf|taskset|timeout|"
    r"aprun|ibrun|jsrun|mpiexec[\w.]*|mpirun[\w.]*|orterun|prun|srun)"
)
"""Commands that run the program that a later word of theirs names."""
_ONLY_READS = re.compile(
    r"(?:.*/)?(?:\[|awk|cat|cd|chmod|cp|diff|echo|f?grep|gzip|head|ln|ls|mkdir|mv|printf|rm|sed|sha256sum|"
    r"sort|tail|tar|test|touch|wc)"
)
"""Commands for which a file is data."""
_ASIDE = re.compile(r"-.*|\w+=.*|[\d.:,-]+[smhdKMGkg]?", re.DOTALL)
"""What stands before the program that another one runs: options, variables, quantities."""


def scripts_in(executable: str) -> list[Sequence[str]]:
    """For each command of a line for `sh` what it may run: the first of them that is a file.

    They are paths, absolute or in the job's folder.
    """
    here, found = PurePosixPath(), list[Sequence[str]]()
    for words in _commands(executable):
        if words[:1] == ["cd"]:
            here /= _HERE.sub("", words[-1])
        elif names := [str(here / name) for name in _names(words)]:
            found.append(names)
    return found


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
    while words and _BEFORE.fullmatch(words[0]):
        words = words[1:]
    words = words[:_WORDS]
    another = words[:1] == ["."] or any(map(_runs_another, words[:1]))
    found = _run_by_another(words) if another else _programs(words)
    yield from filter(_is_path, (_HERE.sub("", word) for word in found))


def _programs(words: list[str]) -> Iterator[str]:
    """The program itself, if it is a path; else what another one, that we do not know, may run."""
    for n, (before, word) in enumerate(pairwise(["", *words])):
        if word.startswith("./") or (n == 0 and "/" in word):
            yield word
            return
        if _ONLY_READS.fullmatch(word) and not before.startswith("-"):
            return


def _run_by_another(words: list[str]) -> Iterator[str]:
    """A program comes behind whoever runs it, and the options of that.

    Their values look as programs do: what follows an option may be either.
    """
    reads = option = False
    for n, word in enumerate(words):
        if n == 0 or _runs_another(word):
            reads, option = reads or not _RUNS_ANOTHER.fullmatch(word), False
        elif _ASIDE.fullmatch(word):
            option = word.startswith("-")
        elif not option and _ONLY_READS.fullmatch(word):
            return
        else:
            if reads or not option or "/" in word:
                yield word
            if not option:
                return
            option = False


def _runs_another(word: str) -> bool:
    ours = word.startswith("./")
    return not ours and bool(_READS_ANOTHER.fullmatch(word) or _RUNS_ANOTHER.fullmatch(word))


def _is_path(name: str) -> bool:
    if name.startswith("/"):
        return name.isprintable()
    try:
        return not name.startswith("-") and relative_path(name) == name
    except ValueError:
        return False
