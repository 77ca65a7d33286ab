"""Plans: the traits of one herd and all that decides their records, from the catalogue and a design."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from genialearn._arrays import FloatArray
from genialearn._checks import check_known
from genialearn.cohorts.simulate.architecture import ARCHITECTURES, Architecture, Link
from genialearn.cohorts.simulate.correlations import CorrelationModel, Mixture, fit_factor_model
from genialearn.cohorts.simulate.design import AskedCorrelations, Design
from genialearn.cohorts.simulate.nearest_correlation import is_possible, least_eigenvalue, nearest_correlations
from genialearn.cohorts.simulate.pedigree import HerdDesign
from genialearn.cohorts.simulate.reaction_norms import Environments
from genialearn.cohorts.simulate.residuals import default_residual_correlations
from genialearn.cohorts.simulate.trait_catalogue import (
    CATALOGUE,
    RECORDED_SHARES,
    TraitDesign,
    chosen_traits,
    names_of,
)
from genialearn.errors import SettingError

_PAIRS_SHOWN = 3


@dataclass(frozen=True, eq=False)
class TraitPlan:
    """What decides the traits and records of a herd.

    Parameters
    ----------
    traits
        In the order of the columns.
    architecture
        Major gene and links, the latter among these traits.
    correlations
        Genetic correlations.
    residual_correlations
        Shape (traits, traits); None for the usual ones.
    recorded_shares
        Share of cows recorded, by recording.
    herds
        How the population is run.
    environments
        Where genetic values differ between environments.
    summarise
        Whether repeated records are summarised as one with a weight.
    asked
        The design as its file says it; None without one.
    """

    traits: tuple[TraitDesign, ...]
    architecture: Architecture
    correlations: CorrelationModel
    residual_correlations: FloatArray | None = None
    recorded_shares: Mapping[str, float] = field(default_factory=lambda: RECORDED_SHARES)
    herds: HerdDesign = field(default_factory=HerdDesign)
    environments: Environments | None = None
    summarise: bool = False
    asked: Mapping[str, Any] | None = None

    @property
    def names(self) -> list[str]:
        """Names of the traits."""
        return names_of(self.traits)

    @property
    def level(self) -> FloatArray | float:
        """Weight of genetic values in the mean environment, shape (traits,); 1 where environments don't differ."""
        return 1.0 if self.environments is None else self.environments.level_weights

    @property
    def is_repeated(self) -> bool:
        """Whether a cow may have several records."""
        return any(trait.is_repeated for trait in self.traits)


def trait_plan(design: Design | None, *, n_traits: int | None, architecture: str) -> TraitPlan:
    """Return the plan that a design, or else the catalogue, makes.

    Parameters
    ----------
    design
        None for the catalogue.
    n_traits
        How many traits of the catalogue; None for those of the design, or all.
    architecture
        Name, for what the design leaves open.

    Raises
    ------
    SettingError
        Where parts of the design contradict each other.
    """
    if design is None:
        traits = chosen_traits(len(CATALOGUE) if n_traits is None else n_traits)
        among = _among(ARCHITECTURES[architecture], names_of(traits))
        return TraitPlan(traits, among, fit_factor_model().select(names_of(traits)))
    traits = _traits(design, n_traits)
    names = names_of(traits)
    return TraitPlan(
        traits=traits,
        architecture=_architecture(design, ARCHITECTURES[architecture], names),
        correlations=_genetic(design, names),
        residual_correlations=_residual(design, traits),
        recorded_shares=_recorded_shares(design, traits),
        herds=replace(HerdDesign(), records_per_herd_year=design.herds.records_per_herd_year)
        if design.herds.records_per_herd_year is not None
        else HerdDesign(),
        environments=_environments(design, names),
        summarise=_summarise(design, traits),
        asked=design.content,
    )


def _among(architecture: Architecture, names: list[str]) -> Architecture:
    return replace(architecture, links=architecture.links_among(names))


def _traits(design: Design, n_traits: int | None) -> tuple[TraitDesign, ...]:
    """Return the traits chosen, in the order of the catalogue and then of the file, or in that of `only`."""
    if design.only is not None and n_traits is not None:
        raise SettingError(
            "n_traits",
            expected=f"none beside the list `only` of {design.where}",
            found=str(n_traits),
            advice="Leave out one of the two.",
        )
    catalogue = {trait.name: trait for trait in CATALOGUE} | dict(design.traits)
    if design.only is not None:
        for name in design.only:
            check_known(f"{design.where}: [traits] only", name, catalogue)
        chosen = [catalogue[name] for name in design.only]
    else:
        names = names_of(chosen_traits(len(CATALOGUE) if n_traits is None else n_traits))
        new = [name for name in design.traits if name not in names_of(CATALOGUE)]
        chosen = [catalogue[name] for name in (*names, *new)]
    for name in design.traits:
        _check_simulated(f"{design.where}: [traits.{name}]", name, names_of(tuple(chosen)), catalogue)
    return tuple(replace(trait, herd_variance=_herd_variance(design, trait)) for trait in chosen)


def _herd_variance(design: Design, trait: TraitDesign) -> float | None:
    return design.herds.binary_variance if trait.is_binary else design.herds.variance


def _check_simulated(where: str, name: str, names: list[str], known: Iterable[str] = ()) -> None:
    """Raise an error where a design speaks of a trait that isn't simulated; it may be known nevertheless."""
    if name in names:
        return
    if name in (*names_of(CATALOGUE), *known):
        raise SettingError(
            where,
            expected="traits that are simulated",
            found=name,
            advice="Add it to the list `only` of [traits], or ask for more traits.",
        )
    check_known(where, name, names)


def _architecture(design: Design, usual: Architecture, names: list[str]) -> Architecture:
    genes, links = design.genes, usual.links_among(names) if design.links is None else design.links
    _check_links(f"{design.where}: [[links]]", links, names)
    for name in genes.loadings or {}:
        _check_simulated(f"{design.where}: [genes.loadings]", name, names)
    return Architecture(
        major_gene=usual.major_gene if genes.major_gene is None else genes.major_gene,
        links=links,
        loadings=usual.loadings if genes.loadings is None else genes.loadings,
    )


def _check_links(where: str, links: tuple[Link, ...], names: list[str]) -> None:
    targets = [link.target for link in links]
    for link in links:
        _check_simulated(f"{where} target", link.target, names)
        _check_simulated(f"{where} driver", link.driver, names)
        if link.driver in targets:
            raise SettingError(
                where,
                expected="drivers that are nobody's target",
                found=f"{link.driver}, which drives {link.target} and is driven",
                advice="Let both depend on a third trait, or leave out one of the links.",
            )
        if targets.count(link.target) > 1:
            raise SettingError(
                where, expected="one link a target", found=f"{targets.count(link.target)} of {link.target}"
            )


def _genetic(design: Design, names: list[str]) -> CorrelationModel:
    """Return the model of genetic correlations: factors if the catalogue says all of them, or the very matrix asked."""
    catalogue = names_of(CATALOGUE)
    known = [name for name in names if name in catalogue]
    factors = fit_factor_model().select(known)
    if design.genetic is None and len(known) == len(names):
        return factors
    matrix = np.eye(len(names))
    places = [names.index(name) for name in known]
    matrix[np.ix_(places, places)] = factors.correlations
    np.fill_diagonal(matrix, 1.0)
    return Mixture.of_correlations(_with_pairs(matrix, design.genetic, names))


def _residual(design: Design, traits: tuple[TraitDesign, ...]) -> FloatArray | None:
    if design.residual is None:
        return None
    return _with_pairs(default_residual_correlations(traits), design.residual, names_of(traits))


def _with_pairs(matrix: FloatArray, asked: AskedCorrelations | None, names: list[str]) -> FloatArray:
    """Return the matrix with the pairs asked, or the nearest possible one if the design takes that.

    Raises
    ------
    SettingError
        Where a name is unknown, or no traits can have these correlations; the nearest possible ones are offered.
    """
    if asked is None:
        return matrix
    matrix = matrix.copy()
    for (first, second), value in asked.pairs.items():
        for name in (first, second):
            _check_simulated(asked.where, name, names)
        i, j = names.index(first), names.index(second)
        matrix[i, j] = matrix[j, i] = value
    if is_possible(matrix):
        return matrix
    nearest = nearest_correlations(matrix)
    if asked.nearest:
        return nearest
    raise SettingError(
        asked.where,
        expected="correlations that traits can have together (a positive definite matrix)",
        found=f"a matrix whose least eigenvalue is {least_eigenvalue(matrix):.3f}",
        advice=_nearest_offer(matrix, nearest, names),
    )


def _nearest_offer(matrix: FloatArray, nearest: FloatArray, names: list[str]) -> str:
    rows, columns = np.triu_indices(len(names), 1)
    changes = np.abs(nearest - matrix)[rows, columns]
    most = np.argsort(-changes.round(6), kind="stable")[:_PAIRS_SHOWN]
    pairs = ", ".join(
        f"{names[i]} {names[j]} {matrix[i, j]:.3g} -> {nearest[i, j]:.3g}"
        for i, j in zip(rows[most].tolist(), columns[most].tolist(), strict=True)
    )
    return (
        f"The nearest possible ones (Higham 2002) differ by at most {changes.max():.3f}: {pairs}. "
        "Take them with nearest = true in this table, or list other ones; pairs that aren't listed are as usual, or 0."
    )


def _recorded_shares(design: Design, traits: tuple[TraitDesign, ...]) -> dict[str, float]:
    """Return the share of cows recorded, the usual recordings first: each has its own stream of random numbers."""
    used = list(dict.fromkeys(trait.recording for trait in traits))
    for name in design.recordings:
        check_known(f"{design.where}: [recordings]", name, [*RECORDED_SHARES, *used])
    shares = RECORDED_SHARES | dict(design.recordings)
    for trait in traits:
        check_known(f"{design.where}: [traits.{trait.name}] recording", trait.recording, shares)
    return shares


def _environments(design: Design, names: list[str]) -> Environments | None:
    asked = design.environments
    if asked is None:
        return None
    for name in asked.traits or ():
        _check_simulated(f"{design.where}: [environments] traits", name, names)
    chosen = np.array([asked.traits is None or name in asked.traits for name in names])
    if asked.slope_variance is not None:
        return Environments.of_variance(asked.n, asked.slope_variance, chosen)
    assert asked.correlation is not None, "one of the two is there"
    return Environments.of_correlation(asked.n, asked.correlation, chosen)


def _summarise(design: Design, traits: tuple[TraitDesign, ...]) -> bool:
    repeated_binary = [trait.name for trait in traits if trait.is_repeated and trait.is_binary]
    if design.summarise and repeated_binary:
        raise SettingError(
            f"{design.where}: summarise",
            expected="quantitative traits, if cows have several records",
            found=f"{repeated_binary[0]}, which is binary",
            advice="Leave out its `records`, or keep the records as they are.",
        )
    return design.summarise
