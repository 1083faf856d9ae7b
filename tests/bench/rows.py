"""What is printed: rows of product, floor, ratio and target. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

from msgspec import Struct

# A peer (LiteLLM proxy 1.106, one worker, no database) on this class of machine, at 16 connections.
PEER_CREATES_PER_S: Final = 164
PEER_RETRIEVES_PER_S: Final = 112

_BUCKET: Final = re.compile(r'_bucket\{[^}]*le="([^"]+)"[^}]*\} ([0-9.e+]+)$')


class Target(Struct, frozen=True, kw_only=True):
    """Bounds for the product's figure, for its ratio to the floor's, or both."""

    least: float | None = None
    most: float | None = None
    ratio_least: float | None = None
    ratio_most: float | None = None

    def words(self, unit: str) -> str:
        said = [
            f"≥ {self.least:,.0f} {unit}" if self.least is not None else "",
            f"≤ {self.most:,.0f} {unit}" if self.most is not None else "",
            f"≥ {self.ratio_least:g} of the floor" if self.ratio_least is not None else "",
            f"≤ {self.ratio_most:g} of the floor" if self.ratio_most is not None else "",
        ]
        return ", ".join(filter(None, said))

    def met(self, product: float, ratio: float | None) -> bool | None:
        """None where a floor is wanted and there is none."""
        if ratio is None and (self.ratio_least is not None or self.ratio_most is not None):
            return None
        bounds = [
            self.least is None or product >= self.least,
            self.most is None or product <= self.most,
            self.ratio_least is None or (ratio is not None and ratio >= self.ratio_least),
            self.ratio_most is None or (ratio is not None and ratio <= self.ratio_most),
        ]
        return all(bounds)


class Row(Struct, frozen=True, kw_only=True):
    """One figure. `floors`: the same, measured of the floor in the same rounds; `why_no_floor` where there is none."""

    name: str
    unit: str
    products: Sequence[float]
    floors: Sequence[float] = ()
    target: Target = Target()
    why_no_floor: str = "-"

    @property
    def product(self) -> float:
        return median(self.products)

    @property
    def ratio(self) -> float | None:
        """The median of the rounds' ratios, each round under the same weather."""
        pairs = [one / other for one, other in zip(self.products, self.floors, strict=False) if other]
        return median(pairs) if pairs else None

    @property
    def met(self) -> bool | None:
        return self.target.met(self.product, self.ratio) if self.target != Target() else None


HEAD: Final = ("", "product", "floor", "ratio", "target", "")


def table(rows: Sequence[Row]) -> str:
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    lines = []
    for line in cells:
        first, *rest = line
        padded = [first.ljust(widths[0])]
        padded += [
            cell.ljust(width) if at == 3 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(rest, widths[1:], strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _cells(row: Row) -> tuple[str, ...]:
    floor = figure(median(row.floors), row.unit) if row.floors else row.why_no_floor
    ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
    said = {True: "met", False: "MISSED", None: ""}[row.met]
    return (row.name, figure(row.product, row.unit), floor, ratio, row.target.words(row.unit), said)


def figure(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}" if value >= 10 else f"{value:.2f} {unit}"


def histogram(exposition: str, name: str) -> dict[float, float]:
    """Upper bound -> count below it, of one histogram without labels of its own."""
    buckets = {}
    for line in exposition.splitlines():
        if line.startswith(name + "_bucket") and (match := _BUCKET.search(line)):
            buckets[float(match[1])] = float(match[2])
    return buckets


def quantile(before: Mapping[float, float], after: Mapping[float, float], share: float) -> float:
    """Of what was observed between two scrapes, straight lines between the bounds; the last finite bound at most."""
    counts = [(bound, count - before.get(bound, 0)) for bound, count in sorted(after.items())]
    if not counts or counts[-1][1] <= 0:
        return 0.0
    wanted, low, below = share * counts[-1][1], 0.0, 0.0
    for bound, count in counts:
        if count >= wanted:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (wanted - below) / (count - below) if count > below else bound
        low, below = bound, count
    return low
