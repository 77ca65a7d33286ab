"""The Boltzmann machine against the sum over all of its states."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from genialearn._arrays import Float32Array, FloatArray, IntArray
from genialearn.errors import ConvergenceError
from genialearn.generators.annealing import log_partition
from genialearn.generators.divergence import FARTHEST, Learning, learn
from genialearn.generators.energy import Chains, Energy

REACH = 2
STARTS = np.array([0, 4, 7])
N_MARKERS, N_HIDDEN = 7, 2
NO_PAIRS = np.empty((0, 2), dtype=np.int64)
STATES = np.array(list(product([0, 1], repeat=N_MARKERS)), dtype=np.float32).T


def couplings_within(values: FloatArray) -> FloatArray:
    """Return couplings that don't leave a chromosome."""
    out = values.copy()
    for first, end in pairwise(STARTS):
        for places in range(1, REACH + 1):
            out[max(end - places, first) : end, places - 1] = 0
    return out


def machine(seed: int = 1) -> Energy:
    rng = np.random.default_rng(seed)
    parts = (
        rng.normal(0, 0.7, N_MARKERS),
        couplings_within(rng.normal(0, 1, (N_MARKERS, REACH))),
        rng.normal(0, 1, (N_MARKERS, N_HIDDEN)),
        rng.normal(0, 1, N_HIDDEN),
        np.where([True, True, False, False, True, False, False], rng.normal(0, 2, N_MARKERS), 0.0),
    )
    return Energy(*(part.astype(np.float32) for part in parts))


def padded(alleles: Float32Array) -> Float32Array:
    return Chains(alleles, REACH, STARTS, NO_PAIRS).alleles


def plain_log_weights(energy: Energy, tilt: FloatArray | float = 0.0) -> FloatArray:
    """Return log p* of every state by loops over units."""
    hidden = np.array(list(product([0, 1], repeat=N_HIDDEN)))
    out = np.zeros(STATES.shape[1])
    for number, v in enumerate(STATES.T.astype(np.float64)):
        alone = (energy.biases + tilt) @ v
        for i in range(N_MARKERS):
            for places in range(1, min(REACH, N_MARKERS - 1 - i) + 1):
                alone += energy.couplings[i, places - 1] * v[i] * v[i + places]
            alone += energy.triples[i] * v[i : i + 3].prod()
        each = [v @ energy.weights @ h + energy.hidden_biases @ h for h in hidden]
        out[number] = alone + np.log(np.sum(np.exp(each)))
    return out


def probabilities(energy: Energy, tilt: FloatArray | float = 0.0) -> FloatArray:
    weights = plain_log_weights(energy, tilt)
    return np.asarray(np.exp(weights - weights.max()) / np.exp(weights - weights.max()).sum())


def visited(chains: Chains, energy: Energy) -> FloatArray:
    """Return how often each state is visited."""
    numbers = 2 ** np.arange(N_MARKERS)[::-1] @ energy.inside(chains.alleles)
    return np.bincount(numbers.astype(np.int64), minlength=STATES.shape[1]) / chains.alleles.shape[1]


def test_log_weights() -> None:
    np.testing.assert_allclose(plain_log_weights(machine()), machine().log_weights(padded(STATES)), atol=1e-5)


def test_a_scaled_machine_has_all_terms_scaled() -> None:
    energy = machine()
    both = energy.scaled(0.5).of_alleles(padded(STATES)), energy.of_alleles(padded(STATES))

    np.testing.assert_allclose(both[0], 0.5 * both[1], atol=1e-5)


def test_the_band_couples_both_ways() -> None:
    band, energy = machine().band(), machine()

    for marker in range(N_MARKERS):
        for places in range(1, REACH + 1):
            if marker + places < N_MARKERS:
                assert energy.couplings[marker, places - 1] == band[marker, REACH + places - 1]
                assert energy.couplings[marker, places - 1] == band[marker + places, REACH - places]


@pytest.mark.parametrize("crossing", [True, False])
@pytest.mark.parametrize("pairs", [[], [[0, 1], [1, 2], [1, 3], [4, 6]]])
def test_chains_visit_states_as_often_as_they_are_probable(crossing: bool, pairs: list[list[int]]) -> None:
    energy, rng = machine(), np.random.default_rng(2)
    some = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    chains = Chains(rng.integers(0, 2, (N_MARKERS, 4000)).astype(np.float32), REACH, STARTS, some)
    found = np.zeros(STATES.shape[1])
    for step in range(130):
        chains.step(energy, rng, crossing=crossing)
        found += visited(chains, energy) / 100 if step >= 30 else 0

    np.testing.assert_allclose(found, probabilities(energy), atol=0.002)


def test_a_tilt_adds_to_the_biases_of_its_chains() -> None:
    energy, rng = machine(), np.random.default_rng(2)
    tilts = [rng.normal(0, 1, N_MARKERS), np.zeros(N_MARKERS)]
    tilt = np.repeat(np.stack(tilts, axis=1), 4000, axis=1).astype(np.float32)
    chains = Chains(rng.integers(0, 2, (N_MARKERS, 8000)).astype(np.float32), REACH, STARTS, NO_PAIRS)
    means = np.zeros((2, N_MARKERS))
    for step in range(130):
        chains.step(energy, rng, tilt=tilt)
        if step >= 30:
            means += np.stack([part.mean(axis=1) for part in np.split(energy.inside(chains.alleles), 2, axis=1)]) / 100

    expected = [STATES @ probabilities(energy, own) for own in tilts]
    np.testing.assert_allclose(means, expected, atol=0.01)


def test_same_seed_same_states_whatever_the_number_of_chains_beside() -> None:
    def state(n_chains: int) -> Float32Array:
        first = np.zeros((N_MARKERS, n_chains), dtype=np.float32)
        chains = Chains(first, REACH, STARTS, NO_PAIRS)
        chains.step(machine(), np.random.default_rng(3), crossing=False)
        return machine().inside(chains.alleles)

    np.testing.assert_array_equal(state(50), state(50))
    assert not np.array_equal(state(50), np.zeros((N_MARKERS, 50)))


def test_log_partition() -> None:
    energy = machine()
    weights = plain_log_weights(energy)
    expected = weights.max() + np.log(np.exp(weights - weights.max()).sum())
    found = log_partition(
        energy, np.full(N_MARKERS, 0.5), STARTS, NO_PAIRS, rng=np.random.default_rng(1), n_chains=500, n_machines=300
    )

    assert found.se < 0.05
    assert pytest.approx(expected, abs=4 * found.se) == found.value


def drawn(energy: Energy, n_rows: int) -> IntArray:
    """Return exact draws, shape (rows, markers)."""
    numbers = np.random.default_rng(4).choice(STATES.shape[1], n_rows, p=probabilities(energy))
    return np.ascontiguousarray(STATES[:, numbers].T.astype(np.int8))


def learning(**settings: float) -> Learning:
    usual = {"hidden": N_HIDDEN, "reach": REACH, "steps": 1500, "chains": 1000}
    rates = {"coupling_rate": 0.05, "weight_rate": 0.1, "coupling_decay": 0.0, "weight_decay": 0.0}
    return Learning(**(usual | rates | settings))  # type: ignore[arg-type]


class TestLearning:
    def test_what_was_drawn_from_a_machine_is_learned(self) -> None:
        alleles = drawn(machine(), 4000)
        energy, _ = learn(alleles, STARTS, NO_PAIRS, learning(), rng=np.random.default_rng(5))
        found, truth = probabilities(energy), probabilities(machine())
        independent = np.prod(np.where(STATES.T == 1, alleles.mean(axis=0), 1 - alleles.mean(axis=0)), axis=1)

        assert self._divergence(truth, found) < 0.3 * self._divergence(truth, independent)

    def test_three_in_a_row_are_as_often_together_as_in_the_data(self) -> None:
        alleles = drawn(machine(), 4000)
        rows = alleles[:, [0, 1, 4]] * alleles[:, [1, 2, 5]] * alleles[:, [2, 3, 6]]
        energy, _ = learn(alleles, STARTS, NO_PAIRS, learning(), rng=np.random.default_rng(5))
        states = STATES.T
        found = probabilities(energy) @ (states[:, [0, 1, 4]] * states[:, [1, 2, 5]] * states[:, [2, 3, 6]])

        np.testing.assert_allclose(rows.mean(axis=0), found, atol=0.01)
        assert 0 == np.abs(energy.triples[[2, 3, 5, 6]]).max()

    @pytest.mark.parametrize(("near", "together"), [(None, True), ("itself", True), ("everyone", False)])
    def test_chromosomes_of_neighbours(self, near: str | None, together: bool) -> None:
        """The chromosomes of each haplotype are alike; where they come from anybody, nothing is left of that."""
        rng = np.random.default_rng(6)
        alleles = np.repeat(rng.integers(0, 2, (400, 1)), N_MARKERS, axis=1).astype(np.int8)
        rows = {None: None, "itself": np.arange(400)[:, None], "everyone": np.tile(np.arange(400), (400, 1))}[near]
        energy, _ = learn(alleles, STARTS, NO_PAIRS, learning(steps=400), near=rows, rng=rng)
        p = probabilities(energy)
        first, second = STATES[0] - STATES[0] @ p, STATES[6] - STATES[6] @ p

        assert (p @ (first * second) > 0.15) == together

    def test_without_hidden_units_chromosomes_are_independent(self) -> None:
        energy, _ = learn(drawn(machine(), 500), STARTS, NO_PAIRS, learning(hidden=0), rng=np.random.default_rng(5))

        assert (N_MARKERS, 0) == energy.weights.shape
        assert 0 == np.abs(energy.couplings[3:4]).max()
        assert np.abs(energy.couplings[:3, 0]).min() > 0

    def test_decay_keeps_parameters_small(self) -> None:
        alleles = drawn(machine(), 500)
        free, held = (
            learn(alleles, STARTS, NO_PAIRS, learning(coupling_decay=decay), rng=np.random.default_rng(5))[0]
            for decay in (0.0, 1.0)
        )

        assert np.abs(held.couplings).mean() < 0.5 * np.abs(free.couplings).mean()

    def test_markers_that_do_not_vary_stay_as_they_are(self) -> None:
        alleles = drawn(machine(), 500)
        alleles[:, 2] = 1
        _, chains = learn(alleles, STARTS, NO_PAIRS, learning(steps=300), rng=np.random.default_rng(5))

        assert chains.alleles[REACH + 2].mean() > 0.99

    def test_runaway_parameters_are_an_error(self) -> None:
        settings = learning(coupling_rate=1e5, steps=100)

        with pytest.raises(ConvergenceError, match=f"expected parameters below {FARTHEST:g}.*Use lower rates"):
            learn(drawn(machine(), 100), STARTS, NO_PAIRS, settings, rng=np.random.default_rng(5))

    @staticmethod
    def _divergence(truth: FloatArray, found: FloatArray) -> float:
        return float(np.sum(truth * np.log(truth / found)))
