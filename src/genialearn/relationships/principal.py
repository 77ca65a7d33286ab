"""Principal components of genotypes, by randomised subspace iteration on genotypes at two bits each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least
from genialearn.genotypes import GenotypeMatrix
from genialearn.linalg.low_rank import dominant_part
from genialearn.relationships.genomic import GenomicScale

_PASSES = 6
"""Products with the subspace: the last components are then right to about a thousandth."""


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """The main axes along which animals differ.

    Parameters
    ----------
    scores
        Coordinates of the animals, largest variance first, shape (animals, components).
    shares
        Share of each component in the total variance, shape (components,).
    """

    scores: FloatArray
    shares: FloatArray


def principal_components(
    genotypes: GenotypeMatrix, n_components: int = 10, *, standardised: bool = True, seed: int = 1
) -> PrincipalComponents:
    """Return the principal components of animals' centred genotypes.

    Parameters
    ----------
    genotypes
        Missing dosages count as the marker's mean.
    n_components
        How many; fewer where there are fewer animals.
    standardised
        Whether markers are divided by sqrt(2p(1 - p)).
    seed
        Of the first subspace.

    Raises
    ------
    AlignmentError
        Where no marker varies.

    References
    ----------
    Price et al. 2006, Nat Genet 38:904, doi:10.1038/ng1847; by random subspaces: Galinsky et al. 2016, Am J Hum Genet
    98:456, doi:10.1016/j.ajhg.2015.12.022.
    """
    check_at_least("n_components", n_components, 1)
    kernel = GenomicScale.of(genotypes, standardised=standardised).operator(genotypes)
    part = dominant_part(kernel, n_components, rng=np.random.default_rng(seed), passes=_PASSES)
    scores = part.vectors.astype(np.float64) * np.sqrt(part.values)
    return PrincipalComponents(scores, part.values / float(np.sum(kernel.diagonal())))
