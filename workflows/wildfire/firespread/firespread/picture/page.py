"""A sheet of paper: texts and boxes at places in inches from the upper left corner, measured before
they are set, so that nothing is cut off and nothing overlaps."""

from collections.abc import Iterable
from functools import partial

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle

WIDTH, HEIGHT, DPI = 12.0, 9.0, 150
"""inches, inches, pixels an inch"""
_LEADING = 1.32
_POINTS = 72
_MEASURED, _SAFETY = 48.0, 1.01
"""points"""


class Page:
    """A figure of WIDTH x HEIGHT."""

    def __init__(self) -> None:
        self.figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
        self.renderer: RendererAgg = FigureCanvasAgg(self.figure).get_renderer()  # type: ignore[no-untyped-call]
        self._set: list[Artist] = []
        self._advances: dict[tuple[str, bool], float] = {}

    @property
    def mark(self) -> int:
        """How much is set, for `undo`."""
        return len(self._set)

    def undo(self, mark: int) -> None:
        """Take off what was set after a mark."""
        for artist in self._set[mark:]:
            artist.remove()
        del self._set[mark:]

    def width(self, words: str, size: float, bold: bool = False) -> float:
        """Inches that a line takes, at most; `size` in points. Without hinting this is the sum of
        its letters, less some kerning."""
        return _SAFETY * size / _MEASURED * sum(self._advance(letter, bold) for letter in words)

    def _advance(self, letter: str, bold: bool) -> float:
        """Inches from one letter to the next at _MEASURED points."""
        if (letter, bold) not in self._advances:
            font = FontProperties(size=_MEASURED, weight="bold" if bold else "normal")
            measure = partial(self.renderer.get_text_width_height_descent, prop=font, ismath=False)
            ten = measure(f"|{letter * 10}|")[0] - measure("||")[0]
            self._advances[letter, bold] = float(ten) / 10 / DPI
        return self._advances[letter, bold]

    def write(
        self, x: float, y: float, words: str, size: float, *, bold: bool = False,
        colour: str = "black", align: str = "left",
    ) -> float:  # fmt: skip
        """Set one line with its upper edge at y; gives the y below it."""
        height = size * _LEADING / _POINTS
        text = self.figure.text(
            x, HEIGHT - y - height / 2, words, size=size, color=colour, ha=align,
            weight="bold" if bold else "normal", va="center_baseline",
            transform=self.figure.dpi_scale_trans,
        )  # fmt: skip
        self._set.append(text)
        return y + height

    def paragraph(
        self, x: float, y: float, words: str, size: float, width: float, *, bold: bool = False,
        colour: str = "black", lines: int = 9,
    ) -> float:  # fmt: skip
        """Set words in lines of a width, at most `lines` of them; gives the y below."""
        for line in self.wrap(words, size, width, bold, lines):
            y = self.write(x, y, line, size, bold=bold, colour=colour)
        return y

    def wrap(
        self, words: str, size: float, width: float, bold: bool = False, lines: int = 9
    ) -> list[str]:
        """Words in lines of a width; what goes beyond the last line ends in an ellipsis."""
        wrapped = [""]
        for word in words.split():
            longer = f"{wrapped[-1]} {word}".strip()
            if wrapped[-1] and self.width(longer, size, bold) > width:
                wrapped.append(word)
            else:
                wrapped[-1] = longer
        kept = wrapped[: lines - 1]
        rest = [" ".join(wrapped[lines - 1 :])] if len(wrapped) >= lines else []
        return [self.cut(line, size, width, bold) for line in kept + rest]

    def cut(self, words: str, size: float, width: float, bold: bool = False) -> str:
        """Words, shortened with an ellipsis where they are wider than a width."""
        if self.width(words, size, bold) <= width:
            return words
        while words and self.width(f"{words}…", size, bold) > width:
            words = words[:-1]
        return f"{words.rstrip()}…"

    def largest(
        self, words: str, sizes: Iterable[float], width: float, bold: bool = False
    ) -> float:
        """The first of the sizes in which a line fits a width, or the last."""
        for size in sizes:
            if self.width(words, size, bold) <= width:
                break
        return size

    def box(
        self, x: float, y: float, width: float, height: float, face: str, edge: str = "none",
        line: float = 0.8, hatch: str = "",
    ) -> None:  # fmt: skip
        """A rectangle whose upper left corner lies at x, y."""
        corner = (x, HEIGHT - y - height)
        box = Rectangle(corner, width, height, facecolor=face, edgecolor=edge, linewidth=line)
        box.set(hatch=hatch or None, zorder=0.5)
        self.add(box)

    def add(self, artist: Artist) -> None:
        """Add an artist in inches from the lower left corner."""
        artist.set_transform(self.figure.dpi_scale_trans)
        self.figure.add_artist(artist)
        self._set.append(artist)
