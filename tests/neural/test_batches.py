from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cohorts_for_tests import family_cohort  # noqa: E402
from genialearn.genotypes import allele_frequencies, dosages  # noqa: E402
from genialearn.neural.batches import DosageTensor, best_device  # noqa: E402


def tensor() -> DosageTensor:
    genotypes = family_cohort().genotypes
    return DosageTensor.of(genotypes, allele_frequencies(genotypes), torch.device("cpu"))


class TestDosageTensor:
    def test_it_is_int8_until_it_is_used(self) -> None:
        genotypes = family_cohort().genotypes

        assert torch.int8 == tensor().values.dtype
        assert genotypes.shape == tensor().values.shape
        assert len(genotypes.animals) == len(tensor())

    def test_standardised_is_the_plain_formula(self) -> None:
        genotypes = family_cohort().genotypes
        values, p = dosages(genotypes), allele_frequencies(genotypes)
        rows = [3, 0, 149]
        expected = np.where(values < 0, 0.0, (values - 2 * p) / np.sqrt(2 * p * (1 - p)))[rows]

        actual = tensor().standardised(torch.tensor(rows), torch.float64)
        np.testing.assert_allclose(actual.numpy(), expected, atol=1e-5)

    def test_a_marker_that_does_not_vary_is_nought(self) -> None:
        genotypes = family_cohort().genotypes
        frequencies = allele_frequencies(genotypes)
        frequencies[7], frequencies[8] = 0.0, 1.0
        made = DosageTensor.of(genotypes, frequencies, torch.device("cpu")).standardised(torch.arange(150))

        assert not made[:, 7:9].any()
        assert torch.isfinite(made).all()

    def test_the_device_is_one(self) -> None:
        assert best_device().type in {"cpu", "cuda"}
