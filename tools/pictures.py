"""Draws the pictures of `examples/hosts` into `docs/images`: the documentation is built without torch.

python tools/pictures.py
"""

import runpy
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[1]

mpl.use("agg")
for script in sorted((ROOT / "examples" / "hosts").glob("*.py")):
    if "plt.show()" in script.read_text():
        plt.figure(figsize=(6, 3.4), layout="constrained")
        plt.show = lambda script=script: plt.savefig(ROOT / "docs" / "images" / f"{script.stem}.png", dpi=64)
        sys.argv = [str(script)]
        runpy.run_path(str(script), run_name="__main__")
        plt.close("all")
