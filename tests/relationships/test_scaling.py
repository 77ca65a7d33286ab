from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohorts_for_tests import family_cohort
from genialearn.errors import AlignmentError
from genialearn.linalg.operators import Dense
from genialearn.relationships import GenomicScale, PedigreeRelationships, same_scale
from messages import exactly


@settings(max_examples=50, deadline=None)
@given(size=st.integers(2, 12), seed=st.integers(0, 1000))
def test_that_means_and_mean_diagonals_agree(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (factor @ factor.T for factor in rng.standard_normal((2, size, size)))
    shift, factor = same_scale(Dense(first), Dense(second))
    scaled = shift + factor * second

    assert np.mean(scaled) == pytest.approx(np.mean(first), abs=1e-6)
    assert np.trace(scaled) == pytest.approx(np.trace(first), rel=1e-6)


def test_that_no_matrix_is_needed() -> None:
    cohort = family_cohort()
    assert cohort.pedigree is not None
    genomic = GenomicScale.of(cohort.genotypes).operator(cohort.genotypes)
    pedigree = PedigreeRelationships.of(cohort.pedigree, cohort.animals)
    expected = same_scale(
        Dense(GenomicScale.of(cohort.genotypes).relationships(cohort.genotypes)), Dense(pedigree.as_matrix())
    )

    np.testing.assert_allclose(same_scale(genomic, pedigree), expected, atol=1e-6)


def test_that_relationships_of_a_centred_scale_are_lower_by_a_shift() -> None:
    """Half sibs by pedigree, seen by markers as unrelated: mean diagonals of 1 and .8, means of .4 and 0."""
    half_sibs = np.full((5, 5), 0.25) + 0.75 * np.eye(5)
    centred = np.eye(5) - 1 / 5

    np.testing.assert_allclose(same_scale(Dense(centred), Dense(half_sibs)), (-8 / 15, 4 / 3))


def test_that_relationships_must_differ() -> None:
    message = (
        "relationships: expected animals that differ in their relationships, found all relationships the same. "
        "Train on more animals, or on one kind of relationships."
    )
    with pytest.raises(AlignmentError, match=exactly(message)):
        same_scale(Dense(np.eye(3)), Dense(np.ones((3, 3))))
