"""Bodies on fixed scores and kernels, and what they are given of the training animals."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from small_bodies import N_MARKERS, animals, genome  # noqa: E402

from cohorts_for_tests import family_cohort  # noqa: E402
from genialearn.genotypes import GenotypeMatrix, allele_frequencies, dosages  # noqa: E402
from genialearn.neural.bodies import BODIES, Genome, learned_settings, make_body  # noqa: E402
from genialearn.neural.bodies.projection import WholeScores, WindowScores  # noqa: E402
from genialearn.neural.bodies.relationship import GaussianKernels  # noqa: E402
from genialearn.neural.bodies.training_animals import (  # noqa: E402
    anchor_dosages,
    local_weights,
    principal_weights,
    standardised_dosages,
)
from genialearn.neural.bodies.windows import Windows  # noqa: E402
from genialearn.relationships import GenomicScale  # noqa: E402
from genialearn.relationships.principal import principal_components  # noqa: E402


@pytest.fixture(scope="module")
def genotypes() -> GenotypeMatrix:
    """Of families, in canonical form."""
    return family_cohort().canonical().genotypes


@pytest.fixture(scope="module")
def frequencies(genotypes: GenotypeMatrix) -> np.ndarray:
    return allele_frequencies(genotypes)


class TestStandardisedDosages:
    def test_by_their_definition(self, genotypes: GenotypeMatrix, frequencies: np.ndarray) -> None:
        copies = dosages(genotypes)
        spread = np.sqrt(2 * frequencies * (1 - frequencies))
        expected = np.where((copies >= 0) & (spread > 0), (copies - 2 * frequencies) / np.maximum(spread, 1e-9), 0)

        np.testing.assert_allclose(standardised_dosages(genotypes, frequencies), expected, rtol=1e-5, atol=1e-6)


class TestPrincipalWeights:
    def test_scores_are_the_principal_components(self, genotypes: GenotypeMatrix, frequencies: np.ndarray) -> None:
        weights = principal_weights(genotypes, frequencies, 5)
        scores = standardised_dosages(genotypes, frequencies) @ weights
        expected = principal_components(genotypes, 5).scores

        np.testing.assert_allclose(scores.T @ scores / len(scores), np.eye(5), atol=1e-3)
        for ours, theirs in zip(scores.T, expected.T, strict=True):
            assert abs(np.corrcoef(ours, theirs)[0, 1]) > 0.999

    def test_no_more_axes_than_there_are(self, genotypes: GenotypeMatrix, frequencies: np.ndarray) -> None:
        few = genotypes.select(animals=np.arange(6))
        weights = principal_weights(few, allele_frequencies(few), 64)
        scores = standardised_dosages(few, allele_frequencies(few)) @ weights

        assert weights.shape == (genotypes.shape[1], 5)
        np.testing.assert_allclose(scores.T @ scores / 6, np.eye(5), atol=1e-3)


class TestLocalWeights:
    @pytest.fixture
    def effects(self, genotypes: GenotypeMatrix) -> np.ndarray:
        effects = np.random.default_rng(1).standard_normal((genotypes.shape[1], 3))
        effects[:, 2] = 0
        return effects

    def test_windows_add_up_to_breeding_values(
        self, genotypes: GenotypeMatrix, frequencies: np.ndarray, effects: np.ndarray
    ) -> None:
        windows = Windows.of(Genome.of(genotypes.markers).chromosomes, 10)
        weights = local_weights(genotypes, frequencies, effects, windows)
        markers = torch.from_numpy(standardised_dosages(genotypes, frequencies))
        local = WindowScores(weights, windows).double()(markers).numpy().reshape(len(markers), -1, 3)
        values = GenomicScale.of(genotypes).breeding_values(genotypes, effects)

        np.testing.assert_allclose(local[:, :, :2].var(axis=0).mean(axis=0), 1, rtol=1e-3)
        for trait in range(2):
            assert np.corrcoef(local[:, :, trait].sum(axis=1), values[:, trait])[0, 1] > 0.9999
        assert not local[:, :, 2].any()


class TestScores:
    def test_of_windows_by_hand(self) -> None:
        weights = np.random.default_rng(1).standard_normal((N_MARKERS, 3))
        windows = Windows.of(genome().chromosomes, 5)
        found = WindowScores(weights, windows).double()
        markers = animals().double()

        expected = [
            markers[:, columns[:length]] @ torch.from_numpy(weights[columns[:length]])
            for columns, length in zip(windows.columns, windows.lengths, strict=True)
        ]
        assert found.n_scores == 3 * len(windows)
        torch.testing.assert_close(found(markers), torch.cat(expected, dim=1), rtol=1e-6, atol=1e-6)

    def test_one_window_is_the_whole(self) -> None:
        weights = np.random.default_rng(1).standard_normal((9, 3))
        one = Windows.of(np.zeros(9, dtype=np.int64), 9)
        markers = torch.randn(4, 9)

        torch.testing.assert_close(WholeScores(weights)(markers), WindowScores(weights, one)(markers))

    def test_they_are_no_parameters(self) -> None:
        assert [] == list(WholeScores(np.ones((4, 2))).parameters())


class TestGaussianKernels:
    def test_by_their_definition(self) -> None:
        anchors = animals(5, seed=3).double()
        found = GaussianKernels(anchors.numpy(), (0.5, 2.0)).double()(animals().double())

        among = torch.cdist(anchors, anchors).square()
        others = among[~torch.eye(5, dtype=torch.bool)]
        expected = []
        for bandwidth in (0.5, 2.0):
            rate = 1 / (2 * bandwidth**2 * others.median())
            there = torch.exp(-rate * others)
            kernels = torch.exp(-rate * torch.cdist(animals().double(), anchors).square())
            expected.append((kernels - there.mean()) / there.std())
        torch.testing.assert_close(found, torch.cat(expected, dim=1), rtol=1e-4, atol=1e-4)

    def test_anchors_are_nearest_to_themselves(self) -> None:
        anchors = animals(5, seed=3)

        assert list(range(5)) == GaussianKernels(anchors.numpy(), (1.0,))(anchors).argmax(dim=1).tolist()

    def test_anchors_that_are_all_alike(self) -> None:
        assert torch.isfinite(GaussianKernels(np.ones((4, 3)), (1.0,))(torch.randn(2, 3))).all()


class TestLearnedSettings:
    @pytest.mark.parametrize("name", list(BODIES))
    def test_they_make_a_body(self, name: str, genotypes: GenotypeMatrix, frequencies: np.ndarray) -> None:
        learned = learned_settings(name, genotypes, frequencies, seed=1)
        made = make_body(name, Genome.of(genotypes.markers), width=4, dropout=0.0, **learned).eval()
        markers = torch.from_numpy(standardised_dosages(genotypes, frequencies)).float()

        assert set(learned) == {"projection": {"weights"}, "relationship": {"anchors"}}.get(name, set())
        assert torch.isfinite(made(markers)).all()

    def test_anchors_are_animals(self, genotypes: GenotypeMatrix, frequencies: np.ndarray) -> None:
        anchors = anchor_dosages(genotypes, frequencies, 8, seed=1)
        everyone = standardised_dosages(genotypes, frequencies)

        assert anchors.shape == (8, genotypes.shape[1])
        assert all((everyone == anchor).all(axis=1).any() for anchor in anchors)
        assert not np.array_equal(anchors, anchor_dosages(genotypes, frequencies, 8, seed=2))
