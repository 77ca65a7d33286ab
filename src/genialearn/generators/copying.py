"""Mosaics of all training haplotypes."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray
from genialearn._checks import check_between
from genialearn.cohorts import Cohort
from genialearn.generators import li_stephens
from genialearn.generators.chromosomes import chromosomes_of
from genialearn.generators.generator import Generator, haplotypes_of
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix


class Copying(Generator):
    """Each haplotype a mosaic of training haplotypes, any of which may follow any other.

    The model of Li and Stephens (see `li_stephens`): donors change with probability 1 - exp(-rate d) over d
    centimorgans, alleles are copied with errors. Distances are those of the genetic map where there is one, else one
    centimorgan a megabase. It has the local linkage disequilibrium of the training and a high likelihood on dense
    markers. What reaches farther than a copied segment is lost: families, populations, inbreeding. A lower rate copies
    longer pieces of real animals: more linkage disequilibrium, less privacy.

    Fitting costs about 35 values of the likelihood of 20 to 200 haplotypes, each O(donors x markers); a likelihood the
    same for each haplotype asked about; sampling O(markers) a haplotype. The panel is kept at one bit an allele.

    Parameters
    ----------
    rate
        Donor switches a centimorgan; None for the value of the highest leave-one-out likelihood.
    error
        Probability that an allele is copied wrongly, below one half; None as for `rate`.

    Attributes
    ----------
    rate_, error_
        The values used.
    model_
        The model with its panel of donors.
    markers_
        The canonical marker map.

    References
    ----------
    Li & Stephens 2003, Genetics 165:2213-2233, doi:10.1093/genetics/165.4.2213.
    """

    needs_haplotypes = True

    def __init__(self, *, rate: float | None = None, error: float | None = None) -> None:
        self.rate = rate
        self.error = error

    def fit(self, cohort: Cohort) -> Self:
        """Keep the haplotypes as donors, and estimate rate and error where they aren't given.

        Raises
        ------
        AlignmentError
            Where the cohort isn't phased, or has a single animal.
        SettingError
            Where rate or error are out of range.
        """
        panel = haplotypes_of(cohort.canonical())
        if self.rate is not None:
            check_between("rate", self.rate, 1e-9, 1e9)
        if self.error is not None:
            check_between("error", self.error, 1e-9, 0.5)
        self.model_ = li_stephens.estimated(panel, chromosomes_of(panel.markers), rate=self.rate, error=self.error)
        self.rate_, self.error_ = self.model_.rate, self.model_.error
        self.markers_ = panel.markers
        return self

    def sample(
        self, n_animals: int, *, conditions: pd.DataFrame | None = None, rng: np.random.Generator
    ) -> HaplotypeMatrix:
        """Return artificial animals of two independent mosaics each."""
        n_haplotypes = 2 * self._asked(n_animals, conditions)
        return self._as_phased(self.model_.draw(n_haplotypes, rng=rng))

    def log_likelihood(self, animals: GenotypeMatrix | HaplotypeMatrix) -> FloatArray:
        """Return nats of each haplotype in order, every training haplotype being a donor.

        Training animals copy themselves here; `leave_one_out` of `model_` doesn't let them.
        """
        self._check_fitted()
        return self.model_.log_likelihood(self._haplotypes_as_trained(animals).alleles())
