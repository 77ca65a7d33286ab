from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cohorts_for_tests import family_cohort  # noqa: E402
from genialearn.errors import SettingError  # noqa: E402
from genialearn.genotypes import allele_frequencies, dosages  # noqa: E402
from genialearn.neural.batches import DeviceGenotypes, PackedAnimals, best_device, chosen_device  # noqa: E402

NEEDS_A_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def animals() -> PackedAnimals:
    genotypes = family_cohort().genotypes
    return PackedAnimals.of(genotypes, allele_frequencies(genotypes), torch.device("cpu"))


class TestPackedAnimals:
    def test_two_bits_until_a_batch_is_used(self) -> None:
        n_animals, n_markers = family_cohort().genotypes.shape

        assert (n_animals, n_markers) == (len(animals()), animals().n_markers)
        assert n_animals * n_markers / 4 == animals().genotypes.packed.nbytes

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_standardised_is_the_plain_formula(self, dtype: torch.dtype) -> None:
        genotypes = family_cohort().genotypes
        values, p = dosages(genotypes), allele_frequencies(genotypes)
        rows, columns = np.array([3, 0, 149]), np.array([299, 4, 5])
        expected = np.where(values < 0, 0.0, (values - 2 * p) / np.sqrt(2 * p * (1 - p)))[rows]

        whole, part = animals().standardised(rows, dtype=dtype), animals().standardised(rows, columns, dtype)
        assert dtype == whole.dtype == part.dtype
        np.testing.assert_allclose(whole.numpy(), expected, atol=1e-6)
        np.testing.assert_array_equal(whole.numpy()[:, columns], part.numpy())


class TestDeviceGenotypes:
    @pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NEEDS_A_GPU)])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_they_are_those_decoded_on_the_host(self, device: str, dtype: torch.dtype) -> None:
        host = animals()
        moved = DeviceGenotypes(host.genotypes, torch.device(device))
        rows = np.array([3, 0, 149, 3])
        for columns in (None, np.array([299, 4, 5, 0]), np.array([], dtype=np.int64)):
            found = moved.standardised(rows, columns, dtype)

            assert found.device.type == device
            assert torch.equal(found.cpu(), host.standardised(rows, columns, dtype))

    def test_missing_ones_can_be_told(self) -> None:
        genotypes = animals().genotypes.with_missing(np.nan)
        host = PackedAnimals(genotypes, torch.device("cpu")).standardised(np.arange(150))
        found = DeviceGenotypes(genotypes, torch.device("cpu")).standardised(np.arange(150), None, torch.float32)

        assert host.isnan().any()
        torch.testing.assert_close(found, host, rtol=0, atol=0, equal_nan=True)

    @NEEDS_A_GPU
    def test_a_gpu_without_room_is_sent_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (0, 0))
        host = animals()
        sent = PackedAnimals(host.genotypes, torch.device("cuda"))

        assert sent._on_device is None
        assert torch.equal(sent.standardised(np.arange(9)).cpu(), host.standardised(np.arange(9)))


class TestDevice:
    def test_the_best_is_one(self) -> None:
        assert best_device().type in {"cpu", "cuda"}
        assert best_device() == chosen_device("auto")
        assert torch.device("cpu") == chosen_device("cpu")

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    def test_a_gpu_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(SettingError, match=r"^device: expected a GPU that torch can use, found none\. Set device"):
            chosen_device("cuda")
