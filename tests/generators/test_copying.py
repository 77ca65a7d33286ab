from __future__ import annotations

import numpy as np
import pytest

from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.generators.copying import Copying
from genialearn.generators.li_stephens import rows_of
from phased_cohorts import phased, phased_cohort


class TestCopying:
    @pytest.mark.parametrize("distance", [1, 3, 20])
    def test_covariances_are_those_of_the_training_where_donor_and_alleles_stay(self, distance: int) -> None:
        cohort = phased_cohort(n_animals=150)
        generator = Copying(rate=0.1, error=0.01).fit(cohort)
        drawn, training = generator.sample(4000, rng=np.random.default_rng(1)), cohort.canonical().haplotypes
        assert training is not None

        of_training, actual = (np.cov(animals.alleles()[:, :30].T) for animals in (training, drawn))
        expected = of_training.diagonal(distance) * np.exp(-0.1 * distance) * (1 - 2 * 0.01) ** 2
        np.testing.assert_allclose(actual.diagonal(distance), expected, atol=5 * 0.25 / np.sqrt(8000))

    def test_training_haplotypes_are_less_likely_without_their_own_animal(self) -> None:
        generator, cohort = Copying().fit(phased_cohort()), phased_cohort().canonical()
        assert cohort.haplotypes is not None

        with_themselves = generator.log_likelihood(cohort.haplotypes)
        assert np.all(generator.model_.leave_one_out(np.arange(80)) < with_themselves)

    def test_given_rate_and_error_are_used(self) -> None:
        generator = Copying(rate=2.0, error=0.1).fit(phased_cohort())

        assert (2.0, 0.1) == (generator.rate_, generator.error_)

    def test_monomorphic_markers_vary_by_errors_alone(self) -> None:
        training = Cohort.of_genotypes(phased(np.zeros((20, 50), dtype=np.int8)))

        drawn = Copying(rate=1.0, error=0.02).fit(training).sample(100, rng=np.random.default_rng(1))
        np.testing.assert_allclose(drawn.alleles().mean(), 0.02, atol=0.006)

    @pytest.mark.parametrize(("setting", "value"), [("rate", 0.0), ("error", 0.7), ("error", float("nan"))])
    def test_settings_out_of_range(self, setting: str, value: float) -> None:
        with pytest.raises(SettingError, match=rf"^{setting}: expected a number from"):
            Copying(**{setting: value}).fit(phased_cohort())

    def test_a_single_animal_is_refused(self) -> None:
        with pytest.raises(AlignmentError, match="expected at least two animals"):
            Copying().fit(phased_cohort().select(slice(0, 1)))


def test_rows_of_a_panel() -> None:
    panel = phased_cohort().haplotypes
    assert panel is not None

    np.testing.assert_array_equal(panel.alleles()[[5, 2]], rows_of(panel, np.array([5, 2])))
