"""Figures as they are printed: a table of Markdown, or JSON for scripts.

Read the ratio to another figure of the same run: the machine is shared, and its absolute figures
drift.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

COMPARED = ("figure", "value", "beside", "its value", "ratio")
"""The columns of a table of `compared` rows. The ratio is value ÷ its value."""


@dataclass(frozen=True)
class Sample:
    """All values of one figure; printed as their median."""

    values: Sequence[float]
    unit: str

    @property
    def median(self) -> float:
        """Return the median in `unit`."""
        return median(self.values)

    def __str__(self) -> str:
        middle = f"{_short(self.median)} {self.unit}".rstrip()
        if len(self.values) == 1:
            return middle
        least, most = _short(min(self.values)), _short(max(self.values))
        return f"{middle} (n={len(self.values)}, {least}-{most})"

    def as_json(self) -> dict[str, Any]:
        """Return median, minimum, maximum, number and unit."""
        return {
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "n": len(self.values),
            "unit": self.unit,
        }


Cell = str | float | Sample


@dataclass(frozen=True)
class Table:
    """A benchmark's figures, with notes on how to read them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = field(default_factory=tuple)

    def as_markdown(self) -> str:
        """Return the table for people and READMEs."""
        lines = [self.columns, ["---"] * len(self.columns)]
        lines += [[_shown(cell) for cell in row] for row in self.rows]
        table = [f"| {' | '.join(line)} |" for line in lines]
        return "\n".join([f"### {self.title}", "", *table, "", *(f"- {n}" for n in self.notes)])

    def as_json(self) -> dict[str, Any]:
        """Return one object a row, by the names of the columns."""
        rows = [
            {
                name: cell.as_json() if isinstance(cell, Sample) else cell
                for name, cell in zip(self.columns, row, strict=True)
            }
            for row in self.rows
        ]
        return {"title": self.title, "rows": rows, "notes": list(self.notes)}


def compared(name: str, ours: Sample, beside: str, theirs: Sample) -> list[Cell]:
    """Return a row: a figure, the figure beside it, and the ratio of the medians."""
    return [name, ours, beside, theirs, ours.median / theirs.median]


def maximum(limit: float, value: float, unit: str = "") -> str:
    """Return a maximum as a target, with `met` or `missed` for the value."""
    return f"≤ {limit:g}{unit}: {'met' if value <= limit else 'missed'}"


def minimum(limit: float, value: float) -> str:
    """Return a minimum as a target, with `met` or `missed` for the value."""
    return f"≥ {limit:g}: {'met' if value >= limit else 'missed'}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the values lies (nearest rank)."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def _shown(cell: Cell) -> str:
    return _short(cell) if isinstance(cell, int | float) else str(cell)


def _short(value: float) -> str:
    """Return three significant digits, and every digit before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
