"""Figures as people write them: thousands apart, a real minus sign, powers of ten, seconds."""

from __future__ import annotations

import math
from typing import Any

from steepest.findings import share_text

__all__ = [
    "count",
    "duration",
    "figure",
    "named",
    "percent",
    "plural",
    "power_of_ten",
    "short",
    "signed",
    "significant",
    "value_text",
]

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
NONE = "\N{EN DASH}"
SPACE = "\N{NO-BREAK SPACE}"
_SUPERSCRIPTS = str.maketrans(
    "-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
)


def finite(value: Any) -> float | None:
    """The value as a float; None where it is missing, not a number or not finite."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def power_of_ten(exponent: int) -> str:
    """Ten to a power: ``10⁻³``."""
    return "10" + str(exponent).translate(_SUPERSCRIPTS)


def figure(value: Any, digits: int = 3) -> str:
    """A figure with `digits` significant digits; a dash where there is none.

    Examples
    --------
    >>> [figure(x) for x in (0.12345, 1234567.0, 1e-9)]
    ['0.123', '1,234,567', '10⁻⁹']
    """
    number = finite(value)
    if number is None:
        return NONE
    if number == 0.0:
        return "0"
    size = abs(number)
    if size >= 1e9 or size < 1e-4:
        mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        power = power_of_ten(int(exponent))
        text = {"1": power, "-1": "-" + power}.get(mantissa, f"{mantissa}{SPACE}{TIMES}{SPACE}{power}")
    else:
        places = max(0, digits - 1 - math.floor(math.log10(size)))
        text = f"{number:,.{places}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


def significant(value: Any, digits: int = 4) -> float | None:
    """An estimate whose digits beyond so many mean nothing, where that leaves whole numbers; None where there is none.

    Examples
    --------
    >>> significant(1242455.3), significant(0.123456)
    (1242000.0, 0.123456)
    """
    number = finite(value)
    return number if number is None or abs(number) < 10.0**digits else float(f"{number:.{digits - 1}e}")


def signed(value: Any, digits: int = 3) -> str:
    """A figure with its sign, plus included."""
    number = finite(value)
    text = figure(value, digits)
    return f"+{text}" if number is not None and number > 0 else text


def percent(value: Any, digits: int = 1) -> str:
    """A share as a percentage: ``97.3 %``; a share that only rounds to all or nothing says so."""
    number = finite(value)
    if number is None:
        return NONE
    return share_text(number, digits).replace(" %", f"{SPACE}%").replace("-", MINUS)


def count(value: Any) -> str:
    """A whole number with its thousands apart."""
    number = finite(value)
    return NONE if number is None else f"{round(number):,}".replace("-", MINUS)


def plural(number: Any, noun: str, nouns: str | None = None) -> str:
    """A count with its noun: ``1 row``, ``2,000 rows``."""
    return f"{count(number)}{SPACE}{noun if finite(number) == 1 else nouns or noun + 's'}"


def named(label: Any, most: int = 32) -> str:
    """A class's name in running text: a number is called a class, so that it is not taken for a count."""
    text = short(label, most)
    return f"class {text}" if finite(label) is not None and not isinstance(label, bool) else text


def duration(seconds: Any) -> str:
    """Seconds in the unit that suits: ``0.4 ms``, ``12 s``, ``3 min 5 s``."""
    number = finite(seconds)
    if number is None:
        return NONE
    if number < 1e-3:
        return f"{figure(number * 1e6, 2)}{SPACE}\N{MICRO SIGN}s"
    if number < 1:
        return f"{figure(number * 1e3, 2)}{SPACE}ms"
    if number < 100:
        return f"{figure(number, 2 if number < 10 else 3)}{SPACE}s"
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{SPACE}h {minutes}{SPACE}min" if hours else f"{minutes}{SPACE}min {rest}{SPACE}s"


def short(name: Any, most: int = 48) -> str:
    """A name for running text: cut in the middle where it is very long."""
    text = str(name)
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}"


def value_text(value: Any) -> str:
    """Anything that stands in the evidence of a finding, as a person would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {value_text(v)}" for name, v in value.items())
    if isinstance(value, list | tuple | set):
        items = [value_text(v) for v in list(value)[:8]]
        return ", ".join(items) + (f", and {len(value) - 8} more" if len(value) > 8 else "")
    if isinstance(value, str) or value is None:
        return NONE if value is None else value
    number = finite(value)
    return str(value) if number is None else figure(number, 4)
