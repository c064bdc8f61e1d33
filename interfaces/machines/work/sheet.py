"""The lines of a check: which there are, what is a tick, and what to do where there is none."""

from dataclasses import dataclass, field

from events.checkups import Checkup, Finding, Mark, Question
from interfaces.machines.site import Host, Room, Site

SLOW_SHELL = 2.0
LATE_STATUS = 10.0
SKEW = 5.0
"""Seconds; what is more is no tick."""
FULL = 0.05
"""Less than that part left is no tick."""
_CHECKED = {"ssh", "openssh"}
"""Connections that refuse a host whose key is not known."""


@dataclass
class Sheet:
    """Filled in as the check goes on; what was never filled in is unknown."""

    _lines: dict[Question, Finding] = field(default_factory=dict)
    learned: dict[str, float | bool] = field(default_factory=dict)
    full: str = ""

    def yes(self, question: Question, found: str) -> None:
        self._write(question, Mark.YES, found)

    def no(self, question: Question, found: str, advice: str) -> None:
        self._write(question, Mark.NO, found, advice)

    def unknown(self, question: Question, found: str, advice: str = "") -> None:
        self._write(question, Mark.UNKNOWN, found, advice)

    def judge(self, question: Question, well: bool | None, found: str, advice: str) -> None:
        """By what was seen; None: nobody tells."""
        match well:
            case None:
                self.unknown(question, found or "it does not tell")
            case True:
                self.yes(question, found)
            case False:
                self.no(question, found, advice)

    def filled_in(self) -> Checkup:
        lines = [self._lines.get(one) or _unasked(one) for one in Question]
        return Checkup(findings=tuple(lines), learned={**self.learned}, full=self.full)

    def _write(self, question: Question, mark: Mark, found: str, advice: str = "") -> None:
        self._lines[question] = Finding(about=question, mark=mark, found=found, advice=advice)


def _unasked(question: Question) -> Finding:
    return Finding(about=question, mark=Mark.UNKNOWN, found="not asked")


def about_the_way(sheet: Sheet, connection: str, shell_startup: float | None) -> None:
    """Once a command was answered."""
    sheet.yes(Question.CONNECTION, "it answers")
    if connection in _CHECKED:
        sheet.yes(Question.HOST_KEY, "it is known, and compared at every login")
    elif connection == "local":
        sheet.unknown(Question.HOST_KEY, "none: it is this computer")
    else:
        sheet.unknown(Question.HOST_KEY, f"the connection {connection} does not tell")
    sheet.judge(
        Question.SHELL_STARTUP,
        None if shell_startup is None else shell_startup <= SLOW_SHELL,
        "no start-up files were seen" if shell_startup is None else f"{shell_startup:.2f} s",
        "every command costs that: look at what the start-up files of the account do",
    )


def about_host(sheet: Sheet, host: Host, skew: float | None) -> None:
    """`skew` is how far the login node's clock is ahead of ours, in seconds."""
    sheet.judge(Question.LOGIN_SHELL, True if host.shell else None, host.shell, "")
    sheet.judge(
        Question.CLOCK,
        None if skew is None else abs(skew) <= SKEW,
        "" if skew is None else f"{abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}",
        "see to the time service of the machine or of this computer: jobs' times are the machine's",
    )
    over = host.full or ("over the quota of the account" if host.over_quota else "")
    sheet.full = host.full
    sheet.judge(
        Question.QUOTA,
        False if over else _enough(host.disk),
        over or _left(host.disk, 2**30, " GiB"),
        "clear the base directory, or ask for more: what cannot be written is not submitted",
    )
    sheet.judge(
        Question.INODES,
        _enough(host.inodes),
        _left(host.inodes, 1, ""),
        "remove files: there is no room",
    )


def about_site(sheet: Sheet, site: Site) -> None:
    sheet.judge(
        Question.ACCOUNTS,
        site.accounting,
        "kept" if site.accounting else "none are kept" if site.accounting is False else "",
        "nothing need be done: they are not asked, and the end of a job is told by its wrapper; one"
        " that is killed with its node is LOST until an operator says more",
    )
    sheet.judge(
        Question.COMMENTS,
        site.comments,
        "kept" if site.comments else "not kept" if site.comments is False else "",
        "nothing need be done: jobs are known by their names",
    )
    sheet.judge(
        Question.JOBS_OF_OTHERS,
        site.others,
        "shown" if site.others else "hidden" if site.others is False else "none was seen",
        "the load that is shown is that of our own jobs: ask the centre for a look at all",
    )
    if site.instances is not None:
        sheet.learned["instances"] = site.instances
    if site.accounting is not None and "accounting" in site.learns:
        sheet.learned["accounting"] = site.accounting


def _enough(room: Room | None) -> bool | None:
    return None if room is None else room.left >= FULL * room.of


def _left(room: Room | None, unit: float, name: str) -> str:
    if room is None:
        return "the file system does not tell"
    return f"{room.left / unit:,.0f} of {room.of / unit:,.0f}{name} left"
