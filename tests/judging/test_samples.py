from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from population import independent, marker_map, offspring, phased, unphased

from genialearn._arrays import IntArray, as_ids
from genialearn.errors import AlignmentError, SettingError
from genialearn.genotypes import dosages
from genialearn.judging import Samples
from genialearn.judging.kinship import nearest_relationship
from genialearn.judging.privacy import copied_segments
from genialearn.judging.samples import most_animals

RNG = np.random.default_rng(5)
ALLELES = offspring(90, RNG)
TRAINING, HOLDOUT, ARTIFICIAL = ALLELES[:80], ALLELES[80:130], ALLELES[130:]


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_haplotypes_are_taken_animal_by_animal_and_as_many_of_each_set() -> None:
    samples = Samples.of(phased(TRAINING), phased(HOLDOUT), phased(ARTIFICIAL), rng=rng())

    assert samples.phased
    assert 25 == samples.n_animals
    assert [(50, 300)] * 3 == [samples.rows(role).shape for role in ("training", "holdout", "artificial")]
    known = {tuple(animal.ravel()) for animal in TRAINING.reshape(40, 2, 300)}
    assert {tuple(animal.ravel()) for animal in samples.training.reshape(25, 2, 300)} <= known
    np.testing.assert_array_equal(HOLDOUT, samples.holdout)
    np.testing.assert_array_equal(TRAINING, samples.everyone)
    np.testing.assert_array_equal(HOLDOUT[0::2] + HOLDOUT[1::2], samples.animals("holdout"))


def test_one_unphased_set_makes_all_three_unphased() -> None:
    samples = Samples.of(
        phased(TRAINING), phased(HOLDOUT), unphased(ARTIFICIAL[0::2] + ARTIFICIAL[1::2]), rng=rng(), most=20
    )

    assert not samples.phased
    assert (20, 300) == samples.artificial.shape
    assert 600 == samples.largest_distance
    np.testing.assert_allclose(samples.holdout.mean(axis=0) / 2, samples.frequencies("holdout"))


def test_order_and_coding_of_the_files_don_t_matter() -> None:
    shuffled = phased(ARTIFICIAL).select(markers=np.random.default_rng(0).permutation(300))
    recoded = shuffled.recoded(np.arange(300) % 3 == 0)

    expected = Samples.of(phased(TRAINING), phased(HOLDOUT), phased(ARTIFICIAL), rng=rng())
    found = Samples.of(phased(TRAINING), phased(HOLDOUT), recoded, rng=rng())

    np.testing.assert_array_equal(expected.artificial, found.artificial)


def test_palindromic_markers_counted_the_other_way_fit() -> None:
    palindromic = replace(marker_map(), other_alleles=as_ids(["T"] * 300))
    artificial = phased(ARTIFICIAL, markers=palindromic)

    found = Samples.of(
        phased(TRAINING, markers=palindromic),
        phased(HOLDOUT, markers=palindromic),
        artificial.recoded(np.ones(300, dtype=bool)),
        rng=rng(),
    )

    np.testing.assert_array_equal(ARTIFICIAL[:10], found.artificial[:10])


def test_missing_dosages_become_the_most_frequent_of_their_set() -> None:
    holed = np.tile(np.array([0, 2, 2, 1, -1, 1, 2, 0, -1, 2], dtype=np.int8)[:, None], (1, 300))
    whole = independent(TRAINING, RNG)[:10] * 2

    samples = Samples.of(unphased(whole), unphased(holed), unphased(whole), rng=rng())

    assert [0, 2, 2, 1, 2, 1, 2, 0, 2, 2] == samples.holdout[:, 7].tolist()
    assert -1 == dosages(unphased(holed)).min()


def test_chromosomes_are_runs_of_the_map() -> None:
    samples = Samples.of(phased(TRAINING), phased(HOLDOUT), phased(ARTIFICIAL), rng=rng())

    assert [(0, 99), (100, 199), (200, 299)] == [(part[0], part[-1]) for part in samples.chromosomes()]


def test_real_animals_in_the_place_of_artificial_ones_are_disjoint_from_their_counterparts() -> None:
    samples = Samples.of(phased(TRAINING), phased(HOLDOUT), phased(ARTIFICIAL), rng=rng())

    both = samples.real_in_place("both", rng())

    assert samples.training is samples.real_in_place("holdout", rng()).artificial
    assert samples.holdout is samples.real_in_place("training", rng()).artificial
    assert [24] * 3 == [len(both.rows(role)) for role in ("training", "holdout", "artificial")]
    assert both.everyone is both.training
    found = [row.tobytes() for row in np.concatenate([both.artificial, both.training])]
    assert len({row.tobytes() for row in samples.training}) - 2 <= len(set(found))
    assert set(found) <= {row.tobytes() for row in samples.training}
    assert {row.tobytes() for row in both.holdout} <= {row.tobytes() for row in samples.holdout}


def test_halves_keep_animals_together() -> None:
    samples = Samples.of(phased(TRAINING), phased(HOLDOUT), phased(ARTIFICIAL), rng=rng())

    half = samples.half(rng())

    assert 12 == half.n_animals
    whole = {tuple(animal.ravel()) for animal in samples.holdout.reshape(25, 2, 300)}
    assert {tuple(animal.ravel()) for animal in half.holdout.reshape(12, 2, 300)} <= whole
    assert samples.everyone is half.everyone


def test_fewer_than_ten_animals_are_refused() -> None:
    with pytest.raises(SettingError, match=r"hold-out animals: expected at least 10, found 9\. So few animals"):
        Samples.of(phased(TRAINING), phased(HOLDOUT[:18]), phased(ARTIFICIAL), rng=rng())


def test_a_cap_below_ten_animals_is_refused() -> None:
    with pytest.raises(SettingError, match=r"most: expected a whole number of at least 10, found 5"):
        Samples.of(phased(TRAINING), phased(HOLDOUT), phased(ARTIFICIAL), rng=rng(), most=5)


def test_absent_markers_are_refused() -> None:
    fewer = phased(ARTIFICIAL).select(markers=np.arange(298))

    with pytest.raises(AlignmentError, match=r"artificial animals: expected all 300 markers .* found 2 absent.*m298"):
        Samples.of(phased(TRAINING), phased(HOLDOUT), fewer, rng=rng())


def test_other_alleles_are_refused() -> None:
    other = phased(ARTIFICIAL, markers=replace(marker_map(), other_alleles=as_ids(["C"] * 300)))

    with pytest.raises(AlignmentError, match=r"the same two alleles at every shared marker"):
        Samples.of(phased(TRAINING), phased(HOLDOUT), other, rng=rng())


@pytest.mark.parametrize(
    ("n_markers", "expected"), [(0, 5000), (1_000, 5000), (20_000, 3750), (50_000, 1500), (10**6, 1000)]
)
def test_fewer_animals_are_compared_where_there_are_many_markers(n_markers: int, expected: int) -> None:
    assert expected == most_animals(n_markers)


def never() -> IntArray:
    raise AssertionError("made twice")


def test_what_rows_are_beside_all_training_animals_is_found_once() -> None:
    samples = Samples.of(phased(TRAINING), phased(HOLDOUT), phased(ARTIFICIAL), rng=rng())
    for metric in (copied_segments, nearest_relationship):
        metric(samples, rng())
    found = {role: samples.distances(role, "everyone") for role in ("artificial", "holdout")}

    half, swapped = samples.half(rng()), samples.real_in_place("training", rng())

    assert np.shares_memory(found["holdout"], swapped.distances("artificial", "everyone"))
    for known in (half, swapped):
        anew, roles = replace(known), ("artificial", "everyone")
        np.testing.assert_array_equal(anew.distances(*roles), known.distances(*roles))
        assert copied_segments(anew, rng()) == pytest.approx(copied_segments(known, rng()))
    of_all = {animal.tobytes(): n for n, animal in enumerate(samples.artificial.reshape(-1, 600))}
    places = [of_all[animal.tobytes()] for animal in half.artificial.reshape(-1, 600)]
    related = samples.beside_everyone("relationship", "artificial", never)
    assert nearest_relationship(half, rng())["maximum"] == related[places].max()
