"""Single-trait mixed models of all traits by products with G alone: memory is the genotypes at two bits each.

Variances come from `stochastic`, breeding values from preconditioned conjugate gradients; a product serves all traits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.linalg.low_rank import LowRank, dominant_part
from genialearn.linalg.operators import LinearOperator
from genialearn.linalg.solvers import conjugate_gradients
from genialearn.mixed_models.fits import TraitModel
from genialearn.mixed_models.records import LowRankPreconditioner, Pattern, RecordSystems, patterns
from genialearn.mixed_models.stochastic import Estimate, Progress, estimate_variances, given_variances

RANK = 128
"""Eigenvectors of G in the preconditioner: they halve the iterations of 20,000 cows at a quarter of the cost."""

TOLERANCE = 1e-6
"""Relative residual of breeding values."""

_WIDEST = 144
"""Systems solved at a time: three passes' worth."""


def _silent(what: str, share: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True, eq=False)
class IterativeFits:
    """The single-trait models of all traits, and what further questions about them need.

    Parameters
    ----------
    models
        One a trait.
    kernel
        G of the training animals.
    columns
        Pattern of each trait.
    contrasts
        S W^1/2 y of each trait.
    part
        The dominant part of G.
    """

    models: list[TraitModel]
    kernel: LinearOperator
    columns: list[Pattern]
    contrasts: list[FloatArray]
    part: LowRank
    solver: str = "iterative"

    def out_of_fold_breeding_values(self, folds: IntArray) -> FloatArray:
        """Return each animal's breeding values as if no animal of its fold had records, the heritabilities kept.

        Every fold of every trait is a system of its own, started from the solution with all records.
        """
        out = np.empty((self.kernel.shape[0], len(self.models)))
        places = [(trait, fold) for trait in range(len(self.models)) for fold in np.unique(folds)]
        for start in range(0, len(places), _WIDEST):
            chosen = places[start : start + _WIDEST]
            values = self.kernel.matmat(self._duals_without(chosen, folds))
            for column, (trait, fold) in enumerate(chosen):
                out[folds == fold, trait] = values[folds == fold, column]
        return out

    def _duals_without(self, places: Sequence[tuple[int, int]], folds: IntArray) -> FloatArray:
        """Return dual coefficients of (trait, fold left out), shape (animals, places)."""
        known: dict[tuple[int, int], tuple[Pattern, IntArray]] = {}
        for trait, fold in places:
            key = id(self.columns[trait]), fold
            known[key] = known.get(key) or _without(self.columns[trait], folds, fold)
        left = [known[id(self.columns[trait]), fold] for trait, fold in places]
        h = np.array([self.models[trait].variances.heritability for trait, _ in places])
        starts = [
            pattern.projection.remove((pattern.root_weights * self._records(trait)[kept])[:, None])[:, 0]
            for (pattern, kept), (trait, _) in zip(left, places, strict=True)
        ]
        systems = RecordSystems(self.kernel, [pattern for pattern, _ in left])
        return solve_duals(systems, starts, h, self.part, what="out-of-fold breeding values")[1]

    def _records(self, trait: int) -> FloatArray:
        """Return a trait's records, whose fixed part may differ: it is removed again."""
        return self.models[trait].adjusted


def _without(pattern: Pattern, folds: IntArray, fold: int) -> tuple[Pattern, IntArray]:
    """Return a pattern without a fold's records, and which of its records are kept."""
    kept = np.flatnonzero(folds[pattern.animals] != fold)
    return pattern.select(kept), kept


def solve_duals(
    systems: RecordSystems,
    contrasts: Sequence[FloatArray],
    heritabilities: FloatArray,
    part: LowRank,
    *,
    what: str,
    tolerance: float = TOLERANCE,
) -> tuple[FloatArray, FloatArray]:
    """Return (h K + (1 - h) I)^-1 of contrasts, shape (rows, columns), and dual coefficients (animals, columns)."""
    h = heritabilities

    def product(values: FloatArray, which: IntArray) -> FloatArray:
        return h[which] * systems.product(values, which) + (1 - h[which]) * values

    solution = conjugate_gradients(
        product,
        systems.stacked(list(contrasts)),
        precondition=LowRankPreconditioner(systems, part, h),
        tolerance=tolerance,
    )
    values = solution.checked(what)
    return values, h * systems.to_animals(values, np.arange(len(h)))


def fit_trait_models(
    cohort: Cohort,
    kernel: LinearOperator,
    heritabilities: Sequence[float | None],
    *,
    rng: np.random.Generator,
    probes: int | None = None,
    progress: Progress = _silent,
) -> IterativeFits:
    """Return one fitted model a trait.

    Parameters
    ----------
    cohort
        The training animals.
    kernel
        Their G.
    heritabilities
        Given values, or None to estimate by REML, one a trait.
    rng
        Draws random vectors.
    probes
        How many a pattern of records gets for REML; None for a number that fits.
    progress
        Told what runs.
    """
    columns = patterns(cohort)
    contrasts = [
        pattern.free(cohort.records.values[pattern.records, trait][:, None])[:, 0]
        for trait, pattern in enumerate(columns)
    ]
    traits = list(zip((f"trait {trait.name}" for trait in cohort.traits), columns, contrasts, strict=True))
    unknown = [place for place, given in enumerate(heritabilities) if given is None]
    found = estimate_variances(kernel, [traits[place] for place in unknown], rng=rng, probes=probes, progress=progress)
    estimates = dict(zip(unknown, found, strict=True))
    h = np.array(
        [
            estimates[place].variances.heritability if given is None else given
            for place, given in enumerate(heritabilities)
        ]
    )
    progress("breeding values", 0.0)
    part = dominant_part(kernel, RANK, rng=rng)
    systems = RecordSystems(kernel, columns)
    solved, dual = solve_duals(systems, contrasts, h, part, what="breeding values")
    progress("breeding values", 1.0)
    for place, variances in enumerate(given_variances(traits, h, solved)):
        if place not in estimates:
            estimates[place] = Estimate(variances, float("nan"), 0)
    models = [
        _trait_model(cohort.records.values[pattern.records, place], pattern, estimates[place], dual[:, place], values)
        for place, (pattern, values) in enumerate(zip(columns, kernel.matmat(dual).T, strict=True))
    ]
    return IterativeFits(models, kernel, columns, contrasts, part)


def _trait_model(
    records: FloatArray, pattern: Pattern, estimate: Estimate, dual: FloatArray, breeding_values: FloatArray
) -> TraitModel:
    """Return the model of a trait, its fixed effects those of the records less breeding values."""
    rest = pattern.root_weights * (records - breeding_values[pattern.animals])
    fixed = pattern.projection.coefficients(rest[:, None])[:, 0]
    fixed_part = np.asarray(pattern.effects.matrix @ fixed)
    weights = pattern.root_weights**2
    mean = float(np.average(fixed_part, weights=weights))
    return TraitModel(
        records=pattern.records,
        animals=pattern.animals,
        weights=weights,
        variances=estimate.variances,
        heritability_se=estimate.heritability_se,
        fixed_names=pattern.effects.names,
        fixed=fixed,
        fixed_se=np.full(len(fixed), np.nan),
        mean=mean,
        adjusted=records - fixed_part + mean,
        dual=dual,
    )
