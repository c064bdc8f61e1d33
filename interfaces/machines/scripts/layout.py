"""Where things lie on a machine, below the base directory of its account.

templates/<name>/               what folders of jobs may start from; only ever read
jobs/<token>/                   the program's folder: inputs, outputs, `stdout`, `stderr`; a file
                                once it was removed, so that it is not made again
jobs/.<token>.<host>.<process>/ a copy of a template that is being made, to become that folder
jobs/<token>/.vestec/           ours
    submission-<n>/             script, wrapper, stdout, stderr and (last) `exit` of submission n
    claim -> <job id>           whose run it is
    status-<n>, copy-<job id>   what the wrapper saw: run n; a second copy that it turned away
    cancel                      if it is there, the program does not start any more
spool/<token>[.copy-<job id>]   the newest status of each job, for all to see in one look

Instance n of an array shares its folder, and has `stdout.<n>`, `stderr.<n>`, `claim.<n>`,
`status-<n>.<n>` and `spool/<token>.<n>` of its own.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from events.jobs import OURS, RelativePath, Template, Token, relative_path
from events.machines import MachineSettings

_TOKEN = re.compile(r"[a-z][a-z0-9]{1,63}")


@dataclass(frozen=True)
class Layout:
    """The paths of one base directory, which must be absolute."""

    base: PurePosixPath
    own_templates: PurePosixPath = PurePosixPath("templates")
    """Below the base, or absolute."""

    def __post_init__(self) -> None:
        if not self.base.is_absolute() or "\0" in str(self.base):
            raise ValueError(f"the base directory {str(self.base)!r} is not an absolute path")

    @property
    def jobs(self) -> PurePosixPath:
        return self.base / "jobs"

    @property
    def spool(self) -> PurePosixPath:
        return self.base / "spool"

    @property
    def templates(self) -> PurePosixPath:
        return self.base / self.own_templates

    def template(self, name: Template) -> PurePosixPath:
        """One of them; raises `ValueError` for what is not below them."""
        return self.templates / relative_path(name)

    def folder(self, token: Token) -> PurePosixPath:
        """The program's folder; raises `ValueError` for what cannot be a token."""
        if not _TOKEN.fullmatch(token):
            raise ValueError(f"{token!r} is not a token")
        return self.jobs / token

    def file(self, token: Token, name: RelativePath) -> PurePosixPath:
        """A file of the program; raises `ValueError` for what is not a `RelativePath`."""
        return self.folder(token) / relative_path(name)

    def ours(self, token: Token) -> PurePosixPath:
        return self.folder(token) / OURS


def layout_of(settings: MachineSettings) -> Layout:
    """Where things lie on a machine; raises `ValueError`."""
    return Layout(PurePosixPath(settings.base_directory), PurePosixPath(settings.templates))


def quoted(word: object) -> str:
    """One word of a shell's command line, whatever it holds."""
    return shlex.quote(str(word))
