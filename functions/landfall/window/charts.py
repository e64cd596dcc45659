"""Charts over runs as shapes of an SVG, each with the numbers behind it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH = 300
HEIGHT = 72

BAR = 8
"""Width of a bar; each run has ten, so that 30 runs fill the chart."""

RUNS = 30


@dataclass(frozen=True)
class Series:
    """Numbers of the same kind, one a run, the oldest first; None where a run has none."""

    name: str
    tone: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Bar:
    """A part of a bar: its place in the chart, and the number that it stands for."""

    x: int
    y: float
    height: float
    tone: str


@dataclass(frozen=True)
class Chart:
    """A chart of stacked bars: one bar a run, the first series at the bottom."""

    title: str
    series: Sequence[Series]
    shown: Callable[[float], str]
    """The form of a number in words."""

    @property
    def totals(self) -> list[float | None]:
        """The height of each bar, in the unit of its numbers."""
        columns = zip(*(one.values for one in self.series), strict=True)
        return [
            None if all(value is None for value in column) else sum(filter(None, column))
            for column in columns
        ]

    @property
    def bars(self) -> list[Bar]:
        """The parts of all bars."""
        scale = HEIGHT / (max(filter(None, self.totals), default=0) or 1)
        first = RUNS - len(self.totals)
        parts = []
        for run in range(len(self.totals)):
            top = float(HEIGHT)
            for one in self.series:
                if value := one.values[run]:
                    height = max(value * scale, 1.0)
                    top -= height
                    # a gap to the part below says that there are two, whatever their colours
                    gap = 0.75 if height > 3 else 0.0
                    x = (first + run) * WIDTH // RUNS
                    parts.append(Bar(x, round(top, 1), round(height - gap, 1), one.tone))
        return parts

    @property
    def outline(self) -> str:
        """The chart in words, for who does not see it."""
        known = [total for total in self.totals if total is not None]
        if not known:
            return f"{self.title}: no numbers yet"
        first, last, most = (self.shown(value) for value in (known[0], known[-1], max(known)))
        runs = f"{len(known)} runs" if len(known) > 1 else "one run"
        return f"{self.title} in {runs}: from {first} to {last}, at most {most}"

    @property
    def newest(self) -> str:
        """The newest number in words."""
        known = [total for total in self.totals if total is not None]
        return self.shown(known[-1]) if known else "-"
