"""The tables of a folder of estimates, each from a fitted GBLUP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.experiments.component_errors import component_errors
from genialearn.mixed_models.fits import TraitModel
from genialearn.predictors.gblup import GBLUP

VARIANCE = ["trait", "h2", "h2_se", "h2_scaled", "genetic_variance", "residual_variance", "n_records"]
COMPONENTS = ["trait", "other", "component", "estimate", "se"]
FIXED_EFFECTS = ["trait", "effect", "estimate", "se"]


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
    """

    model: GBLUP
    cohort: Cohort
    train: Cohort
    breeding_values: FloatArray

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return every table by the name of its file."""
        return {
            "variance.tsv": variance_table(self.names, self.model),
            "components.tsv": component_table(self.names, self.model, self.training_values),
            "fixed_effects.tsv": fixed_effect_table(self.names, self.model.models_),
            "breeding_values.tsv": beside(pd.DataFrame({"id": self.cohort.animals}), self.names, self.breeding_values),
            "marker_effects.tsv": marker_effect_table(self.names, self.model),
        }

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


def component_table(names: Iterable[str], model: GBLUP, training_values: FloatArray) -> pd.DataFrame:
    """Return the genetic and residual variance of each trait with their standard errors."""
    rows = []
    for name, trait, values in zip(names, model.models_, training_values.T, strict=True):
        genetic_se, residual_se = component_errors(trait, values)
        rows.append((name, name, "genetic", trait.variances.genetic, genetic_se))
        rows.append((name, name, "residual", trait.variances.residual, residual_se))
    return pd.DataFrame(rows, columns=COMPONENTS)


def fixed_effect_table(names: Iterable[str], models: Iterable[TraitModel]) -> pd.DataFrame:
    """Return the fixed effects, one row a trait and effect."""
    rows = [
        (name, effect, estimate, error)
        for name, trait in zip(names, models, strict=True)
        for effect, estimate, error in zip(trait.fixed_names, trait.fixed, trait.fixed_se, strict=True)
    ]
    return pd.DataFrame(rows, columns=FIXED_EFFECTS)


def marker_effect_table(names: Sequence[str], model: GBLUP) -> pd.DataFrame:
    """Return the effect of one copy of the counted allele of each marker, one column a trait."""
    markers = model.scale_.markers
    left = pd.DataFrame(
        {
            "marker": markers.names,
            "chromosome": markers.chromosomes,
            "position": markers.positions,
            "counted_allele": markers.counted_alleles,
        }
    )
    return beside(left, names, model.marker_effects_)
