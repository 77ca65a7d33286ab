"""A figure of a selection experiment: what becomes of the index by generation, one line a model.

    genialearn select --preset dlgblup --model gblup --model hybrid --model random --model truth --out runs/selected
    python benchmarks/selection_figure.py runs/selected docs/figures/selection.svg

Four panels, gain, genetic variance, accuracy and b1 of the index, from `gain.tsv`: means over replicates with 95 %
intervals, as bands.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import pandas as pd
from scipy.stats import t as student

PANELS = {
    "gain": "gain of the index, genetic SD of the base",
    "genetic_variance": "genetic variance of the index, base = 1",
    "accuracy": "accuracy of the index (r)",
    "b1": "dispersion b1 (1 is right)",
}
COLOURS = {"gblup": "#2f6db5", "hybrid": "#d1602d", "truth": "#4d4d4d", "random": "#9a9a9a"}
SPARE = ("#3a8f5c", "#8a5fb0", "#b08a2f")
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 330, 230, 46, 34, 34
TICKS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what `genialearn select` has written")
    parser.add_argument("out", type=Path, help="the .svg to write")
    arguments = parser.parse_args()
    table = pd.read_csv(arguments.folder / "gain.tsv", sep="\t")
    table = table[table["trait"] == "index"]
    spare = iter(SPARE)
    colours = {model: COLOURS.get(model) or next(spare) for model in table["model"].unique()}
    panels = []
    for number, figure in enumerate(PANELS):
        place = f"translate({number % 2 * WIDTH},{26 + number // 2 * HEIGHT})"
        panels.append(f'<g transform="{place}">{panel(table, figure, colours)}</g>')
    arguments.out.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {2 * HEIGHT + 30}" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="#333">'
        f'<rect width="100%" height="100%" fill="#fff"/>{legend(colours)}{"".join(panels)}</svg>\n'
    )


def legend(colours: dict[str, str]) -> str:
    """Return the names of the models beside their lines."""
    return "".join(
        f'<line x1="{LEFT + 90 * i}" x2="{LEFT + 18 + 90 * i}" y1="16" y2="16" stroke="{colour}" stroke-width="2.5"/>'
        f'<text x="{LEFT + 23 + 90 * i}" y="20">{model}</text>'
        for i, (model, colour) in enumerate(colours.items())
    )


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two values, at most `TICKS` and one."""
    unit = 10 ** math.floor(math.log10((high - low) / TICKS))
    step = next(factor * unit for factor in (1, 2, 5, 10) if (high - low) / (factor * unit) <= TICKS)
    return [round(i * step, 10) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def panel(table: pd.DataFrame, figure: str, colours: dict[str, str]) -> str:
    """Return one figure by generation."""
    own = table[table["figure"] == figure].dropna(subset="mean")
    half = student.ppf(0.975, own["n"] - 1) * own["se"]
    own = own.assign(low=own["mean"] - half, high=own["mean"] + half)
    low, high, first, last = own["low"].min(), own["high"].max(), own["generation"].min(), own["generation"].max()

    def x(generation: float) -> float:
        return LEFT + (generation - first) / (last - first) * (WIDTH - LEFT - 16)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    out = [f'<text x="{LEFT}" y="22" font-weight="600">{PANELS[figure]}</text>']
    for value in ticks(low, high):
        out += [f'<line x1="{LEFT}" x2="{WIDTH - 16}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#e6e6e6"/>']
        out += [f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>']
    out += [f'<text x="{WIDTH - 16}" y="{HEIGHT - 4}" text-anchor="end">generation</text>']
    for generation in range(int(first), int(last) + 1):
        out += [f'<text x="{x(generation):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{generation}</text>']
    for model, rows in own.groupby("model", sort=False):
        above = [f"{x(row.generation):.1f},{y(row.high):.1f}" for row in rows.itertuples()]
        below = [f"{x(row.generation):.1f},{y(row.low):.1f}" for row in rows.itertuples()]
        middle = [f"{x(row.generation):.1f},{y(row.mean):.1f}" for row in rows.itertuples()]
        colour = colours[str(model)]
        out += [f'<polygon points="{" ".join([*above, *below[::-1]])}" fill="{colour}" opacity=".22"/>']
        out += [f'<polyline points="{" ".join(middle)}" fill="none" stroke="{colour}" stroke-width="1.8"/>']
    return "".join(out)


if __name__ == "__main__":
    main()
