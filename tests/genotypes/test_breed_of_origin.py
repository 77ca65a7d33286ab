"""Breed of origin of alleles, beside a plain forward-backward algorithm and beside the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crossbred_cohorts import BREEDS, SIZES, crossbreds
from genialearn._arrays import FloatArray, Int8Array
from genialearn.errors import AlignmentError
from genialearn.genotypes import HaplotypeMatrix, dosages
from genialearn.genotypes.breed_of_origin import BreedPanel, CopyingRates, partial_dosages


def haplotypes() -> HaplotypeMatrix:
    found = crossbreds().cohort.haplotypes
    assert found is not None
    return found


def crossed() -> np.ndarray:
    return np.array([name not in crossbreds().breeds for name in haplotypes().animals])


def posterior(panel: BreedPanel, alleles: Int8Array) -> FloatArray:
    """Return the probability of the second of two breeds at each marker of one haplotype, by matrices of all donors."""
    breed = np.repeat([0, 1], np.diff(panel.bounds))
    sizes = np.bincount(breed)
    out = []
    for columns in np.split(np.arange(sum(SIZES)), [SIZES[0]]):
        fits = np.where(panel.alleles[columns] == alleles[columns, None], 1 - panel.rates.error, panel.rates.error)
        s, r = (1 - np.exp(-rate * 0.01) for rate in (panel.rates.breed_changes, panel.rates.donor_changes))
        same = breed[:, None] == breed
        move = (1 - s) * ((1 - r) * np.eye(len(breed)) + r * same / sizes[breed]) + s / (2 * sizes[breed])
        forward, backward = [fits[0] / (2 * sizes[breed])], [np.ones(len(breed))]
        for fit in fits[1:]:
            forward.append(fit * (forward[-1] @ move))
        for fit in fits[:0:-1]:
            backward.append(move @ (fit * backward[-1]))
        both = np.array(forward) * np.array(backward[::-1])
        out.append(both[:, breed == 1].sum(axis=1) / both.sum(axis=1))
    return np.concatenate(out)


@pytest.mark.parametrize("rates", [CopyingRates(), CopyingRates(50.0, 2.0, 0.1)])
def test_the_most_probable_breed_is_that_of_the_plain_twin(rates: CopyingRates) -> None:
    some = haplotypes().select(animals=np.flatnonzero(crossed())[:10])
    panel = BreedPanel.of(haplotypes(), crossbreds().breeds, most=12, rates=rates)
    expected = np.array([posterior(panel, alleles) for alleles in some.alleles()])
    actual = panel.origins(some)

    clear = np.abs(expected - 0.5) > 1e-4
    assert clear.mean() > 0.99
    np.testing.assert_array_equal((expected > 0.5)[clear], actual[clear])


def test_it_finds_nearly_every_allele_s_breed() -> None:
    panel = BreedPanel.of(haplotypes(), crossbreds().breeds)
    origins = panel.origins(haplotypes())
    rows = np.repeat(crossed(), 2)

    assert BREEDS == panel.breeds
    assert np.mean(origins[rows] == crossbreds().origins[rows]) > 0.97
    assert np.mean(origins[~rows] == crossbreds().origins[~rows]) > 0.99


def test_declared_animals_are_of_their_breed() -> None:
    panel = BreedPanel.of(haplotypes(), crossbreds().breeds, most=2)
    declared, seen = panel.origins(haplotypes(), declared=True), panel.origins(haplotypes())
    rows = np.repeat(crossed(), 2)

    np.testing.assert_array_equal(crossbreds().origins[~rows], declared[~rows])
    np.testing.assert_array_equal(seen[rows], declared[rows])


def test_neither_coding_nor_order_matters() -> None:
    panel = BreedPanel.of(haplotypes(), crossbreds().breeds, most=10)
    expected = panel.origins(haplotypes())
    swap, order = np.arange(sum(SIZES)) % 3 == 0, np.random.default_rng(1).permutation(len(crossed()))
    recoded = haplotypes().recoded(swap)
    shuffled = haplotypes().select(animals=order)

    np.testing.assert_array_equal(expected, BreedPanel.of(recoded, crossbreds().breeds, most=10).origins(recoded))
    again = BreedPanel.of(shuffled, crossbreds().breeds, most=10).origins(shuffled)
    np.testing.assert_array_equal(expected.reshape(len(order), 2, -1)[order], again.reshape(len(order), 2, -1))


def test_centimorgans_count_where_they_are_known() -> None:
    markers = haplotypes().markers
    mapped = replace(markers, centimorgans=markers.positions / 1e6)
    known = HaplotypeMatrix(haplotypes().animals, mapped, haplotypes().packed)
    still = HaplotypeMatrix(known.animals, replace(mapped, positions=markers.positions // 1000), known.packed)
    expected = BreedPanel.of(haplotypes(), crossbreds().breeds).origins(haplotypes())

    np.testing.assert_array_equal(expected, BreedPanel.of(still, crossbreds().breeds).origins(still))


def test_partial_dosages_add_up() -> None:
    origins = crossbreds().origins
    partial = partial_dosages(haplotypes(), origins, BREEDS)
    parts = dosages(partial).reshape(len(haplotypes().animals), 2, -1)
    alleles = haplotypes().alleles()

    np.testing.assert_array_equal(dosages(crossbreds().cohort.genotypes), parts.sum(axis=1))
    np.testing.assert_array_equal((alleles * origins)[0::2] + (alleles * origins)[1::2], parts[:, 1])
    assert len(partial.markers) == len(set(partial.markers.names))


@pytest.mark.parametrize(
    ("breeds", "found"),
    [({}, "none"), ({"stranger": "brown"}, "none"), ({"cow001": "brown", "x": "white"}, "those of brown alone")],
)
def test_fewer_than_two_breeds_are_refused(breeds: dict[str, str], found: str) -> None:
    with pytest.raises(
        AlignmentError,
        match=rf"^breeds: expected purebred animals of at least two breeds .*, found {found}\. Name the breed of every",
    ):
        BreedPanel.of(haplotypes(), breeds)
