from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cohorts_for_tests import with_genotypes
from genialearn._arrays import IntArray, StrArray, as_ids
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError
from genialearn.genotypes import MarkerMap, PackedGenotypes, dosages
from genialearn.genotypes._bits import pack
from genialearn.records import Pedigree
from genialearn.relationships import deviating_diagonals, parent_offspring_pairs, parentage_conflicts
from messages import exactly

N_MARKERS, N_SIRES, N_DAMS, N_CALVES = 600, 4, 20, 60


def gametes(parents: IntArray, rng: np.random.Generator) -> IntArray:
    """Return half of each parent's unlinked alleles; parents (animals, 2, markers)."""
    return np.where(rng.random((len(parents), parents.shape[2])) < 0.5, parents[:, 0], parents[:, 1])


def herd(*, seed: int = 1, errors: float = 0.0) -> Cohort:
    """Return sires, dams and their calves, all genotyped, a share of the genotypes read wrong and some missing."""
    rng = np.random.default_rng(seed)
    n_parents = N_SIRES + N_DAMS
    haplotypes = (rng.random((n_parents, 2, N_MARKERS)) < rng.uniform(0.1, 0.9, N_MARKERS)).astype(np.int64)
    sires, dams = rng.integers(0, N_SIRES, N_CALVES), N_SIRES + rng.integers(0, N_DAMS, N_CALVES)
    calves = gametes(haplotypes[sires], rng) + gametes(haplotypes[dams], rng)
    values = np.vstack([haplotypes.sum(axis=1), calves])
    values = np.where(rng.random(values.shape) < errors, rng.integers(0, 3, values.shape), values)
    values[rng.random(values.shape) < 0.03] = -1
    unknown = np.full(n_parents, -1)
    names = [
        *(f"sire{row}" for row in range(N_SIRES)),
        *(f"dam{row}" for row in range(N_DAMS)),
        *(f"calf{row:02}" for row in range(N_CALVES)),
    ]
    pedigree = Pedigree(
        as_ids(names),
        np.append(unknown, sires),
        np.append(unknown, dams),
        np.full(len(names), np.nan),
        as_ids([""] * len(names)),
    )
    records = rng.standard_normal(len(values))
    return Cohort.from_arrays(values, records, animals=names, pedigree=pedigree, markers=MarkerMap.numbered(N_MARKERS))


def with_sire(cohort: Cohort, calf: str, sire: str) -> Cohort:
    """Return the cohort with another sire of a calf in its pedigree."""
    assert cohort.pedigree is not None
    sires = cohort.pedigree.sires.copy()
    sires[cohort.pedigree.rows_of(as_ids([calf]))] = cohort.pedigree.rows_of(as_ids([sire]))
    return replace(cohort, pedigree=replace(cohort.pedigree, sires=sires))


def another_sire(cohort: Cohort, calf: str) -> str:
    assert cohort.pedigree is not None
    return next(f"sire{row}" for row in range(N_SIRES) if f"sire{row}" != cohort.pedigree.sires_of(as_ids([calf]))[0])


def plain_counts(cohort: Cohort, animals: StrArray, parents: StrArray) -> list[tuple[int, int]]:
    """Return markers called in both, and those at which one has 0 copies and the other 2, pair by pair."""
    row_of = {name: row for row, name in enumerate(cohort.animals)}
    values = dosages(cohort.genotypes)
    found = []
    for animal, parent in zip(animals, parents, strict=True):
        both = list(zip(values[row_of[animal]].tolist(), values[row_of[parent]].tolist(), strict=True))
        called = [pair for pair in both if -1 not in pair]
        found.append((len(called), sum(set(pair) == {0, 2} for pair in called)))
    return found


class TestPairs:
    @pytest.mark.parametrize("packed", [False, True])
    def test_counts_are_those_of_a_plain_loop(self, packed: bool) -> None:
        cohort = herd(errors=0.02)
        if packed:
            values = pack(dosages(cohort.genotypes))
            cohort = replace(cohort, genotypes=PackedGenotypes.whole(cohort.animals, cohort.genotypes.markers, values))
        pairs = parent_offspring_pairs(cohort)

        assert 2 * N_CALVES == len(pairs)
        expected = plain_counts(cohort, pairs["animal"].to_numpy(), pairs["parent"].to_numpy())
        assert expected == list(zip(pairs["markers"], pairs["opposing"], strict=True))
        np.testing.assert_array_equal(pairs["opposing"] / pairs["markers"], pairs["share"])

    def test_true_parents_are_never_opposed(self) -> None:
        pairs = parent_offspring_pairs(herd())

        assert 0 == pairs["opposing"].sum()
        assert {"sire": N_CALVES, "dam": N_CALVES} == pairs["role"].value_counts().to_dict()

    def test_only_parents_with_genotypes_can_be_compared(self) -> None:
        whole = herd()
        cohort = whole.select(np.flatnonzero(~np.char.startswith(whole.animals.astype(str), "sire")))

        assert {"dam"} == set(parent_offspring_pairs(cohort)["role"])
        assert parent_offspring_pairs(cohort.select(slice(0, N_DAMS))).empty

    def test_animals_that_the_pedigree_does_not_know(self) -> None:
        cohort = herd()
        assert cohort.pedigree is not None
        renamed = replace(cohort.pedigree, ids=as_ids([name.replace("calf0", "cow") for name in cohort.pedigree.ids]))
        pairs = parent_offspring_pairs(replace(cohort, pedigree=renamed))

        assert 2 * (N_CALVES - 10) == len(pairs)
        assert not pairs["animal"].str.startswith("calf0").any()

    def test_an_animal_without_genotype_has_no_share(self) -> None:
        cohort = herd()
        values = dosages(cohort.genotypes).copy()
        values[-1] = -1
        pairs = parent_offspring_pairs(with_genotypes(cohort, values, cohort.genotypes.markers))

        assert {"calf59"} == set(pairs["animal"][pairs["share"].isna()])

    @pytest.mark.parametrize("chromosome", ["X", "chrX", "30", "MT"])
    def test_sons_have_no_x_chromosome_of_their_sire(self, chromosome: str) -> None:
        cohort = with_sire(herd(), "calf07", another_sire(herd(), "calf07"))
        markers = cohort.genotypes.markers
        chromosomes = np.where(np.arange(N_MARKERS) < 150, "1", chromosome).astype(object)
        other = with_genotypes(cohort, dosages(cohort.genotypes), replace(markers, chromosomes=chromosomes))
        autosomal = replace(cohort, genotypes=cohort.genotypes.select(markers=np.arange(150)))

        assert parent_offspring_pairs(autosomal).equals(parent_offspring_pairs(other))

    def test_no_pedigree(self) -> None:
        message = "pedigree: expected the parents of the animals, found no pedigree. Give one with --pedigree."
        with pytest.raises(AlignmentError, match=exactly(message)):
            parent_offspring_pairs(replace(herd(), pedigree=None))


class TestConflicts:
    def test_a_wrong_sire_is_found_and_nobody_else(self) -> None:
        cohort = herd(errors=0.005)
        conflicts = parentage_conflicts(with_sire(cohort, "calf07", wrong := another_sire(cohort, "calf07")))

        assert [["calf07", wrong, "sire"]] == conflicts[["animal", "parent", "role"]].to_numpy().tolist()
        assert conflicts["share"][0] > 0.03

    def test_an_exchanged_sample_is_in_conflict_with_both_parents(self) -> None:
        cohort = herd(errors=0.005)
        values = dosages(cohort.genotypes).copy()
        values[-1] = dosages(herd(seed=2).genotypes)[-1]
        conflicts = parentage_conflicts(with_genotypes(cohort, values, cohort.genotypes.markers))

        assert {("calf59", "sire"), ("calf59", "dam")} == set(zip(conflicts["animal"], conflicts["role"], strict=True))
        assert conflicts["share"].is_monotonic_decreasing

    def test_the_threshold(self) -> None:
        cohort = herd(errors=0.005)
        pairs = parent_offspring_pairs(cohort)

        assert int((pairs["share"] > 0).sum()) == len(parentage_conflicts(cohort, most=0.0))
        assert parentage_conflicts(cohort).empty


class TestDiagonals:
    def test_sound_samples(self) -> None:
        assert deviating_diagonals(herd()).empty

    def test_a_mixture_of_two_samples_is_too_heterozygous(self) -> None:
        cohort = herd()
        values = dosages(cohort.genotypes).copy()
        values[-1] = np.where(values[-1] == values[0], values[-1], 1)
        odd = deviating_diagonals(with_genotypes(cohort, values, cohort.genotypes.markers))

        assert ["calf59"] == odd["animal"].tolist()
        assert odd["deviation"][0] < -6

    def test_another_breed_is_too_far_from_the_mean(self) -> None:
        cohort = herd()
        values = dosages(cohort.genotypes).copy()
        frequent = np.where(values >= 0, values, 0).mean(axis=0) > 1
        values[-1] = np.where(frequent, 0, 2)
        odd = deviating_diagonals(replace(with_genotypes(cohort, values, cohort.genotypes.markers), pedigree=None))

        assert ["calf59"] == odd["animal"].tolist()
        assert odd["deviation"][0] > 6
        assert [1.0] == odd["pedigree"].tolist()

    def test_inbreeding_by_pedigree_is_expected(self) -> None:
        cohort = herd()
        assert cohort.pedigree is not None
        dams, calf = cohort.pedigree.dams.copy(), cohort.pedigree.rows_of(as_ids(["calf59"]))
        dams[calf] = np.flatnonzero(cohort.pedigree.sires == cohort.pedigree.sires[calf])[0]
        table = deviating_diagonals(replace(cohort, pedigree=replace(cohort.pedigree, dams=dams)), most=0.0)

        assert {"calf59": 1.25} == dict(table.loc[table["pedigree"] > 1, ["animal", "pedigree"]].to_numpy().tolist())
        assert table["deviation"].abs().is_monotonic_decreasing

    def test_where_everybody_is_the_same_nobody_deviates(self) -> None:
        cohort = Cohort.from_arrays([[0], [2], [0], [2]], [1.0, 2.0, 3.0, 4.0])

        assert deviating_diagonals(cohort).empty
