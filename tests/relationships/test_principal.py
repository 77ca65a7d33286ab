from __future__ import annotations

import numpy as np
import pytest

from cohorts_for_tests import family_cohort
from genialearn.errors import SettingError
from genialearn.genotypes import allele_frequencies, dosages
from genialearn.relationships.principal import principal_components


@pytest.mark.parametrize("standardised", [True, False])
def test_they_are_those_of_a_singular_value_decomposition(standardised: bool) -> None:
    genotypes = family_cohort().genotypes
    values, p = dosages(genotypes), allele_frequencies(genotypes)
    z = np.where(values < 0, 0.0, values - 2 * p)
    variances = 2 * p * (1 - p)
    z = z[:, variances > 0] / np.sqrt(variances[variances > 0]) if standardised else z
    k = np.sum(variances > 0) if standardised else np.sum(variances)
    left, singular, _ = np.linalg.svd(z / np.sqrt(k), full_matrices=False)

    found = principal_components(genotypes, 4, standardised=standardised)

    np.testing.assert_allclose(found.shares, singular[:4] ** 2 / np.sum(singular**2), rtol=2e-3)
    for component in range(4):
        r = np.corrcoef(found.scores[:, component], left[:, component])[0, 1]
        assert abs(r) > 0.99
    np.testing.assert_allclose(np.linalg.norm(found.scores, axis=0), singular[:4], rtol=2e-3)


def test_families_stand_apart() -> None:
    """Half-sibs share scores: between them is most of what the first components tell."""
    cohort = family_cohort()
    assert cohort.pedigree is not None
    sire_of = dict(zip(cohort.pedigree.ids, cohort.pedigree.sires, strict=True))
    sires = np.array([sire_of[animal] for animal in cohort.animals])
    scores = principal_components(cohort.genotypes, 2).scores[:, 0]
    within = sum(np.sum((scores[sires == s] - scores[sires == s].mean()) ** 2) for s in set(sires))

    assert within < 0.5 * np.sum((scores - scores.mean()) ** 2)


def test_the_same_seed_gives_the_same_bytes() -> None:
    genotypes = family_cohort().genotypes

    np.testing.assert_array_equal(principal_components(genotypes).scores, principal_components(genotypes).scores)


def test_none_are_refused() -> None:
    with pytest.raises(SettingError, match="n_components: expected"):
        principal_components(family_cohort().genotypes, 0)
