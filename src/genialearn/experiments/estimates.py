"""The tables of a folder of estimates, each from a fitted GBLUP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.experiments.component_errors import component_errors
from genialearn.genotypes import MarkerMap
from genialearn.mixed_models.covariances import CovarianceEstimates
from genialearn.mixed_models.fits import TraitModel
from genialearn.mixed_models.reliability import Reliabilities
from genialearn.predictors.gblup import GBLUP

VARIANCE = ["trait", "h2", "h2_se", "h2_scaled", "genetic_variance", "residual_variance", "n_records"]
COMPONENTS = ["trait", "other", "component", "estimate", "se"]
CORRELATIONS = ["trait", "other", "correlation", "se"]
FIXED_EFFECTS = ["trait", "effect", "estimate", "se"]


@dataclass(frozen=True, eq=False)
class JointEstimates:
    """What the joint model of all traits says in the place of the single-trait models.

    Parameters
    ----------
    breeding_values
        Of all animals, shape (animals, traits).
    marker_effects
        Shape (markers, traits).
    """

    breeding_values: FloatArray
    marker_effects: FloatArray


@dataclass(frozen=True, eq=False)
class Estimates:
    """A fitted GBLUP, and breeding values of all animals.

    Parameters
    ----------
    model
        Fitted on the training animals.
    cohort
        All genotyped animals.
    train
        Those that the model was fitted on, in canonical order.
    breeding_values
        Of all of them, shape (animals, traits).
    covariances
        Of all pairs of traits; None where they weren't asked for.
    reliabilities
        Of all animals; None where they weren't asked for.
    joint
        From all traits jointly; None where it wasn't asked for.
    """

    model: GBLUP
    cohort: Cohort
    train: Cohort
    breeding_values: FloatArray
    covariances: CovarianceEstimates | None = None
    reliabilities: Reliabilities | None = None
    joint: JointEstimates | None = None

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return every table by the name of its file."""
        values = self.breeding_values if self.joint is None else self.joint.breeding_values
        effects = self.model.marker_effects_ if self.joint is None else self.joint.marker_effects
        tables = {
            "variance.tsv": variance_table(self.names, self.model),
            "components.tsv": component_table(self.names, self.model, self.training_values, self.covariances),
            "fixed_effects.tsv": fixed_effect_table(self.names, self.model.models_),
            "breeding_values.tsv": self._by_animal(values),
            "marker_effects.tsv": marker_effect_table(self.names, self.model.scale_.markers, effects),
        }
        if self.covariances is not None:
            tables["genetic_correlations.tsv"] = correlation_table(self.names, self.covariances)
        if self.reliabilities is not None:
            tables["reliabilities.tsv"] = self._by_animal(self.reliabilities.values)
        return tables

    def _by_animal(self, values: FloatArray) -> pd.DataFrame:
        return beside(pd.DataFrame({"id": self.cohort.animals}), self.names, values)

    @property
    def names(self) -> list[str]:
        """The traits."""
        return self.cohort.records.trait_names

    @property
    def training_values(self) -> FloatArray:
        """Breeding values of the training animals, shape (training animals, traits)."""
        row_of = {name: row for row, name in enumerate(self.cohort.animals)}
        return self.breeding_values[[row_of[name] for name in self.train.animals]]


def beside(left: pd.DataFrame, names: Sequence[str], values: FloatArray) -> pd.DataFrame:
    """Return a table with a column of values (rows, traits) for each trait, which may be named as columns before it."""
    return pd.concat([left, pd.DataFrame(values, columns=list(names))], axis=1)


def variance_table(names: Iterable[str], model: GBLUP) -> pd.DataFrame:
    """Return heritabilities and variances, one row a trait."""
    rows = [
        (
            name,
            trait.variances.heritability,
            trait.heritability_se,
            scaled_heritability(trait, model.mean_diagonal_),
            trait.variances.genetic,
            trait.variances.residual,
            len(trait.records),
        )
        for name, trait in zip(names, model.models_, strict=True)
    ]
    return pd.DataFrame(rows, columns=VARIANCE)


def scaled_heritability(trait: TraitModel, diagonal: float) -> float:
    """Return the share of genetic variance where G has this diagonal on average, instead of 1."""
    genetic = diagonal * trait.variances.genetic
    return genetic / (genetic + trait.variances.residual)


def component_table(
    names: Sequence[str], model: GBLUP, training_values: FloatArray, covariances: CovarianceEstimates | None = None
) -> pd.DataFrame:
    """Return genetic and residual variances with their standard errors, then the covariances of pairs of traits."""
    rows = []
    for name, trait, values in zip(names, model.models_, training_values.T, strict=True):
        rows += [(name, name, *component) for component in _components(trait, values)]
    if covariances is not None:
        genetic = covariances.genetic.matrix, covariances.genetic_se
        residual = covariances.residual.matrix, covariances.residual_se
        for one, other in combinations(range(len(names)), 2):
            for component, (matrix, errors) in (("genetic", genetic), ("residual", residual)):
                rows.append((names[one], names[other], component, matrix[one, other], errors[one, other]))
    return pd.DataFrame(rows, columns=COMPONENTS)


def _components(trait: TraitModel, training_values: FloatArray) -> list[tuple[str, float, float]]:
    """Return name, estimate and standard error of each variance of a trait."""
    if trait.components is not None:
        found = trait.components
        return list(zip(found.names, found.values.tolist(), found.standard_errors.tolist(), strict=True))
    values = trait.variances.genetic, trait.variances.residual
    return list(zip(("genetic", "residual"), values, component_errors(trait, training_values), strict=True))


def correlation_table(names: Sequence[str], covariances: CovarianceEstimates) -> pd.DataFrame:
    """Return the genetic correlation of each pair of traits, and its standard error."""
    values, errors = covariances.genetic_correlations, covariances.genetic_correlations_se
    pairs = combinations(range(len(names)), 2)
    rows = [(names[one], names[other], values[one, other], errors[one, other]) for one, other in pairs]
    return pd.DataFrame(rows, columns=CORRELATIONS)


def fixed_effect_table(names: Iterable[str], models: Iterable[TraitModel]) -> pd.DataFrame:
    """Return the fixed effects, one row a trait and effect."""
    rows = [
        (name, effect, estimate, error)
        for name, trait in zip(names, models, strict=True)
        for effect, estimate, error in zip(trait.fixed_names, trait.fixed, trait.fixed_se, strict=True)
    ]
    return pd.DataFrame(rows, columns=FIXED_EFFECTS)


def marker_effect_table(names: Sequence[str], markers: MarkerMap, effects: FloatArray) -> pd.DataFrame:
    """Return the effect of one copy of the counted allele of each marker, one column a trait."""
    left = pd.DataFrame(
        {
            "marker": markers.names,
            "chromosome": markers.chromosomes,
            "position": markers.positions,
            "counted_allele": markers.counted_alleles,
        }
    )
    return beside(left, names, effects)
