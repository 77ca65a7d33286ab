"""Every metric against a plain, slow computation."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from population import collapsed, independent, marker_map, offspring, phased, unphased
from scipy.linalg import sqrtm
from scipy.stats import wasserstein_distance
from sklearn.metrics import roc_auc_score

from genialearn._arrays import FloatArray, IntArray, as_ids
from genialearn.genotypes import MarkerMap
from genialearn.judging import METRICS, Samples, classifier, kinship, linkage, structure
from genialearn.judging.samples import Role
from genialearn.judging.statistics import area_under_curve, correlation, share_above, wasserstein

RNG = np.random.default_rng(8)
ALLELES = offspring(120, RNG)
ALLELES[:2, [5, 120]] = 0
ARTIFICIAL = np.concatenate([ALLELES[160:200], independent(ALLELES[:80], RNG)[:38], ALLELES[:2]])
"""Half of them honest, most others without linkage, one a copy."""
ARTIFICIAL[:, [5, 120]] = 0

PHASED = Samples.of(phased(ALLELES[:100]), phased(ALLELES[100:180]), phased(ARTIFICIAL), rng=np.random.default_rng(1))
UNPHASED = Samples.of(
    *(unphased(part[0::2] + part[1::2]) for part in (ALLELES[:100], ALLELES[100:180], ARTIFICIAL)),
    rng=np.random.default_rng(1),
)
KINDS = pytest.mark.parametrize("samples", [PHASED, UNPHASED], ids=["haplotypes", "dosages"])


def scored(name: str, samples: Samples, seed: int = 3) -> dict[str, float]:
    return METRICS[name].score(samples, np.random.default_rng(seed))


def gaps(samples: Samples, of: Role, to: Role) -> IntArray:
    """Return all distances; of a set to itself with a huge diagonal."""
    a, b = samples.rows(of).astype(np.int64), samples.rows(to).astype(np.int64)
    distances = np.abs(a[:, None] - b[None]).sum(axis=2)
    return distances + np.eye(len(a), dtype=np.int64) * 10**6 if of == to else distances


def shares(samples: Samples, role: Role) -> FloatArray:
    rows = samples.rows(role)
    return rows.sum(axis=0) / (len(rows) * rows.max())


def test_the_two_kinds_hold_the_same_animals() -> None:
    np.testing.assert_array_equal(UNPHASED.holdout, PHASED.animals("holdout"))
    assert 40 == PHASED.n_animals == UNPHASED.n_animals


@KINDS
def test_allele_frequencies(samples: Samples) -> None:
    real, artificial = shares(samples, "holdout"), shares(samples, "artificial")
    rare = (real < 0.05) | (real > 0.95)
    varies = (real > 0) & (real < 1)
    lost = [marker for marker in np.flatnonzero(varies) if artificial[marker] in {0.0, 1.0}]

    found = scored("allele_frequency", samples)

    assert pytest.approx(np.corrcoef(real, artificial)[0, 1]) == found["r"]
    assert pytest.approx(np.sqrt(np.mean((real - artificial) ** 2))) == found["rmse"]
    assert pytest.approx(np.sqrt(np.mean((real - artificial)[rare] ** 2))) == found["rmse_rare"]
    assert pytest.approx(len(lost) / varies.sum()) == found["fixed"]
    assert len(lost) >= 2


@KINDS
def test_genotype_frequencies_and_inbreeding(samples: Samples) -> None:
    counts = {role: [] for role in ("holdout", "artificial")}
    inbreeding: list[float] = []
    for marker in range(300):
        by_role = []
        for role, listed in counts.items():
            animals = samples.animals(role)[:, marker]  # type: ignore[arg-type]
            listed += [np.mean(animals == dosage) for dosage in range(3)]
            p = animals.mean() / 2
            by_role.append(1 - np.mean(animals == 1) / (2 * p * (1 - p)) if 0 < p < 1 else np.nan)
        inbreeding.append(abs(by_role[0] - by_role[1]))

    found = scored("genotype_frequency", samples)

    assert pytest.approx(np.corrcoef(counts["holdout"], counts["artificial"])[0, 1]) == found["r"]
    assert pytest.approx(np.nanmean(inbreeding)) == found["inbreeding"]


@KINDS
def test_fst(samples: Samples) -> None:
    between = total = 0.0
    for a, b in zip(shares(samples, "holdout"), shares(samples, "artificial"), strict=True):
        mean = (a + b) / 2
        within = (2 * a * (1 - a) + 2 * b * (1 - b)) / 2
        between += 2 * mean * (1 - mean) - within
        total += 2 * mean * (1 - mean)

    assert pytest.approx(between / total) == scored("fst", samples)["all"]


def test_fst_of_two_samples_of_one_population_is_a_quarter_of_an_animal() -> None:
    drawn = np.random.default_rng(0).binomial(2, 0.3, (600, 2_000)).astype(np.int8)
    samples = Samples(drawn[:200], drawn[200:400], drawn[400:], drawn[:200], MarkerMap.numbered(2_000), False)

    assert pytest.approx(1 / (4 * 200), rel=0.1) == scored("fst", samples)["all"]


@KINDS
def test_linkage_over_all_pairs(samples: Samples) -> None:
    real, artificial, distances, chromosomes = [], [], [], []
    positions, names = samples.markers.positions, samples.markers.chromosomes
    for i, j in combinations(range(300), 2):
        if names[i] == names[j] and samples.holdout[:, i].std() and samples.holdout[:, j].std():
            pair = []
            for rows in (samples.holdout, samples.artificial):
                a, b = rows[:, i].astype(float), rows[:, j].astype(float)
                pair.append(np.corrcoef(a, b)[0, 1] if a.std() and b.std() else 0.0)
            real.append(pair[0])
            artificial.append(pair[1])
            distances.append(positions[j] - positions[i])
            chromosomes.append(names[i])
    r, s = np.array(real), np.array(artificial)
    edges = np.geomspace(min(distances), max(distances), 21)
    bins = [sum(distance >= edge for edge in edges[1:-1]) for distance in distances]
    errors = [(s**2 - r**2)[np.array(bins) == b].mean() for b in sorted(set(bins))]
    gammas = [np.corrcoef(*(v[np.array(chromosomes) == name] for v in (r, s)))[0, 1] for name in set(chromosomes)]

    found = scored("linkage", samples)

    assert pytest.approx(np.corrcoef(r**2, s**2)[0, 1], abs=1e-5) == found["r"]
    assert pytest.approx(np.mean(gammas), abs=1e-5) == found["gamma"]
    assert pytest.approx(np.mean(np.abs(errors)), abs=1e-5) == found["decay_mae"]
    assert pytest.approx(np.sqrt(np.mean(np.square(errors))), abs=1e-5) == found["decay_rmse"]


@pytest.mark.parametrize(("limit", "most"), [("MOST_MARKERS", 60), ("MOST_PAIRS", 3 * 60**2 // 2)])
def test_of_a_long_chromosome_some_markers_are_taken(limit: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linkage, limit, most)

    some, again, others = (scored("linkage", PHASED, seed) for seed in (1, 1, 2))

    assert some == again
    assert others != some
    monkeypatch.undo()
    assert pytest.approx(scored("linkage", PHASED)["gamma"], abs=0.1) == some["gamma"]


def test_classifiers_see_some_of_many_markers(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scored("classifier", PHASED)
    monkeypatch.setattr(classifier, "MOST_MARKERS", 100)

    some, again = (scored("classifier", PHASED) for _ in range(2))

    assert some == again
    assert whole != some


def test_unknown_positions_give_one_bin() -> None:
    nowhere = replace(marker_map(), positions=np.zeros(300, dtype=np.int64))

    found = scored("linkage", replace(PHASED, markers=nowhere))

    assert pytest.approx(found["decay_mae"]) == found["decay_rmse"]


@KINDS
def test_three_point_correlations(samples: Samples) -> None:
    third = {role: [] for role in ("holdout", "artificial")}
    for gap in (1, 2, 4, 8, 16, 32):
        for first in (0, 100, 200):
            for i in range(first, first + 100 - 2 * gap):
                for role, listed in third.items():
                    x = samples.rows(role)[:, [i, i + gap, i + 2 * gap]]  # type: ignore[arg-type]
                    listed.append(np.prod(x - x.mean(axis=0), axis=1).mean())

    found = scored("three_point", samples)["r"]

    assert pytest.approx(np.corrcoef(third["holdout"], third["artificial"])[0, 1], abs=1e-5) == found


@KINDS
def test_principal_components(samples: Samples) -> None:
    mean = samples.holdout.mean(axis=0)
    axes = np.linalg.svd(samples.holdout - mean, full_matrices=False)[2][:10].T
    real, artificial = (samples.holdout - mean) @ axes, (samples.artificial - mean) @ axes
    c1, c2 = np.cov(real.T), np.cov(artificial.T)
    apart = np.sum((real.mean(axis=0) - artificial.mean(axis=0)) ** 2)
    expected = apart + np.trace(c1 + c2 - 2 * np.real(sqrtm(c1 @ c2)))

    found = scored("principal_components", samples)

    assert pytest.approx(expected, rel=1e-3) == found["frechet"]
    for axis in range(3):
        one = wasserstein_distance(real[:, axis], artificial[:, axis])
        assert pytest.approx(one, rel=1e-3) == found[f"w1_axis{axis + 1}"]


def test_the_frechet_distance_of_a_shift_is_its_square() -> None:
    points = RNG.normal(size=(50, 3))

    assert pytest.approx(4 + 9) == structure.frechet(points, points + np.array([2.0, 0.0, 3.0]))


@KINDS
def test_adversarial_accuracy_and_privacy_loss(samples: Samples) -> None:
    expected = {}
    for real in ("training", "holdout"):
        sides = []
        for one, other in ((real, "artificial"), ("artificial", real)):
            across, within = gaps(samples, one, other).min(axis=1), gaps(samples, one, one).min(axis=1)
            sides.append(
                np.mean([1.0 if a > w else 0.5 if a == w else 0.0 for a, w in zip(across, within, strict=True)])
            )
        expected[real] = {"mean": np.mean(sides), "real": sides[0], "artificial": sides[1]}

    assert pytest.approx(expected["holdout"]) == scored("adversarial_accuracy", samples)
    assert pytest.approx(expected["training"]) == scored("adversarial_accuracy_training", samples)
    loss = expected["holdout"]["mean"] - expected["training"]["mean"]
    assert pytest.approx(loss) == scored("privacy_loss", samples)["all"]


def test_ties_count_one_half() -> None:
    samples = replace(PHASED, artificial=PHASED.holdout)
    constant = np.zeros((20, 300), dtype=np.int8)
    same = Samples(constant, constant, constant, constant, marker_map(), True)

    assert {"mean": 0.5, "real": 0.5, "artificial": 0.5} == scored("adversarial_accuracy", same)
    assert 0.0 == scored("adversarial_accuracy", samples)["mean"]
    assert 0.5 == share_above(np.array([1, 2, 3]), np.array([1, 1, 4]))


def test_two_samples_of_one_distribution_can_t_be_told_apart() -> None:
    drawn = np.random.default_rng(2).binomial(1, 0.4, (1_200, 150)).astype(np.int8)
    samples = Samples(drawn[:400], drawn[400:800], drawn[800:], drawn[:400], MarkerMap.numbered(150), True)

    for part, value in scored("adversarial_accuracy", samples).items():
        assert pytest.approx(0.5, abs=0.08) == value, part


@KINDS
def test_precision_recall_density_and_coverage(samples: Samples) -> None:
    real_radii = np.sort(gaps(samples, "holdout", "holdout"), axis=1)[:, 4]
    artificial_radii = np.sort(gaps(samples, "artificial", "artificial"), axis=1)[:, 4]
    across = gaps(samples, "artificial", "holdout")
    inside = across <= real_radii
    expected = {
        "precision": np.mean(inside.any(axis=1)),
        "recall": np.mean((across <= artificial_radii[:, None]).any(axis=0)),
        "density": inside.sum() / (5 * len(across)),
        "coverage": np.mean(inside.any(axis=0)),
    }

    assert pytest.approx(expected) == scored("precision_recall", samples)


@KINDS
def test_distances_to_the_training(samples: Samples) -> None:
    artificial, real = (np.sort(gaps(samples, role, "everyone"), axis=1) for role in ("artificial", "holdout"))
    border = sorted(real[:, 0])[int(np.ceil(0.05 * len(real))) - 1]
    ratios = [a / b if b else 0.0 for a, b in artificial[:, :2]]

    found = scored("nearest_distance", samples)

    assert pytest.approx(np.median(artificial[:, 0]) / np.median(real[:, 0])) == found["median_ratio"]
    assert pytest.approx(np.mean(artificial[:, 0] <= border)) == found["close"]
    assert pytest.approx(np.median(ratios)) == scored("nearest_ratio", samples)["median"]


@KINDS
def test_copies_and_duplicates(samples: Samples) -> None:
    doubled = replace(samples, artificial=np.concatenate([samples.artificial[:-1], samples.artificial[:1]]))
    nearest = gaps(samples, "artificial", "everyone").min(axis=1)
    n = len(samples.artificial)

    assert {"exact": np.mean(nearest == 0), "near": np.mean(nearest <= samples.largest_distance // 200)} == scored(
        "copies", samples
    )
    assert (2 if samples.phased else 1) / n == scored("copies", samples)["exact"]
    assert 2 / n == scored("duplicates", doubled)["exact"]


@KINDS
def test_copied_segments(samples: Samples) -> None:
    windows = [(start + a, start + b) for start in (0, 100, 200) for a, b in ((0, 100),)]
    everyone, artificial = samples.everyone, samples.artificial
    found = [
        any((row[start:stop] == other[start:stop]).all() for other in everyone)
        for start, stop in windows
        for row in artificial
    ]

    assert pytest.approx(np.mean(found)) == scored("copied_segments", samples)["chromosome"]


def test_windows_have_64_markers_and_the_rest() -> None:
    markers = replace(MarkerMap.numbered(200), chromosomes=as_ids(["1"] * 150 + ["2"] * 50))
    training = np.random.default_rng(0).integers(0, 2, (10, 200)).astype(np.int8)
    artificial = training.copy()
    artificial[:, 149] ^= 1
    samples = Samples(training, training, artificial, training, markers, True)

    assert {"window": pytest.approx(2 / 3), "chromosome": 0.5} == scored("copied_segments", samples)


@KINDS
def test_membership(samples: Samples) -> None:
    members, others = (gaps(samples, role, "artificial").min(axis=1) for role in ("training", "holdout"))
    labels = np.repeat([1, 0], [len(members), len(others)])

    expected = roc_auc_score(labels, -np.concatenate([members, others]))

    assert pytest.approx(expected) == scored("membership", samples)["auc"]


@KINDS
def test_relationships(samples: Samples) -> None:
    p = shares(samples, "holdout")
    z = {role: samples.animals(role) - 2 * p for role in ("holdout", "artificial", "everyone")}  # type: ignore[arg-type]
    k = 2 * np.sum(p * (1 - p))
    within = [z[role] @ z[role].T / k for role in ("holdout", "artificial")]
    pairs = np.triu_indices(40, 1)
    to_training = (z["artificial"] @ z["everyone"].T / k).max(axis=1)

    near, found = scored("nearest_relationship", samples), scored("relationships", samples)

    assert pytest.approx(to_training.mean(), rel=1e-5) == near["mean"]
    assert pytest.approx(to_training.max(), rel=1e-5) == near["maximum"]
    assert pytest.approx(wasserstein_distance(*(g[pairs] for g in within)), rel=1e-4) == found["off_diagonal"]
    assert pytest.approx(wasserstein_distance(*(np.diag(g) for g in within)), rel=1e-4) == found["diagonal"]


def test_runs_of_homozygosity() -> None:
    inbred = PHASED.holdout.copy()
    inbred[0:40:2, 20:95] = inbred[1:40:2, 20:95]
    inbred[0:10:2, 95:170] = inbred[1:10:2, 95:170]
    samples = replace(PHASED, holdout=inbred)
    numbers, lengths = [], []
    for animal in samples.animals("holdout"):
        runs = []
        for first in (0, 100, 200):
            text = "".join("x" if dosage == 1 else "." for dosage in animal[first : first + 100])
            runs += [len(run) - 1 for run in text.split("x") if len(run) >= 30]
        numbers.append(len(runs))
        lengths.append(sum(runs) / (3 * 99))

    found = kinship._runs(samples, "holdout")

    assert numbers == found[0].tolist()
    np.testing.assert_allclose(lengths, found[1])
    assert 2 <= max(numbers)
    assert {"number", "length"} == scored("homozygosity", samples).keys()


def test_homozygosity_where_positions_are_unknown_counts_markers() -> None:
    nowhere = replace(marker_map(), positions=np.zeros(300, dtype=np.int64))

    assert pytest.approx(scored("homozygosity", PHASED)) == scored("homozygosity", replace(PHASED, markers=nowhere))


def test_classifiers_find_what_is_different_and_nothing_else() -> None:
    rng = np.random.default_rng(4)
    drawn = rng.binomial(1, 0.4, (900, 60)).astype(np.int8)
    samples = Samples(drawn[:300], drawn[300:600], drawn[600:], drawn[:300], MarkerMap.numbered(60), True)
    shifted = replace(samples, artificial=rng.binomial(1, 0.6, (300, 60)).astype(np.int8))

    for value in scored("classifier", samples).values():
        assert pytest.approx(0.5, abs=0.08) == value
    for value in scored("classifier", shifted).values():
        assert value > 0.95


def test_the_area_under_the_curve_counts_ties_one_half() -> None:
    cases, controls = np.array([1.0, 2.0, 2.0]), np.array([0.0, 2.0])
    pairs = [(a > b) + (a == b) / 2 for a in cases for b in controls]

    assert pytest.approx(np.mean(pairs)) == area_under_curve(cases, controls)


def test_distances_of_distributions() -> None:
    a, b = RNG.normal(size=30), RNG.normal(1, 2, size=30)

    assert pytest.approx(wasserstein_distance(a, b)) == wasserstein(a, b)
    assert pytest.approx(wasserstein_distance(a, b[:11])) == wasserstein(a, b[:11])


def test_nothing_correlates_with_a_constant() -> None:
    assert 0.0 == correlation(np.ones(4), np.arange(4))
    assert np.isnan(correlation(np.ones(1), np.ones(1)))


@pytest.mark.parametrize("name", METRICS)
def test_sets_without_any_variation_have_values_too(name: str) -> None:
    constant = np.zeros((20, 300), dtype=np.int8)
    honest = PHASED.holdout[:20]

    for holdout, artificial in ((honest, constant), (constant, constant), (honest, collapsed(honest, 1, 0, RNG))):
        samples = Samples(honest, holdout, artificial, honest, marker_map(), True)
        assert METRICS[name].parts.keys() == scored(name, samples).keys()
