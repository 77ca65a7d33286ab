"""What is said of memory, against what numpy's arrays take at their highest."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from genialearn.cohorts import Cohort
from genialearn.genotypes import PackedGenotypes, dosages
from genialearn.genotypes._bits import pack
from genialearn.mixed_models import memory, stochastic
from genialearn.mixed_models.covariances import estimate_covariances
from genialearn.mixed_models.joint_fits import JointFits
from genialearn.mixed_models.memory import (
    PatternSize,
    Sizes,
    covariance_bytes,
    data_bytes,
    exact_bytes,
    iterative_bytes,
    joint_bytes,
    needed_bytes,
    prediction_bytes,
    reliability_bytes,
)
from genialearn.mixed_models.records import patterns
from genialearn.mixed_models.reliability import estimate_reliabilities
from genialearn.predictors.gblup import GBLUP, kernel_of


def cohort_of(n_animals: int, n_markers: int, n_traits: int, n_patterns: int) -> Cohort:
    """Return random genotypes and records in canonical order; traits take turns with the patterns of holes."""
    rng = np.random.default_rng(1)
    values = rng.standard_normal((n_animals, n_traits))
    holes = rng.random((n_animals, n_patterns)) < 0.1
    values[holes[:, np.arange(n_traits) % n_patterns]] = np.nan
    values[0] = 0.0
    animals = [f"a{row:05d}" for row in range(n_animals)]
    cohort = Cohort.from_arrays(rng.integers(0, 3, (n_animals, n_markers)), values, animals=animals).canonical()
    packed = pack(dosages(cohort.genotypes))
    return replace(cohort, genotypes=PackedGenotypes.whole(cohort.animals, cohort.genotypes.markers, packed))


def peak_of_fit(cohort: Cohort, solver: str, *, folds: np.ndarray | None = None) -> int:
    """Return the most bytes that were alive beyond those at the start; what is compiled first doesn't count."""
    small = cohort.select(slice(100))
    GBLUP(solver=solver).fit_traits(small).out_of_fold_breeding_values(np.arange(100) % 10)
    tracemalloc.start()
    try:
        fits = GBLUP(solver=solver).fit_traits(cohort)
        if folds is not None:
            tracemalloc.reset_peak()
            fits.out_of_fold_breeding_values(folds)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


CASES = {
    "one pattern": (900, 2000, 4, 1),
    "many patterns": (700, 1000, 9, 9),
    "many markers": (400, 10_000, 3, 3),
    "many animals": (4000, 300, 6, 2),
}


def with_slow(cases: Iterable[str], *quick: str) -> list[Any]:
    """Return cases, of which all but some are marked as slow."""
    return [case if case in quick else pytest.param(case, marks=pytest.mark.slow) for case in cases]


FORMED = {name: CASES[name] for name in ("one pattern", "many patterns")} | {"many markers": (500, 20_000, 3, 3)}


@pytest.mark.parametrize("case", FORMED)
def test_exact(case: str) -> None:
    cohort = cohort_of(*FORMED[case])
    sizes = Sizes.of(cohort, patterns(cohort))

    assert pytest.approx(exact_bytes(sizes), rel=0.2) == peak_of_fit(cohort, "exact")


@pytest.mark.parametrize("case", with_slow(CASES, "one pattern", "many animals"))
def test_iterative(case: str) -> None:
    cohort = cohort_of(*CASES[case])
    sizes = Sizes.of(cohort, patterns(cohort))

    assert pytest.approx(iterative_bytes(sizes), rel=0.2) == peak_of_fit(cohort, "iterative")


def test_out_of_fold() -> None:
    cohort = cohort_of(4000, 300, 15, 2)
    sizes = Sizes.of(cohort, patterns(cohort))

    found = peak_of_fit(cohort, "iterative", folds=np.arange(4000) % 10)

    assert pytest.approx(iterative_bytes(sizes, out_of_fold=True), rel=0.2) == found


@pytest.mark.parametrize("case", with_slow(["many patterns", "many markers", "many animals"], "many animals"))
def test_covariances_and_reliabilities(case: str) -> None:
    """What they add to the genotypes in two bits, which the covariances find there already."""
    cohort = cohort_of(*CASES[case])
    sizes = Sizes.of(cohort, patterns(cohort))
    model = GBLUP(solver="iterative")
    kernel, part = kernel_of(model.fit_traits(cohort), seed=1)
    rng = np.random.default_rng(1)

    peaks = []
    for estimate in (
        lambda: estimate_covariances(cohort, kernel, model.models_, part, rng=rng),
        lambda: estimate_reliabilities(cohort, model.scale_.operator(cohort.genotypes), model.models_, rng=rng),
    ):
        estimate()
        tracemalloc.start()
        try:
            estimate()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    squares = cohort.genotypes.shape[0] * cohort.genotypes.shape[1] // 4
    expected = [covariance_bytes(sizes, "iterative") - squares, reliability_bytes(sizes)]
    assert pytest.approx(expected, rel=0.2) == peaks


@pytest.mark.parametrize("case", with_slow(CASES, "many animals"))
def test_with_corrected_heritabilities(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cohort = cohort_of(*CASES[case])
    sizes = Sizes.of(cohort, patterns(cohort))
    for module in (stochastic, memory):
        monkeypatch.setattr(module, "DEFLATED_FROM", 0)

    assert pytest.approx(iterative_bytes(sizes), rel=0.2) == peak_of_fit(cohort, "iterative")


@pytest.mark.parametrize("case", with_slow(CASES, "one pattern", "many animals"))
def test_joint(case: str) -> None:
    cohort = cohort_of(*CASES[case])
    sizes = Sizes.of(cohort, patterns(cohort))
    kernel, part = kernel_of(GBLUP(solver="iterative").fit_traits(cohort), seed=1)
    covariances = np.eye(len(cohort.traits)), np.eye(len(cohort.traits))
    JointFits.solved(cohort, kernel, part, *covariances)
    tracemalloc.start()
    try:
        JointFits.solved(cohort, kernel, part, *covariances)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    squares = cohort.genotypes.shape[0] * cohort.genotypes.shape[1] // 4
    assert pytest.approx(joint_bytes(sizes, "iterative") - squares, rel=0.3) == peak


def test_sizes_of_a_cohort() -> None:
    cohort = cohort_of(60, 40, 5, 2)

    sizes = Sizes.of(cohort, patterns(cohort), n_genotyped=80)

    recorded = np.isfinite(cohort.records.values).sum(axis=0)
    expected = (PatternSize(int(recorded[0]), 1, 3), PatternSize(int(recorded[1]), 1, 2))
    assert Sizes(60, 40, 80, 60 * 40 // 4, expected) == sizes
    assert 5 == sizes.n_traits


def test_what_is_needed_is_process_data_and_the_larger_of_fit_and_prediction() -> None:
    sizes = Sizes(10, 1000, 50_000, 0, (PatternSize(10, 1, 1),))
    kept = 8 * 2 * 10**2

    assert prediction_bytes(sizes) > exact_bytes(sizes)
    assert 280 * 2**20 + data_bytes(sizes) + kept + prediction_bytes(sizes) == needed_bytes(sizes, "exact")


@pytest.mark.parametrize(("solver", "gibibytes"), [("exact", 1100), ("iterative", 5)])
def test_a_herd_of_the_largest_size(solver: str, gibibytes: float) -> None:
    """113,599 animals of 33 traits that share their records, 53,469 markers."""
    sizes = Sizes(113_599, 53_469, 113_599, 113_599 * 53_469 // 4, (PatternSize(113_599, 200, 33),))

    assert pytest.approx(gibibytes, rel=0.4) == needed_bytes(sizes, solver) / 2**30
