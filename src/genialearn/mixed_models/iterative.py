"""Single-trait mixed models of all traits by products with G alone: memory is the genotypes at two bits each.

Variances come from `stochastic`, breeding values from preconditioned conjugate gradients; a product serves all traits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError
from genialearn.linalg.low_rank import LowRank, dominant_part
from genialearn.linalg.operators import LinearOperator
from genialearn.linalg.solvers import conjugate_gradients
from genialearn.mixed_models.components import Components, estimate_components
from genialearn.mixed_models.fits import TraitModel
from genialearn.mixed_models.records import LowRankPreconditioner, Pattern, RecordSystems, RelatedEffect, patterns
from genialearn.mixed_models.stochastic import Estimate, Progress, estimate_variances, given_variances
from genialearn.mixed_models.variance import NO_VARIANCE, Variances

RANK = 128
"""Eigenvectors of G in the preconditioner: of 16,000 cows they take two thirds of the iterations away."""

TOLERANCE = 1e-6
"""Relative residual of breeding values."""

_MOST_ERRORS = 500
"""Fixed effects of a trait up to which their standard errors are computed."""

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

        Animals of a negative fold get NaN. Every fold of every trait is a system of its own.
        """
        out = np.full((self.kernel.shape[0], len(self.models)), np.nan)
        asked = np.unique(folds[folds >= 0])
        places = [(trait, fold) for trait in range(len(self.models)) for fold in asked]
        for start in range(0, len(places), _WIDEST):
            chosen = places[start : start + _WIDEST]
            values = self._values(self._duals_without(chosen, folds), [trait for trait, _ in chosen])
            for column, (trait, fold) in enumerate(chosen):
                out[folds == fold, trait] = values[folds == fold, column]
        return out

    def _values(self, duals: FloatArray, traits: Sequence[int]) -> FloatArray:
        """Return the genetic values of all parts, of dual coefficients of some traits, shape (animals, columns)."""
        values = self.kernel.matmat(duals)
        for column, trait in enumerate(traits):
            for effect in self.columns[trait].random:
                if isinstance(effect, RelatedEffect):
                    values[:, column] += effect.ratio * effect.kernel.matmat(duals[:, [column]])[:, 0]
        return values

    def duals_without(self, folds: IntArray, fold: int) -> FloatArray:
        """Return dual coefficients as if no animal of a fold had records, shape (animals, traits)."""
        kept = [trait for trait, pattern in enumerate(self.columns) if np.any(folds[pattern.animals] != fold)]
        out = np.zeros((self.kernel.shape[0], len(self.models)))
        out[:, kept] = self._duals_without([(trait, fold) for trait in kept], folds)
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
    part: LowRank | None = None,
    probes: int | None = None,
    related: Mapping[str, LinearOperator] | None = None,
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
    part
        The dominant part of G, where it is known.
    probes
        How many a pattern of records gets for REML; None for a number that fits.
    related
        Covariances of further random effects of the animals, by name.
    progress
        Told what runs.
    """
    columns = _with_related(patterns(cohort), related or {})
    contrasts = [
        pattern.free(cohort.records.values[pattern.records, trait][:, None])[:, 0]
        for trait, pattern in enumerate(columns)
    ]
    traits = list(zip((f"trait {trait.name}" for trait in cohort.traits), columns, contrasts, strict=True))
    progress("dominant part of the relationships", 0.0)
    part = part or dominant_part(kernel, RANK, rng=rng)
    simple = [place for place, given in enumerate(heritabilities) if given is None and not columns[place].random]
    found = estimate_variances(
        kernel, [traits[place] for place in simple], rng=rng, part=part, probes=probes, progress=progress
    )
    estimates = dict(zip(simple, found, strict=True))
    components: dict[int, Components] = {}
    for place, (name, pattern, own) in enumerate(traits):
        if pattern.random:
            progress("variance components", place / len(traits))
            _refuse_given(name, heritabilities[place])
            components[place] = estimate_components(kernel, pattern, own, part, rng=rng, probes=probes, name=name)
            columns[place] = pattern.with_ratios(components[place].ratios)
            estimates[place] = _estimate_of(components[place])
    h = np.array(
        [
            estimates[place].variances.heritability if given is None else given
            for place, given in enumerate(heritabilities)
        ]
    )
    progress("breeding values", 0.0)
    systems = RecordSystems(kernel, columns)
    solved, dual = solve_duals(systems, contrasts, h, part, what="breeding values")
    progress("breeding values", 1.0)
    for place, variances in enumerate(given_variances(traits, h, solved)):
        if place not in estimates:
            estimates[place] = Estimate(variances, float("nan"), 0)
    values, kernel_diagonal = kernel.matmat(dual), kernel.diagonal()
    models = []
    for place, pattern in enumerate(columns):
        records = cohort.records.values[pattern.records, place]
        own = solved[: len(pattern.records), [place]]
        others = h[place] * sum((e.ratio * e.times(own)[:, 0] for e in pattern.random), np.zeros(len(records)))
        rest = pattern.root_weights * (records - values[pattern.animals, place]) - others
        model = _trait_model(records, rest, pattern, estimates[place], dual[:, place])
        errors = _fixed_standard_errors(pattern, part, model.variances, float(np.mean(kernel_diagonal)))
        models.append(replace(model, components=components.get(place), fixed_se=errors))
    return IterativeFits(models, kernel, columns, contrasts, part)


def _with_related(columns: list[Pattern], related: Mapping[str, LinearOperator]) -> list[Pattern]:
    """Return patterns with further random effects; equal ones stay the same object."""
    known = {id(pattern): pattern.with_related(related) if related else pattern for pattern in columns}
    return [known[id(pattern)] for pattern in columns]


def _fixed_standard_errors(pattern: Pattern, part: LowRank, variances: Variances, mean_diagonal: float) -> FloatArray:
    """Return about the roots of the diagonal of (X'V^-1 X)^-1, NaN where there are more than 500 fixed effects.

    V is taken as F F' s2g + N with F the dominant part of G and N diagonal: the rest of G's diagonal, other random
    effects and the residual.
    """
    x = pattern.effects.matrix
    if x.shape[1] > _MOST_ERRORS:
        return np.full(x.shape[1], np.nan)
    factor = (part.vectors * np.sqrt(part.values))[pattern.animals]
    rest = max(mean_diagonal - float(np.mean(np.sum(factor**2, axis=1))), 0.0) + pattern.total_ratio
    precision = 1 / (rest + variances.residual / variances.genetic / pattern.root_weights**2)
    inner = (factor.T * precision) @ factor + np.eye(factor.shape[1])
    shared = np.asarray(x.T @ (factor * precision[:, None]))
    information = (x.T @ x.multiply(precision[:, None])).toarray() - shared @ np.linalg.solve(inner, shared.T)
    units = np.sqrt(np.maximum(np.diag(information), 1e-300))
    inverse = np.linalg.pinv(information / np.outer(units, units), rcond=1e-8, hermitian=True)
    return np.asarray(np.sqrt(np.maximum(np.diag(inverse), 0.0) * variances.genetic) / units)


def _refuse_given(name: str, heritability: float | None) -> None:
    if heritability is not None:
        raise SettingError(
            f"{name} heritability",
            expected="none to be given where there are random effects beside breeding values",
            found=f"{heritability:g}",
            advice="Leave the heritability or the random effects out.",
        )


def _estimate_of(components: Components) -> Estimate:
    h = components.heritability
    total = max(float(components.values[-1]) / (1 - h), NO_VARIANCE)
    return Estimate(Variances(h, total, float("nan")), components.heritability_se, 0)


def _trait_model(
    records: FloatArray, rest: FloatArray, pattern: Pattern, estimate: Estimate, dual: FloatArray
) -> TraitModel:
    """Return the model of a trait; `rest` are the weighted records less everything random."""
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
