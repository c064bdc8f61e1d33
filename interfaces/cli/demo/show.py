"""How the demonstration looks: a live table in a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from interfaces.cli.demo.story import NOT_SHOWN
from projections.simulations import Simulation

Json = dict[str, Any]


class Show:
    """Chapters and the simulations they led to, as they go on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._chapters: list[tuple[str, float, float | None]] = []
        self._simulations: Sequence[Simulation] = ()
        self._hindrance = ""
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None

    def on(self) -> AbstractContextManager[object]:
        return self._live or nullcontext()

    def begin(self, title: str) -> None:
        self._chapters.append((title, time.monotonic(), None))
        if self._live is None:
            self._console.print(f"[{self._now():6.1f} s] {title} …", highlight=False)
        self._draw()

    def end(self, simulations: Sequence[Simulation]) -> None:
        title, began, _ = self._chapters[-1]
        took = time.monotonic() - began
        self._chapters[-1] = (title, began, took)
        if self._live is None:
            done = f"[{self._now():6.1f} s]   done in {took:.1f} s"
            self._console.print(f"{done}{_counted(simulations)}", highlight=False)
        self.see(simulations)

    def see(self, simulations: Sequence[Simulation]) -> None:
        """The newest state of the simulations."""
        self._simulations = simulations
        self._draw()

    def hinder(self, why: str) -> None:
        """Why nothing goes on now; empty: it does."""
        if why == self._hindrance:
            return
        self._hindrance = why
        if self._live is None:
            told = f"waits: {why}" if why else "goes on"
            line = f"[{self._now():6.1f} s]   {told}"
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)
        self._draw()

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(self._table())

    def _table(self) -> Table:
        table = Table(title="The Tubbs fire, replayed", show_lines=False, expand=False)
        table.add_column("")
        table.add_column("what happens", overflow="fold")
        table.add_column("seconds", justify="right")
        for title, began, took in self._chapters:
            mark: Any = "✓" if took is not None else Spinner("dots")
            seconds = took if took is not None else time.monotonic() - began
            table.add_row(mark, title, f"{seconds:.1f}")
        for one in self._simulations:
            table.add_row(
                "", f"  forecast job {one.job_id or '—'} on {one.machine}: {one.state}", ""
            )
        if self._hindrance:
            table.add_row("!", Text(f"waits: {self._hindrance}", style="bold red"), "")
        return table


def tell(console: Console, result: Json, url: str, folder: str) -> None:
    """What was made, where it lies, how good it is, and what was not shown."""
    _tell_simulations(console, result)
    _tell_data_sets(console, result, folder)
    console.print("[bold]How good the forecasts were, by the next pass of a satellite[/bold]")
    for scores in result["scores"]:
        _tell_scores(console, scores)
    console.print("\n[bold]What this does not show[/bold]")
    for sentence in NOT_SHOWN:
        console.print(f"  · {sentence}")
    console.print(f"\nThe whole took {result['elapsed_s']} s. The system is at {url}")


def _tell_simulations(console: Console, result: Json) -> None:
    table = Table(title="Forecast jobs")
    for column in ("simulation", "state", "machine", "job", "seconds"):
        table.add_column(column)
    for one in result["simulations"]:
        row = (one["id"], one["state"], one["machine"], one["job_id"], str(one["seconds"]))
        table.add_row(*row)
    console.print(table)


def _tell_scores(console: Console, scores: Json) -> None:
    console.print(f"  [bold]{scores['source']['name']}[/bold]: {scores['verdict']}")
    embers = " / ".join(f"{third['iou']:.2f}" for third in scores["ember_sensitivity"])
    console.print(f"    overlap of the runs with few / some / many embers: {embers}")


def _tell_data_sets(console: Console, result: Json, folder: str) -> None:
    table = Table(title=f"Data sets, in {folder}")
    table.add_column("name", overflow="fold")
    for column in ("type", "bytes"):
        table.add_column(column)
    valid = [one for one in result["data_sets"] if not one["superseded"]]
    for one in valid:
        table.add_row(one["name"], one["type"], f"{one['size']:,}")
    console.print(table)
    console.print(f"{len(result['data_sets']) - len(valid)} older ones were superseded and kept.\n")


def _counted(simulations: Sequence[Simulation]) -> str:
    return f"; {len(simulations)} forecast jobs so far" if simulations else ""
