"""What `usefulness.tsv` says, trait by trait, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genialearn.report.reading import read_table, require_unique
from genialearn.report.wording import MISSING, count, decimal, is_missing

COLUMNS = (
    *("trait", "figure", "real", "artificial", "real_against_real", "se", "se_real"),
    *("records", "n", "n_artificial"),
)

COMPARED = {
    "marker_effects": "marker effects, r",
    "gwas_z": "association, r",
    "gwas_top": "top 1 % shared",
    "h2": "heritability",
}
"""Figures of the table that stand beside those of real animals, and their headings."""

_APART = 3.0
"""Standard errors from which on a difference isn't chance."""


@dataclass(frozen=True)
class UseFigure:
    """One figure of a trait.

    Parameters
    ----------
    real, artificial, real_against_real
        Of real animals, of artificial ones, and of real ones with records made as those of the artificial ones.
    se, se_real
        Standard errors of the artificial and the real one.
    """

    real: float
    artificial: float
    real_against_real: float
    se: float
    se_real: float


_NONE = UseFigure(*[float("nan")] * 5)


@dataclass(frozen=True)
class TraitUse:
    """What artificial animals are good for in one trait.

    Parameters
    ----------
    trait
        Its name.
    records
        Whether the artificial animals' records were "asked" for or "drawn".
    n, n_artificial
        Records of the real animals that were learned from, and of the artificial ones.
    figures
        By name.
    """

    trait: str
    records: str
    n: int
    n_artificial: int
    figures: Mapping[str, UseFigure]

    def __getitem__(self, figure: str) -> UseFigure:
        return self.figures.get(figure, _NONE)

    @property
    def is_worse(self) -> bool:
        """Whether artificial animals train a model that predicts worse, by more than chance explains."""
        difference = self["r_difference"]
        return difference.artificial < -_APART * difference.se


def read_uses(path: Path) -> tuple[TraitUse, ...]:
    """Return what the table says of each trait; nothing where there is no table."""
    if not path.is_file():
        return ()
    table = read_table(path, COLUMNS)
    require_unique(path, table, ("trait", "figure"))
    uses = []
    for name, own in table.groupby("trait", sort=False):
        numbers = own[list(COLUMNS[2:7])].to_numpy(dtype=float).tolist()
        figures = {figure: UseFigure(*row) for figure, row in zip(own["figure"], numbers, strict=True)}
        first = own.iloc[0]
        uses.append(TraitUse(str(name), str(first["records"]), int(first["n"]), int(first["n_artificial"]), figures))
    return tuple(uses)


def use_words(uses: Sequence[TraitUse]) -> str:
    """Return how well predictions from artificial animals do, and how many these were, in three sentences."""
    kinds = ("artificial", "real", "real_against_real")
    artificial, real, likewise = (float(np.nanmean([getattr(use["r"], kind) for use in uses])) for kind in kinds)
    mean = "" if len(uses) == 1 else f", means over {count(len(uses), 'trait')}"
    worse = sum(use.is_worse for use in uses)
    return (
        f"Trained on artificial animals, GBLUP predicts real records with r = {decimal(artificial)}, trained on the "
        f"real ones that these come from with {decimal(real)}, or {decimal(likewise)} where their records are made "
        f"likewise{mean}. A trait had records of {_span([use.n_artificial for use in uses])} artificial and "
        f"{_span([use.n for use in uses])} real animals. In {worse} of {count(len(uses), 'trait')} r is lower than of "
        "real ones by more than three standard errors."
    )


def _span(numbers: Sequence[int]) -> str:
    """Return a number, or the least and the greatest."""
    least, most = count(min(numbers)), count(max(numbers))
    return least if least == most else f"{least} to {most}"


def beside(figure: UseFigure) -> str:
    """Return what real animals in the place of the artificial ones give, in parentheses."""
    return MISSING if is_missing(figure.real_against_real) else f"({decimal(figure.real_against_real)})"
