"""What a model is: the protocols that experiments rely on, and nothing about how a model works."""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix


@runtime_checkable
class Predictor(Protocol):
    """A model of many traits.

    Settings are keyword-only arguments of `__init__`, stored under the same name. `fit` learns everything that ends in
    an underscore from the animals it is given, and only from them.
    """

    requires: frozenset[str]
    """The parts of a cohort that the model uses beside records: "genotypes", "pedigree"."""

    def fit(self, cohort: Cohort) -> Self:
        """Learn from the cohort's records."""

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return predictions (animals, traits): mean plus genetic value, for a binary trait a probability.

        Never NaN; an animal's prediction doesn't depend on who else is in the cohort.
        """


@runtime_checkable
class RefusesCohorts(Protocol):
    """A model that can't take every cohort."""

    def refuse(self, cohort: Cohort) -> None:
        """Raise `SettingError` where it can't take what a cohort has, before anything is fitted."""


@runtime_checkable
class HasHeritability(Protocol):
    """A fitted model that estimates heritabilities."""

    heritability_: FloatArray
    """s2g / (s2g + s2e) at weight 1, shape (traits,)."""

    heritability_se_: FloatArray
    """Standard errors, shape (traits,)."""


@runtime_checkable
class HasBreedingValues(Protocol):
    """A fitted model whose genetic values can be had without the mean."""

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return breeding values, shape (animals, traits), in the units of the records."""


@runtime_checkable
class HasMarkerEffects(Protocol):
    """A fitted model that is linear in the markers."""

    marker_effects_: FloatArray
    """Effect of one copy of the counted allele, shape (markers, traits)."""


@runtime_checkable
class HasHistory(Protocol):
    """A fitted model that was trained step by step."""

    history_: list[dict[str, float]]
    """One entry a step: "epoch", "training_loss", "validation_loss"."""


@runtime_checkable
class HasTraitCurves(Protocol):
    """A fitted model that has learned curves between traits."""

    def trait_curves(self) -> pd.DataFrame:
        """Return the curves that are more than lines, points of a curve in order.

        Columns: `driver`, `target`, `share` of the curve that predictions contain, `p` and `p_holm` of the test that it
        is a line, and for each point `breeding_value` of the driver, `effect` on the target, `lower` and `upper`.
        """


@runtime_checkable
class HasNotes(Protocol):
    """A fitted model that has something to tell about its own decisions."""

    notes_: list[str]
    """Sentences, e.g. which traits' gates are open."""


@runtime_checkable
class GenotypeGenerator(Protocol):
    """A model that draws artificial animals like those it has learned from.

    Settings are keyword-only arguments of `__init__`, stored under the same name. `fit` learns everything that ends in
    an underscore from the animals it is given, and only from them; it begins with `cohort.canonical()`.
    """

    needs_haplotypes: bool
    """Whether it learns from phased genotypes, and draws phased ones."""

    conditional: bool
    """Whether `sample` can be asked for values of traits."""

    def fit(self, cohort: Cohort) -> Self:
        """Learn from the cohort's genotypes, and where it's conditional from its records."""

    def sample(
        self, n_animals: int, *, conditions: pd.DataFrame | None = None, rng: np.random.Generator
    ) -> GenotypeMatrix | HaplotypeMatrix:
        """Return artificial animals named artificial1, artificial2, ... on the canonical markers of the training.

        Parameters
        ----------
        n_animals
            How many.
        conditions
            Values asked for, one row an animal, columns among the training traits; None for animals like all.
        rng
            Source of all randomness.
        """


@runtime_checkable
class HasLogLikelihood(Protocol):
    """A fitted generator that tells how probable given haplotypes or genotypes are."""

    def log_likelihood(self, animals: GenotypeMatrix | HaplotypeMatrix) -> FloatArray:
        """Return nats, of each haplotype in order where it needs haplotypes, else of each animal."""
