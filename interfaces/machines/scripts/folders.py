"""Questions and wishes about job folders, the same for every dialect."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from events.jobs import OURS, JobId, JobReport, Part, RelativePath, Token, Witness, in_part, whose
from interfaces.machines.connection import Completed, FileMissing, NoRoom, is_full
from interfaces.machines.scripts.layout import Layout, quoted
from interfaces.machines.scripts.status import parse_status
from interfaces.machines.scripts.templates import clearing

_CLAIM = "CLAIM"
_SPOOL_DAYS, _MARK_DAYS = 30, 365
_HEAD = 1 << 16
"""Bytes of a script in which directives are looked for: it may be a program."""


@dataclass(frozen=True)
class Prepare:
    """Make a job's folder; the answer is whether inputs may still be put there.

    With `again` it has to be there: raises `FileMissing`, and makes none in its place.
    """

    layout: Layout
    token: Token
    again: bool = False

    def script(self) -> str:
        ours = self.layout.ours(self.token)
        there = f"test -d {quoted(ours)} || {{ echo gone; exit 0; }}" if self.again else ""
        return f"""{there}
mkdir -p {quoted(ours)} {quoted(self.layout.spool)} || exit
for tried in {quoted(ours)}/submission-*; do test -e "$tried" && echo tried && exit; done
exit 0
"""

    def parse(self, completed: Completed) -> bool:
        if completed.exit_status and is_full(completed.stderr):
            raise NoRoom(completed.stderr.strip()[-1000:])
        said = completed.checked().strip()
        if said == "gone":
            raise FileMissing(f"the folder of the job is gone: {self.layout.folder(self.token)}")
        return not said


@dataclass(frozen=True)
class AllowToRun:
    """Make files of a job's folder executable."""

    layout: Layout
    token: Token
    files: Collection[RelativePath]

    def script(self) -> str:
        files = " ".join(quoted(f"./{name}") for name in self.files)
        return f"cd {quoted(self.layout.folder(self.token))} && chmod +x {files}"

    def parse(self, completed: Completed) -> None:
        completed.checked()


@dataclass(frozen=True)
class Directives:
    """The lines of a job's scripts that are meant for a batch system.

    As it reads them: `anywhere`, or up to the first line that is neither empty nor a comment.
    """

    layout: Layout
    token: Token
    prefix: str
    scripts: Collection[Sequence[str]]
    """Paths, absolute or in the folder; of each of them the first file counts."""
    anywhere: bool

    def script(self) -> str:
        wanted = f'index($0, "{self.prefix}") == 1 {{ print; next }}'
        if not self.anywhere:
            wanted += r" /^[ \t]*(#|$)/ { next } { exit }"
        folder = self.layout.folder(self.token)
        each = (" ".join(quoted(folder / name) for name in names) for names in self.scripts)
        calls = "\n".join(f"directives {files}" for files in each)
        return f"""
cd {quoted(folder)} || exit
directives() {{ for file; do
    test ! -f "$file" || {{ head -c {_HEAD} "$file" | awk {quoted(wanted)}; return; }}
done; }}
{calls}
"""

    def parse(self, completed: Completed) -> tuple[str, ...]:
        lines = completed.checked().splitlines()
        return tuple(line.removeprefix(self.prefix).strip() for line in lines)


@dataclass(frozen=True)
class Found:
    """What the folders of jobs hold: who claimed them, and their wrappers' newest words."""

    claims: Mapping[Part, JobId] = field(default_factory=dict)
    statuses: Mapping[Part, JobReport] = field(default_factory=dict)

    def __or__(self, newer: "Found") -> "Found":
        return Found({**self.claims, **newer.claims}, {**self.statuses, **newer.statuses})


@dataclass(frozen=True)
class Read:
    """Read claims and status files, in two processes however many jobs there are."""

    layout: Layout
    tokens: Collection[Token]

    def script(self) -> str:
        folders = " ".join(f"{token}/{OURS}" for token in self.tokens)
        return f"""
cd {quoted(self.layout.jobs)} || exit
set -- {folders}
find "$@" -maxdepth 1 -name 'claim*' -printf '{_CLAIM}\\t%h\\t%f\\t%l\\n' 2>/dev/null
find "$@" -maxdepth 1 -type f '(' -name 'status-*' -o -name 'copy-*' ')' ! -name '*.part-*' \\
    -exec cat {{}} + 2>/dev/null
exit 0
"""

    def parse(self, completed: Completed) -> Found:
        lines = completed.checked().splitlines()
        claims = [line.split("\t") for line in lines if line.startswith(f"{_CLAIM}\t")]
        statuses = "\n".join(line for line in lines if not line.startswith(f"{_CLAIM}\t"))
        return Found(
            {
                folder.split("/")[0] + name.removeprefix("claim"): JobId(job_id)
                for _, folder, name, job_id in claims
            },
            parse_status(statuses, Witness.STATUS_FILE),
        )


@dataclass(frozen=True)
class Spool:
    """Read the newest marks: one listing, then only the marks that are ours."""

    layout: Layout
    parts: Collection[Part]

    def script(self) -> str:
        """Tokens, an empty line, then names: what is before a name's first dot is its token."""
        return f"""
cd {quoted(self.layout.spool)} || exit
{{
    printf '%s\\n' {" ".join(dict.fromkeys(map(whose, self.parts)))} ''
    find . -maxdepth 1 -type f ! -name '*.part-*' -printf '%f\\n'
}} | awk -F. '!$0 {{ named = 1; next }} !named {{ ours[$1]; next }}
    $1 in ours && (NF == 1 || $2 ~ /^(copy-|[0-9]+$)/)' | xargs -r -d '\\n' cat 2>/dev/null
exit 0
"""

    def parse(self, completed: Completed) -> list[JobReport]:
        reports = parse_status(completed.checked(), Witness.STATUS_FILE)
        return [reports[part] for part in self.parts if part in reports]


@dataclass(frozen=True)
class Forbid:
    """Leave word in a job's folder that its program must not start any more.

    That also keeps a copy of a template from becoming the folder: what there is of one is removed.
    """

    layout: Layout
    token: Token

    def script(self) -> str:
        ours = quoted(self.layout.ours(self.token))
        return f"""
{clearing(self.token)}
mkdir -p {ours} && touch {ours}/cancel && cd {quoted(self.layout.jobs)} && clear
"""

    def parse(self, completed: Completed) -> None:
        if completed.exit_status and is_full(completed.stderr):
            raise NoRoom(completed.stderr.strip()[-1000:])
        completed.checked()


@dataclass(frozen=True)
class Remove:
    """Take a job's folder away, and its marks."""

    layout: Layout
    token: Token

    def script(self) -> str:
        spool = quoted(self.layout.spool / self.token)
        return f"rm -rf {quoted(self.layout.folder(self.token))} {spool} {spool}.*"

    def parse(self, completed: Completed) -> None:
        completed.checked()


@dataclass(frozen=True)
class Retire:
    """Put a mark in the place of a job's folder: who slept, and submits it now, can make none.

    First of all the folder is renamed, so that half of one is never taken for it. On a full disk
    there may be room for the mark only afterwards.
    """

    layout: Layout
    token: Token

    def script(self) -> str:
        folder = quoted(self.layout.folder(self.token))
        spool = quoted(self.layout.spool / self.token)
        aside = f".{self.token}"
        return f"""
cd {quoted(self.layout.jobs)} || exit
{clearing(self.token)}
clear || exit
test -f {folder} || test ! -e {folder} || mv -T {folder} {aside} || exit
{{ true >>{folder}; }} 2>/dev/null
clear && true >>{folder} && rm -f {spool} {spool}.*
"""

    def parse(self, completed: Completed) -> None:
        completed.checked()


@dataclass(frozen=True)
class Tail:
    """The end of a job's stderr, or of an instance's."""

    layout: Layout
    part: Part

    def script(self) -> str:
        file = self.layout.folder(whose(self.part)) / in_part("stderr", self.part)
        return f"tail -c 4096 {quoted(file)} 2>/dev/null; :"

    def parse(self, completed: Completed) -> str:
        return completed.checked()


@dataclass(frozen=True)
class Base:
    """Make the base directory, try to write there, and drop marks that nobody needs any more.

    From now on what is missing there is a file system that is away: no answer, never "no such job".
    """

    layout: Layout

    def script(self) -> str:
        spool = quoted(self.layout.spool)
        return f"""
mkdir -p {quoted(self.layout.jobs)} {spool} && : >{spool}/.writable && rm {spool}/.writable || exit
find {spool} -type f -mtime +{_SPOOL_DAYS} -exec rm -f {{}} +
find {quoted(self.layout.jobs)} -maxdepth 1 -type f -mtime +{_MARK_DAYS} -exec rm -f {{}} +
"""

    def parse(self, completed: Completed) -> None:
        completed.checked()
