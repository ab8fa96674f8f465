"""NIST's Statistical Reference Datasets for nonlinear regression: the models, some of the data, a reader of the rest.

National Institute of Standards and Technology, <https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml>, in the
public domain.
The certified values come from computations in quadruple precision.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy import arctan, cos, exp, pi, sin

Array = np.ndarray


def _lanczos(b: Array, x: Array) -> Array:
    return b[0] * exp(-b[1] * x) + b[2] * exp(-b[3] * x) + b[4] * exp(-b[5] * x)


def _gauss(b: Array, x: Array) -> Array:
    peaks = b[2] * exp(-(((x - b[3]) / b[4]) ** 2)) + b[5] * exp(-(((x - b[6]) / b[7]) ** 2))
    return b[0] * exp(-b[1] * x) + peaks


def _chwirut(b: Array, x: Array) -> Array:
    return exp(-b[0] * x) / (b[1] + b[2] * x)


def _cubics(b: Array, x: Array) -> Array:
    return (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3) / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def _enso(b: Array, x: Array) -> Array:
    year = b[1] * cos(2 * pi * x / 12) + b[2] * sin(2 * pi * x / 12)
    slower = b[4] * cos(2 * pi * x / b[3]) + b[5] * sin(2 * pi * x / b[3])
    return b[0] + year + slower + b[7] * cos(2 * pi * x / b[6]) + b[8] * sin(2 * pi * x / b[6])


#: The curves by name, of parameters b and predictor x.
MODELS: dict[str, Callable[[Any, Any], Any]] = {
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
    "BoxBOD": lambda b, x: b[0] * (1 - exp(-b[1] * x)),
    "Chwirut1": _chwirut,
    "Chwirut2": _chwirut,
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "ENSO": _enso,
    "Eckerle4": lambda b, x: (b[0] / b[1]) * exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Gauss1": _gauss,
    "Gauss2": _gauss,
    "Gauss3": _gauss,
    "Hahn1": _cubics,
    "Kirby2": lambda b, x: (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2),
    "Lanczos1": _lanczos,
    "Lanczos2": _lanczos,
    "Lanczos3": _lanczos,
    "MGH09": lambda b, x: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
    "MGH10": lambda b, x: b[0] * exp(b[1] / (x + b[2])),
    "MGH17": lambda b, x: b[0] + b[1] * exp(-x * b[3]) + b[2] * exp(-x * b[4]),
    "Misra1a": lambda b, x: b[0] * (1 - exp(-b[1] * x)),
    "Misra1b": lambda b, x: b[0] * (1 - (1 + b[1] * x / 2) ** (-2)),
    "Misra1c": lambda b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** (-0.5)),
    "Misra1d": lambda b, x: b[0] * b[1] * x / (1 + b[1] * x),
    "Nelson": lambda b, x: b[0] - b[1] * x[0] * exp(-b[2] * x[1]),
    "Rat42": lambda b, x: b[0] / (1 + exp(b[1] - b[2] * x)),
    "Rat43": lambda b, x: b[0] / (1 + exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Roszman1": lambda b, x: b[0] - b[1] * x - arctan(b[2] / (x - b[3])) / pi,
    "Thurber": _cubics,
}


@dataclass(frozen=True)
class Set:
    """A data set: y at x, two starts, and the certified parameters with their standard deviations."""

    name: str
    x: Array
    y: Array
    starts: tuple[Array, Array]
    certified: Array
    deviations: Array

    def residuals(self, b: Array) -> Array:
        """Curve less data."""
        return np.asarray(MODELS[self.name](b, self.x) - self.y)

    def jacobian(self, b: Array) -> Array:
        """By complex steps."""
        columns = []
        for j in range(len(b)):
            z, h = np.array(b, dtype=complex), 1e-30 * max(abs(b[j]), 1e-10)
            z[j] += 1j * h
            columns.append(MODELS[self.name](z, self.x).imag / h)
        return np.array(columns).T

    def digits(self, b: Array) -> float:
        """How many digits of the worst parameter are right, at most 11."""
        off = np.max(np.abs(b - self.certified) / np.abs(self.certified))
        return float(np.clip(-np.log10(off), 0, 11)) if np.isfinite(off) and off > 0 else 11.0 * (off == 0)


def read(path: Path) -> Set:
    """One of NIST's files."""
    lines = path.read_text().splitlines()
    head = "\n".join(lines[:12])

    def block(what: str) -> list[str]:
        first, last = map(int, re.findall(rf"{what}\s+\(lines\s+(\d+) to\s+(\d+)\)", head)[0])
        return lines[first - 1 : last]

    rows = np.array(
        [line.split("=")[1].split() for line in block("Starting Values") if "=" in line], dtype=float
    )
    data = np.array([line.split() for line in block("Data") if line.strip()], dtype=float).T
    y = np.log(data[0]) if path.stem == "Nelson" else data[0]
    x = data[1] if len(data) == 2 else data[1:]
    return Set(path.stem, x, y, (rows[:, 0], rows[:, 1]), rows[:, 2], rows[:, 3])


def _set(name: str, parameters: str, data: str) -> Set:
    rows = np.array(parameters.split(), dtype=float).reshape(-1, 4)
    y, x = np.array(data.split(), dtype=float).reshape(-1, 2).T
    return Set(name, x, y, (rows[:, 0], rows[:, 1]), rows[:, 2], rows[:, 3])


#: For each parameter both starts, the certified value and its standard deviation; then the data, y and x in turn.
SETS = [
    _set(
        "Misra1a",
        """
        500 250 2.3894212918E+02 2.7070075241E+00
        0.0001 0.0005 5.5015643181E-04 7.2668688436E-06
        """,
        """
        10.07 77.6 14.73 114.9 17.94 141.1 23.93 190.8 29.61 239.9 35.18 289 40.02 332.8 44.82 378.4
        50.76 434.8 55.05 477.3 61.01 536.8 66.4 593.1 75.47 689.1 81.78 760
        """,
    ),
    _set(
        "DanWood",
        """
        1 0.7 7.6886226176E-01 1.8281973860E-02
        5 4 3.8604055871E+00 5.1726610913E-02
        """,
        """
        2.138 1.309 3.421 1.471 3.597 1.49 4.34 1.565 4.882 1.611 5.66 1.68
        """,
    ),
    _set(
        "MGH09",
        """
        25 0.25 1.9280693458E-01 1.1435312227E-02
        39 0.39 1.9128232873E-01 1.9633220911E-01
        41.5 0.415 1.2305650693E-01 8.0842031232E-02
        39 0.39 1.3606233068E-01 9.0025542308E-02
        """,
        """
        0.1957 4 0.1947 2 0.1735 1 0.16 0.5 0.0844 0.25 0.0627 0.167 0.0456 0.125 0.0342 0.1 0.0323
        0.0833 0.0235 0.0714 0.0246 0.0625
        """,
    ),
    _set(
        "MGH10",
        """
        2 0.02 5.6096364710E-03 1.5687892471E-04
        400000 4000 6.1813463463E+03 2.3309021107E+01
        25000 250 3.4522363462E+02 7.8486103508E-01
        """,
        """
        34780 50 28610 55 23650 60 19630 65 16370 70 13720 75 11540 80 9744 85 8261 90 7030 95 6005
        100 5147 105 4427 110 3820 115 3307 120 2872 125
        """,
    ),
    _set(
        "MGH17",
        """
        50 0.5 3.7541005211E-01 2.0723153551E-03
        150 1.5 1.9358469127E+00 2.2031669222E-01
        -100 -1 -1.4646871366E+00 2.2175707739E-01
        1 0.01 1.2867534640E-02 4.4861358114E-04
        2 0.02 2.2122699662E-02 8.9471996575E-04
        """,
        """
        0.844 0 0.908 10 0.932 20 0.936 30 0.925 40 0.908 50 0.881 60 0.85 70 0.818 80 0.784 90
        0.751 100 0.718 110 0.685 120 0.658 130 0.628 140 0.603 150 0.58 160 0.558 170 0.538 180
        0.522 190 0.506 200 0.49 210 0.478 220 0.467 230 0.457 240 0.448 250 0.438 260 0.431 270
        0.424 280 0.42 290 0.414 300 0.411 310 0.406 320
        """,
    ),
    _set(
        "BoxBOD",
        """
        1 100 2.1380940889E+02 1.2354515176E+01
        1 0.75 5.4723748542E-01 1.0455993237E-01
        """,
        """
        109 1 149 2 149 3 191 5 213 7 224 10
        """,
    ),
    _set(
        "Rat43",
        """
        100 700 6.9964151270E+02 1.6302297817E+01
        10 5 5.2771253025E+00 2.0828735829E+00
        1 0.75 7.5962938329E-01 1.9566123451E-01
        1 1.3 1.2792483859E+00 6.8761936385E-01
        """,
        """
        16.08 1 33.83 2 65.8 3 97.2 4 191.55 5 326.2 6 386.87 7 520.53 8 590.03 9 651.92 10 724.93
        11 699.56 12 689.96 13 637.56 14 717.41 15
        """,
    ),
    _set(
        "Eckerle4",
        """
        1 1.5 1.5543827178E+00 1.5408051163E-02
        10 5 4.0888321754E+00 4.6803020753E-02
        500 450 4.5154121844E+02 4.6800518816E-02
        """,
        """
        0.0001575 400 0.0001699 405 0.000235 410 0.0003102 415 0.0004917 420 0.000871 425 0.0017418
        430 0.00464 435 0.0065895 436.5 0.0097302 438 0.0149002 439.5 0.023731 441 0.0401683 442.5
        0.0712559 444 0.1264458 445.5 0.2073413 447 0.2902366 448.5 0.3445623 450 0.3698049 451.5
        0.3668534 453 0.3106727 454.5 0.2078154 456 0.1164354 457.5 0.0616764 459 0.03372 460.5
        0.0194023 462 0.0117831 463.5 0.0074357 465 0.0022732 470 0.00088 475 0.0004579 480
        0.0002345 485 0.0001586 490 0.0001143 495 7.1e-05 500
        """,
    ),
    _set(
        "Thurber",
        """
        1000 1300 1.2881396800E+03 4.6647963344E+00
        1000 1500 1.4910792535E+03 3.9571156086E+01
        400 500 5.8323836877E+02 2.8698696102E+01
        40 75 7.5416644291E+01 5.5675370270E+00
        0.7 1 9.6629502864E-01 3.1333340687E-02
        0.3 0.4 3.9797285797E-01 1.4984928198E-02
        0.03 0.05 4.9727297349E-02 6.5842344623E-03
        """,
        """
        80.574 -3.067 84.248 -2.981 87.264 -2.921 87.195 -2.912 89.076 -2.84 89.608 -2.797 89.868
        -2.702 90.101 -2.699 92.405 -2.633 95.854 -2.481 100.696 -2.363 101.06 -2.322 401.672 -1.501
        390.724 -1.46 567.534 -1.274 635.316 -1.212 733.054 -1.1 759.087 -1.046 894.206 -0.915
        990.785 -0.714 1090.109 -0.566 1080.914 -0.545 1122.643 -0.4 1178.351 -0.309 1260.531 -0.109
        1273.514 -0.103 1288.339 0.01 1327.543 0.119 1353.863 0.377 1414.509 0.79 1425.208 0.963
        1421.384 1.006 1442.962 1.115 1464.35 1.572 1468.705 1.841 1447.894 2.047 1457.628 2.2
        """,
    ),
]
