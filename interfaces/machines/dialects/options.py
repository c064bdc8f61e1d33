"""Options of submit commands: from a user's script, from administrators and from requests, as one.

Whoever is asked first counts: the request, then its own native lines, then the machine's, then the
directives of the user's script. What is left out for that is said. Nobody but we ourselves says
what we need for ourselves: the job's name, where its output goes, whether it is an array. And none
is charged to an account that the machine's administrators have given to others.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from events.jobs import JobRequest
from interfaces.machines.dialects.batch_settings import BatchSettings

_BEFORE_COMMENT = re.compile(r"""(?:[^"'\\#]|\\.|"(?:\\.|[^"\\])*"|'[^']*'|(?<=\S)#)*""")
_BETWEEN_ATTRIBUTES = re.compile(r",\s*(?=\w+\s*=)")


@dataclass(frozen=True)
class Option:
    """An option, and what it is about: two that are about the same exclude each other."""

    subject: str
    words: tuple[str, ...]
    """None: what it says is put on the line elsewhere."""

    def __str__(self) -> str:
        return shlex.join(self.words) or self.subject

    @property
    def value(self) -> str:
        return self.words[1] if len(self.words) > 1 else self.words[0].partition("=")[2]


def words(text: str) -> frozenset[str]:
    """A set of options, as they are written down."""
    return frozenset(text.split())


@dataclass(frozen=True)
class Grammar:
    """How a submit command's options are written."""

    subjects: Mapping[str, str]
    """What an option is about, if not what its name says: `-t` is about `--time`."""
    flags: frozenset[str]
    """Options without a value, by their names."""
    ours: frozenset[str]
    """Subjects that nobody else has a say in."""
    accounts: frozenset[str]
    """Subjects that say what a job is charged to."""
    longs: frozenset[str] = frozenset()
    """All long options, where the beginning of one does for the whole."""
    letters: bool = False
    """Whether `-x` may be followed by its value without a space."""
    lists: frozenset[str] = frozenset()
    """Options whose value is a list of `name=value`, each about something of its own."""
    named: frozenset[str] = frozenset()
    """Options whose value is attributes, `name=value`, each about something of its own."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Those that another option is for, which is read then: `-W account_name` is `-A`."""
    pairs: frozenset[str] = frozenset()
    """Options with two values."""
    prefixes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Options with another value after some first ones."""
    free: frozenset[str] = frozenset()
    """Options of which there may be several."""

    def read(self, lines: Iterable[str]) -> Iterator[Option]:
        """The options in some lines; what is none has no subject."""
        for line in lines:
            try:
                split = shlex.split(_uncommented(line))
            except ValueError:
                yield Option("", (line,))
            else:
                yield from self._options(split)

    def _options(self, line: list[str]) -> Iterator[Option]:
        while line:
            name, *values = self._next(line)
            if self._wants_more(name, values):
                yield Option("", (name, *values))
            elif name in self.lists and values:
                for part in values[0].split(","):
                    yield Option(_about(name, part), (name, part))
            elif name in self.named and values:
                yield from self._attributes(name, values[0])
            else:
                yield Option(self._subject(name), (name, *values))

    def _attributes(self, name: str, value: str) -> Iterator[Option]:
        for part in _BETWEEN_ATTRIBUTES.split(value):
            attribute, _, said = part.partition("=")
            subject = f"{name} {attribute.strip().lower()}"
            if other := self.attributes.get(subject):
                yield Option(other, (other, said.strip()))
            else:
                yield Option(subject, (name, part))

    def _next(self, line: list[str]) -> list[str]:
        """Take the next option off a line; a long one with its value is one word."""
        word = self._in_full(line.pop(0))
        if word.startswith("--"):
            if "=" in word or word in self.flags or not line or line[0].startswith("-"):
                return [word]
            return [f"{word}={line.pop(0)}"]
        if self.letters and len(word) > 2 and word[0] == "-" and word[:2] not in self.flags:
            return [word[:2], word[2:]]
        if not word.startswith("-") or word in self.flags:
            return [word]
        two = self._has_two(word, line)
        values, line[:] = line[: 1 + two], line[1 + two :]
        return [word, *values]

    def _wants_more(self, name: str, values: list[str]) -> bool:
        """Whether it has not its values: the submit command would take the next option for one."""
        if "=" in name or name in self.flags or not name.startswith("-"):
            return False
        if name.startswith("--"):
            return name in self.longs
        return len(values) < 1 + self._has_two(name, values) or any(map(_is_option, values))

    def _has_two(self, name: str, values: Sequence[str]) -> bool:
        return name in self.pairs or bool(self.prefixes.get(name, frozenset()) & {*values[:1]})

    def _in_full(self, word: str) -> str:
        """A long option by its whole name, if its beginning is that of one alone."""
        name, _, _ = word.partition("=")
        meant = self._meant(name)
        return meant[0] + word.removeprefix(name) if len(meant) == 1 else word

    def _meant(self, name: str) -> list[str]:
        """The options that a name may begin."""
        if name in self.longs or not name.startswith("--") or name == "--":
            return []
        return [long for long in self.longs if long.startswith(name)]

    def _subject(self, name: str) -> str:
        name = name.partition("=")[0]
        if len(name) < 2 or name[0] != "-" or name == "--" or self._meant(name):
            return ""
        if self.letters and name[1] != "-" and len(name) > 2:
            return ""  # several flags in one word
        return self.subjects.get(name, name)


def _uncommented(line: str) -> str:
    """A line up to a `#` that begins a word and is not quoted."""
    begin = _BEFORE_COMMENT.match(line)
    assert begin
    return begin[0] if line[begin.end() :].startswith("#") else line


def _is_option(word: str) -> bool:
    """Whether it begins like one, and is no number."""
    return re.match(r"-(?!\d)", word) is not None


def _about(name: str, value: str) -> str:
    return f"{name} {value.partition('=')[0]}"


@dataclass(frozen=True)
class Arranged:
    """The words of a command line, and what was left out of it."""

    words: tuple[str, ...]
    remarks: str


def arrange(
    grammar: Grammar,
    requested: Iterable[Option],
    request: JobRequest,
    settings: BatchSettings,
    directives: Iterable[str],
) -> Arranged:
    """What a request, its native lines, the machine's and the user's script come to."""
    others = [
        ("the request", request.options.native),
        ("the machine", settings.native),
        ("the script", directives),
    ]
    taken = {option.subject: ("the request", option) for option in requested}
    line = [word for _, option in taken.values() for word in option.words]
    remarks = []
    for who, lines in others:
        mine: dict[str, tuple[str, Option]] = {}
        for option in grammar.read(lines):
            theirs = frozenset() if who == "the machine" else settings.spoken_for
            if why := _left_out(grammar, option, taken, theirs):
                remarks.append(f"{option} of {who} is left out: {why}.")
            else:
                line += option.words
                if option.subject not in grammar.free:
                    mine[option.subject] = (who, option)
        taken |= mine
    return Arranged(tuple(line), " ".join(remarks))


def _left_out(
    grammar: Grammar,
    option: Option,
    taken: Mapping[str, tuple[str, Option]],
    theirs: frozenset[str],
) -> str:
    if not option.subject:
        return "it is no option, may be several, or has no value"
    if option.subject in grammar.ours:
        return "VESTEC sees to that"
    if option.subject in taken and option.subject not in grammar.free:
        who, other = taken[option.subject]
        return f"{who} says {other}"
    if option.subject in grammar.accounts and option.value.casefold() in theirs:
        return "the account is for others"
    return ""
