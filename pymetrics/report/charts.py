"""Charts as SVG elements of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .html import attribute, colour
from .html import text as html_text

WIDTH, HEIGHT = 340, 260  # of a chart, in the pixels of a small screen, so that its letters are never made smaller
LEFT, RIGHT, TOP, BOTTOM = 38, 12, 10, 40


class Axis:
    """One axis of a chart: from a number to another, with ticks."""

    def __init__(self, low: float, high: float, ticks: Sequence[tuple[float, str]], title: str) -> None:
        self.low, self.high, self.ticks, self.title = low, high, ticks, title

    def share(self, value: float) -> float:
        """Where a value lies, from 0 to 1."""
        return (value - self.low) / ((self.high - self.low) or 1)


PERCENT = tuple((i / 4, str(25 * i)) for i in range(5))


def percent_axis(title: str) -> Axis:
    """Shares, shown in points from 0 to 100."""
    return Axis(0, 1, PERCENT, title)


def score_axis(low: float, high: float) -> Axis:
    """The scores of the slider."""
    values = [low + (high - low) * i / 4 for i in range(5)]
    return Axis(low, high, [(value, f"{value:.3g}") for value in values], "Confidence")


def tight_axis(values: Sequence[float], title: str, scale: float = 1, most: float = math.inf) -> Axis:
    """An axis around some values, with ticks at round numbers; its labels are the values times `scale`."""
    low, high = min(values) * scale, max(values) * scale
    room = (high - low) * 0.18 or abs(high) * 0.2 or 1
    low, high = max(low - room, 0), min(high + room, most * scale)
    step = _round_step((high - low) / 4)
    first = math.ceil(low / step - 1e-9)
    ticks = [(i * step / scale, f"{i * step:,.10g}") for i in range(first, math.floor(high / step + 1e-9) + 1)]
    return Axis(low / scale, high / scale, ticks, title)


def _round_step(step: float) -> float:
    power: float = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)


class Chart:
    """A chart being drawn: a frame with axes, then what is added to it."""

    def __init__(self, x: Axis, y: Axis, title: str) -> None:
        self.x, self.y, self.title = x, y, title
        self.parts: list[str] = []
        self._frame()

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point."""
        width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + width * self.x.share(x), TOP + height * (1 - self.y.share(y))

    def _frame(self) -> None:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        lines, labels = [], []
        for value, label in self.x.ticks:
            x, _ = self.at(value, self.y.low)
            lines.append(f"M{x:.1f} {TOP}V{bottom}")
            labels.append(f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{label}</text>')
        for value, label in self.y.ticks:
            _, y = self.at(self.x.low, value)
            lines.append(f"M{LEFT} {y:.1f}H{right}")
            labels.append(f'<text x="{LEFT - 7}" y="{y + 3.5:.1f}" text-anchor="end">{label}</text>')
        middle = (LEFT + right) / 2
        labels.append(
            f'<text class="axis" x="{middle:.0f}" y="{HEIGHT - 6}" text-anchor="middle">{self.x.title}</text>'
        )
        self.parts += [f'<path class="grid" d="{"".join(lines)}"/>', *labels]

    def line(self, points: Sequence[tuple[float, float]], kind: str, name: str = "") -> None:
        """A line through points."""
        if points:
            title = f"<title>{attribute(name)}</title>" if name else ""
            self.parts.append(f'<path class="{kind}" d="{self.path(points)}">{title}</path>')

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        """A path through points, without those in the middle of level pieces."""
        found: list[tuple[float, float]] = []
        for x, y in (self.at(*point) for point in points):
            if len(found) > 1 and abs(found[-1][1] - y) < 0.05 and abs(found[-2][1] - y) < 0.05:
                found.pop()
            found.append((x, y))
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in found)

    def dot(self, x: float, y: float, kind: str, name: str = "", radius: float = 4) -> None:
        """A dot."""
        left, top = self.at(x, y)
        title = f"<title>{attribute(name)}</title>" if name else ""
        self.parts.append(f'<circle class="{kind}" cx="{left:.1f}" cy="{top:.1f}" r="{radius:.1f}">{title}</circle>')

    def add(self, part: str) -> None:
        """SVG as it is."""
        self.parts.append(part)

    def html(self, caption: str = "", id: str = "") -> str:
        """The chart with its title above and a caption below."""
        name = f' id="{id}"' if id else ""
        svg = (
            f'<svg{name} viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{attribute(self.title)}">'
            f"{''.join(self.parts)}</svg>"
        )
        caption = f'<div class="legend">{caption}</div>' if caption else ""
        return f'<figure class="chart"><figcaption>{html_text(self.title)}</figcaption>{svg}{caption}</figure>'


def curve_points(x: Sequence[float], y: Sequence[float]) -> list[tuple[float, float]]:
    """The points of a curve as far as it is defined."""
    return [(one, other) for one, other in zip(x, y, strict=True) if other is not None and other >= 0]


def mean_line(model: int) -> str:
    """The class of a model's main line."""
    return f"line {colour(model)}"
