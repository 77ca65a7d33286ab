"""Architecture: what acts on traits besides many additive QTL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from genialearn._arrays import FloatArray

MAJOR_GENE_LOADINGS = {"fat_percent": 0.5, "protein_percent": 0.2, "milk_yield": -0.2, "fat_yield": 0.15}
"""Correlations of traits with the DGAT1-like gene: a quarter of the variance of fat percent."""


@dataclass(frozen=True)
class Link:
    """A nonlinear dependence of one trait's genetic value on another's.

    Parameters
    ----------
    target, driver
        Names of the traits; no driver is itself a target.
    share
        Share of the target's genetic variance, from 0 to 1.
    function
        Name of a function in `FUNCTIONS`.
    """

    target: str
    driver: str
    share: float
    function: str = "quadratic"


def _quadratic(x: FloatArray) -> FloatArray:
    return np.asarray((x**2 - 1) / np.sqrt(2))


def _threshold(x: FloatArray) -> FloatArray:
    return np.where(x > 1, 1.0, 0.0)


def _exponential(x: FloatArray) -> FloatArray:
    return np.exp(x / 2)


def _in_units(function: Callable[[FloatArray], FloatArray]) -> Callable[[FloatArray], FloatArray]:
    """Return a function of a standardised driver, given one of a driver of variance 6: 30 % of a variance of 20."""
    return lambda x: np.asarray(function(np.sqrt(6.0) * x))


FUNCTIONS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "quadratic": _quadratic,
    "optimum": lambda x: -_quadratic(x),
    "threshold": _threshold,
    "exponential": _exponential,
    "linear": lambda x: x,
    "sloped_quadratic": _in_units(lambda x: 1 + x + 2 * x**2),
    "sine": _in_units(np.sin),
    "logistic": _in_units(lambda x: 1 / (1 + np.exp(-x))),
    "steep_exponential": _in_units(lambda x: np.exp(0.4 * x)),
}
"""Functions of a standardised driver; what they return is standardised again. The last five are DLGBLUP's."""


def _realistic_links(share: float) -> tuple[Link, ...]:
    """Return the links for which there is evidence (Fuerst-Waltl et al. 1998; Rupp & Boichard 2003)."""
    return (
        Link("udder_depth", "milk_yield", share, "optimum"),
        Link("fore_udder_attachment", "milk_yield", share, "optimum"),
        Link("front_teat_placement", "milk_yield", share, "optimum"),
        Link("somatic_cell_score", "milking_speed", share),
        Link("ketosis", "fat_percent", share),
    )


@dataclass(frozen=True)
class Architecture:
    """What acts on traits besides many additive QTL.

    Parameters
    ----------
    major_gene
        Whether there is a DGAT1-like gene.
    links
        Nonlinear dependences.
    loadings
        Correlation of traits with the major gene, by name; 0 for traits that aren't there.
    """

    major_gene: bool
    links: tuple[Link, ...]
    loadings: Mapping[str, float] = field(default_factory=lambda: MAJOR_GENE_LOADINGS)

    def links_among(self, traits: list[str]) -> tuple[Link, ...]:
        """Return the links whose target and driver are both among the traits."""
        return tuple(link for link in self.links if link.target in traits and link.driver in traits)


ARCHITECTURES = {
    "additive": Architecture(major_gene=False, links=()),
    "realistic": Architecture(major_gene=True, links=_realistic_links(0.15)),
    "nonlinear": Architecture(
        major_gene=True,
        links=(
            *_realistic_links(0.6),
            Link("cow_conception", "protein_percent", 0.6, "optimum"),
            Link("functional_longevity", "height", 0.6, "optimum"),
        ),
    ),
}
