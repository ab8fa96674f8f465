"""A small module for drawing: scales with decent ticks, axes, lines, bars and points, as inline SVG.

Colours are classes of the page's style sheet, so a picture follows the page into the dark and to
paper. Sizes are in units of the view box; at 400 pixels a picture is shown at about its own size,
so its text stays readable.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from steepest.report.figures import figure, power_of_ten

__all__ = ["Picture", "Scale"]


@dataclass(frozen=True)
class Scale:
    """Where a value lies between `low` and `high`, from 0 to 1, evenly or by powers of ten."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def over(
        cls, values: Iterable[float], *, log: bool = False, margin: float = 0.04, zero: bool = False
    ) -> Scale:
        """A scale over the finite values (above 0 on a log scale), with a margin; never empty."""
        kept = [float(v) for v in values if math.isfinite(v) and (v > 0 or not log)]
        if not kept:
            return cls(0.1, 1.0, True) if log else cls(0.0, 1.0)
        low, high = min(kept), max(kept)
        if log:
            low, high = max(low, 1e-300), max(high, 1e-300)
            grow = (high / low) ** margin if high > low else 2.0
            return cls(low / grow, high * grow, True)
        if zero:
            low, high = min(low, 0.0), max(high, 0.0)
        span = high - low or abs(high) or 1.0
        if not math.isfinite(span):
            return cls(low / 2, high / 2)
        grow = (margin or 0.04) if high == low else margin
        return cls(low - grow * span, high + grow * span)

    def at(self, value: float) -> float:
        """Where the value lies, held within the scale; the lower end for what cannot be placed."""
        if value != value or (self.log and value <= 0):
            return 0.0
        if self.log:
            share = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Round values within the scale and what to write beside them, `most` at most."""
        if self.log and self.high / self.low > 4:
            return self._powers(most)
        step = _round_step((self.high - self.low) / max(1, most - 1))
        first = math.ceil(self.low / step - 1e-9)
        values = [
            i * step for i in range(first, first + most + 2) if i * step <= self.high * (1 + 1e-12) + 1e-300
        ]
        unit = 10.0 ** self.factor()
        smallest = step / unit
        places = next((p for p in range(12) if abs(round(smallest, p) - smallest) < 1e-6 * smallest), 12)
        return [(v, f"{v / unit + 0.0:,.{places}f}".replace("-", "\N{MINUS SIGN}")) for v in values]

    def factor(self) -> int:
        """The power of ten that an even scale's labels are written in units of; 0 for most."""
        largest = max(abs(self.low), abs(self.high))
        if (self.log and self.high / self.low > 4) or 1e-3 <= largest < 1e7 or largest == 0:
            return 0
        return math.floor(math.log10(largest))

    def _powers(self, most: int) -> list[tuple[float, str]]:
        """Powers of ten, each n-th where there are many; with 2 and 5 between where there are few."""
        low, high = math.log10(self.low), math.log10(self.high)
        every = max(1, math.ceil((high - low) / most))
        exponents = [e for e in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1) if e % every == 0]
        if len(exponents) >= 3:
            plain = exponents[0] >= -3 and exponents[-1] <= 4
            return [(10.0**e, f"{10.0**e:,g}" if plain else power_of_ten(e)) for e in exponents]
        values = [m * 10.0**e for e in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)]
        return [(v, figure(v, 2)) for v in values if self.low <= v <= self.high][:most]


def _round_step(rough: float) -> float:
    """The least of 1, 2, 2.5, 5, 10 times a power of ten that is at least `rough`."""
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    return next((m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9)), 10 * power)


def _with_unit(words: str, scale: Scale) -> str:
    """What an axis means, with the power of ten that its labels are in units of."""
    factor = scale.factor()
    return f"{words} (\N{MULTIPLICATION SIGN} {power_of_ten(factor)})" if factor and words else words


@dataclass
class Picture:
    """A picture with two axes, built up mark by mark and rendered as one `<svg>`.

    `title` is read out in place of the picture, `detail` after it.
    """

    title: str
    x: Scale
    y: Scale
    detail: str = ""
    width: int = 420
    height: int = 300
    left: int = 58
    right: int = 14
    top: int = 12
    bottom: int = 46
    marks: list[str] = field(default_factory=list)

    def px(self, value: float) -> float:
        """Across the page."""
        return self.left + self.x.at(value) * (self.width - self.left - self.right)

    def py(self, value: float) -> float:
        """Down the page."""
        return self.height - self.bottom - self.y.at(value) * (self.height - self.top - self.bottom)

    def axes(self, across: str, up: str, *, xticks: int = 6, yticks: int = 6, grid: bool = True) -> Picture:
        """The two axes, their ticks, and what they mean."""
        bottom, right = self.height - self.bottom, self.width - self.right
        yticks_shown = self.y.ticks(yticks) if yticks else []
        self.left = max(
            self.left, 30 + round(7.3 * max((len(label) for _, label in yticks_shown), default=0))
        )
        across, up = _with_unit(across, self.x), _with_unit(up, self.y)
        for value, label in yticks_shown:
            at = self.py(value)
            if grid:
                self.marks.append(f'<path class="grid" d="M{self.left} {at:.1f}H{right}"/>')
            self.text(self.left - 7, at + 4.3, label, "tick end")
        last = -1e9
        for value, label in self.x.ticks(xticks):
            at = self.px(value)
            self.marks.append(f'<path class="axis" d="M{at:.1f} {bottom}v4"/>')
            half = 3.9 * len(label)
            if at - half > last:
                self.text(min(at, self.width - half), bottom + 18, label, "tick mid")
                last = at + half + 4
        self.marks.append(f'<path class="axis" d="M{self.left} {bottom}H{right}"/>')
        self.text((self.left + right) / 2, self.height - 6, across, "label mid")
        if up:
            turned = f"translate(13 {(self.top + bottom) / 2:.1f}) rotate(-90)"
            self.marks.append(f'<text class="label mid" transform="{turned}">{escape(up)}</text>')
        return self

    def line(self, xs: Sequence[float], ys: Sequence[float], style: str = "one") -> Picture:
        """A line through the points; a point that is not finite breaks it."""
        steps, pen = [], "M"
        for x, y in zip(xs, ys, strict=True):
            if (
                not (math.isfinite(x) and math.isfinite(y))
                or (self.y.log and y <= 0)
                or (self.x.log and x <= 0)
            ):
                pen = "M"
                continue
            steps.append(f"{pen}{self.px(x):.1f} {self.py(y):.1f}")
            pen = "L"
        if steps:
            self.marks.append(f'<path class="line {style}" d="{"".join(steps)}"/>')
        return self

    def points(self, xs: Sequence[float], ys: Sequence[float], style: str = "dots") -> Picture:
        """Round points, all in one path, so that thousands stay small."""
        steps = [
            f"M{self.px(x):.1f} {self.py(y):.1f}h0"
            for x, y in zip(xs, ys, strict=True)
            if math.isfinite(x) and math.isfinite(y)
        ]
        if steps:
            self.marks.append(f'<path class="{style}" d="{"".join(steps)}"/>')
        return self

    def band(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float]) -> Picture:
        """The room between two lines."""
        rows = [row for row in zip(xs, lows, highs, strict=True) if all(math.isfinite(v) for v in row)]
        there = [f"{self.px(x):.1f} {self.py(high):.1f}" for x, _, high in rows]
        back = [f"{self.px(x):.1f} {self.py(low):.1f}" for x, low, _ in reversed(rows)]
        if len(rows) > 1:
            self.marks.append(f'<path class="band" d="M{"L".join(there + back)}Z"/>')
        return self

    def bars(self, edges: Sequence[float], heights: Sequence[float], style: str = "fill") -> Picture:
        """Bars between consecutive edges, standing on the axis."""
        floor = self.height - self.bottom
        for low, high, tall in zip(edges[:-1], edges[1:], heights, strict=True):
            x, y = self.px(low), self.py(tall)
            wide = max(self.px(high) - x - 1, 0.5)
            self.marks.append(
                f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{floor - y:.1f}"/>'
            )
        return self

    def whiskers(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float]) -> Picture:
        """Upright intervals."""
        for x, low, high in zip(xs, lows, highs, strict=True):
            self.marks.append(
                f'<path class="whisker" d="M{self.px(x):.1f} {self.py(low):.1f}V{self.py(high):.1f}"/>'
            )
        return self

    def upright(self, x: float, style: str = "mark") -> Picture:
        """A line over the whole height at `x`."""
        self.marks.append(
            f'<path class="{style}" d="M{self.px(x):.1f} {self.top}V{self.height - self.bottom}"/>'
        )
        return self

    def level(self, y: float, style: str = "mark") -> Picture:
        """A line over the whole width at `y`."""
        self.marks.append(
            f'<path class="{style}" d="M{self.left} {self.py(y):.1f}H{self.width - self.right}"/>'
        )
        return self

    def text(self, x: float, y: float, words: str, style: str = "note") -> Picture:
        """Words at a place of the view box; the style holds `mid` or `end` where they do not begin there."""
        self.marks.append(f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>')
        return self

    def svg(self) -> Markup:
        """The picture."""
        detail = f"<desc>{escape(self.detail)}</desc>" if self.detail else ""
        return Markup(
            f'<svg class="picture" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(self.title)}"><title>{escape(self.title)}</title>{detail}'
            f"{''.join(self.marks)}</svg>"
        )
