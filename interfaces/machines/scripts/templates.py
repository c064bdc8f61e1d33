"""A job's folder that starts as a copy of a template: made whole by the machine itself, or not.

The copy is made beside its place, and gets it by one system call that succeeds for one of all who
may try, and only while nobody has made the folder: what is killed before leaves nothing that could
run, and what it began is cleared away by whoever comes next. Links are copied as links, never
followed; what a template has of ours, as an old job's folder has, is left out, and so is the output
of that job: what one writes would come after it, and be told with it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath

from events.jobs import OURS, OUTPUT, RelativePath, Template, Token
from interfaces.machines.connection import Completed, NoRoom, TemplateUnfit, is_full
from interfaces.machines.scripts.layout import Layout, quoted

_UNFIT = 72
_SIGN = "vestec: "
_OUTPUT = rf".*/({'|'.join(OUTPUT)})(\.[0-9]+)?"
"""As a pattern for `find`."""


@dataclass(frozen=True)
class StartFrom:
    """Make a job's folder, unless there is one, of a template in which the inputs have room."""

    layout: Layout
    token: Token
    template: Template
    inputs: Collection[RelativePath] = ()

    def script(self) -> str:
        token, templates = self.token, self.layout.templates
        place = self.layout.template(self.template)
        folders = {str(above) for name in self.inputs for above in PurePosixPath(name).parents}
        none = f"there is no template {self.template}: {place} is no directory"
        away = f"{templates.parent} is not there"
        unreadable = f"not all of the template {self.template} can be read: "
        return f"""
mkdir -p {quoted(self.layout.jobs)} && cd {quoted(self.layout.jobs)} || exit
test ! -e {self.layout.folder(token).name} || exit 0
{clearing(token)}
mine=.{token}.$(uname -n).$$
unfit() {{ clear; printf %s {quoted(_SIGN)}"$1" >&2; exit {_UNFIT}; }}
failed() {{ clear; exit 1; }}
test -d {quoted(templates.parent)} || {{ printf %s {quoted(away)} >&2; exit 1; }}
test -d {quoted(place)} || unfit {quoted(none)}
within=$(realpath -e -- {quoted(templates)} && echo /) || exit
place=$(realpath -e -- {quoted(place)} && echo /) || exit
within=${{within%?/}} place=${{place%?/}}
case $place in
    "$within"/*) ;;
    *) unfit {quoted(f"the template {self.template} is a link to ")}"$place, outside of $within" ;;
esac
clear || exit
mkdir "$mine" || failed
said=$(cp -RP -- "$place/." "$mine" 2>&1) || {{
    said=$(printf %s "$said" | tail -n 1)
    case $said in *"Permission denied"*) unfit {quoted(unreadable)}"$said" ;; esac
    printf %s "$said" >&2
    failed
}}
find "$mine" -type d ! -perm -700 -exec chmod u+rwx {{}} + &&
    rm -rf "$mine"/{OURS} && mkdir "$mine"/{OURS} &&
    find "$mine" -maxdepth 1 -regextype posix-extended -regex '{_OUTPUT}' -exec rm -rf {{}} + &&
    sync -f "$mine" || failed
in_the_way() {{ unfit {quoted(f"the template {self.template} has ")}"$1 in the way of an input"; }}
for folder in {_words(sorted(folders - {"."}))}; do
    test ! -L "$mine/$folder" || in_the_way "a link $folder"
    test ! -e "$mine/$folder" || test -d "$mine/$folder" || in_the_way "a file $folder"
done
for file in {_words(self.inputs)}; do
    test -L "$mine/$file" || test ! -d "$mine/$file" || in_the_way "a directory $file"
done
said=$(mv -T "$mine" {token} 2>&1) || {{
    clear
    test -e {token} || {{ printf %s "$said" >&2; exit 1; }}
}}
"""

    def parse(self, completed: Completed) -> None:
        if completed.exit_status == _UNFIT:
            raise TemplateUnfit(completed.stderr.rpartition(_SIGN)[2])
        if completed.exit_status and is_full(completed.stderr):
            raise NoRoom(completed.stderr.strip()[-1000:])
        completed.checked()


def clearing(token: Token) -> str:
    """Lines that define `clear`: in the folder of all jobs' it removes copies that are being made.

    Each is renamed before, so that whoever still makes it cannot finish it, nor half of it.
    """
    gone = f".{token}"
    return f"""
scrap() {{ rm -rf {gone} 2>/dev/null || {{ chmod -R u+rwX {gone}; rm -rf {gone}; }}; }}
clear() {{
    scrap || return
    for copy in .{token}.*; do
        test ! -e "$copy" || {{ mv -T "$copy" {gone} && scrap; }} || return
    done
}}"""


def _words(names: Collection[str]) -> str:
    return " ".join(quoted(name) for name in names)
