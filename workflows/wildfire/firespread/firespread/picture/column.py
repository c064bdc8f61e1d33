"""A column of text on a page, filled from the top; all its sizes shrink by one factor."""

from dataclasses import dataclass

from .page import Page

_SIZE, _HEADING = 9.5, 10.5
_SWATCH = (0.34, 0.16)
_INDENT = 0.46
_APART = 0.08


@dataclass
class Column:
    """Inches from the upper left; `y` moves down with what is set. `crowded` tells that two cells
    of a table touch, or that a line did not fit."""

    page: Page
    x: float
    y: float
    width: float
    scale: float
    crowded: bool = False

    def heading(self, title: str) -> None:
        """A heading with some room above."""
        self.y += 0.11 * self.scale
        size, width = _HEADING * self.scale, self.width
        self.y = self.page.paragraph(self.x, self.y, title, size, width, bold=True, lines=2) + 0.02

    def text(self, words: str, *, bold: bool = False, indent: float = 0, lines: int = 3) -> None:
        """Words in lines, at most so many; those that have to fit one line make it crowded."""
        size, width = _SIZE * self.scale, self.width - indent
        self.crowded |= lines == 1 and self.page.width(words, size, bold) > width
        self.y = self.page.paragraph(
            self.x + indent, self.y, words, size, width, bold=bold, lines=lines
        )

    def row(self, cells: list[str], edges: list[float], *, bold: bool = False) -> None:
        """A row of a table: the first cell to the left, the others end at `edges`, as shares of
        the width."""
        size = _SIZE * self.scale
        end = self.x + self.page.width(cells[0], size, bold)
        for cell, edge in zip(cells[1:], edges, strict=True):
            at = self.x + edge * self.width
            self.crowded |= at - self.page.width(cell, size, bold) < end + _APART
            self.page.write(at, self.y, cell, size, bold=bold, align="right")
            end = at
        self.y = self.page.write(self.x, self.y, cells[0], size, bold=bold)

    def swatch(self, words: str, face: str, edge: str = "black", hatch: str = "") -> None:
        """A key to a colour."""
        top = self.y + 0.02
        self.page.box(self.x, top, *_SWATCH, face, edge, 0.7, hatch)
        self.text(words, indent=_INDENT, lines=1)
        self.y = max(self.y, top + _SWATCH[1] + 0.02)

    @property
    def symbol(self) -> tuple[float, float]:
        """The middle of the next swatch, inches from the upper left."""
        return self.x + _SWATCH[0] / 2, self.y + 0.02 + _SWATCH[1] / 2

    def explain(self, words: str) -> None:
        """The words beside a symbol."""
        self.text(words, indent=_INDENT, lines=3)
        self.y += 0.02
