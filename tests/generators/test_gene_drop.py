from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genialearn._arrays import Int8Array, as_ids
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.generators.gene_drop import Descent, GeneDrop
from genialearn.records import Pedigree
from phased_cohorts import map_of, phased, phased_cohort


def alleles_of(cohort: Cohort) -> Int8Array:
    haplotypes = cohort.canonical().haplotypes
    assert haplotypes is not None
    return haplotypes.alleles()


def descent_of(generator: GeneDrop, n_animals: int, seed: int) -> list[Descent]:
    """Return the descents that `sample` draws first from a generator of this seed."""
    return generator.descents(n_animals, np.random.default_rng(seed))


def three_generations() -> Cohort:
    """Return nine animals, the last five of them offspring of the first; one has a dam that isn't among them."""
    names = [f"cow{i:03d}" for i in range(9)] + ["dam"]
    sires = np.array([-1, -1, -1, -1, 0, 0, 4, 4, 4, -1])
    dams = np.array([-1, -1, -1, -1, 2, 3, 1, 5, -1, -1])
    sires[4], dams[4] = 0, 9
    n = len(names)
    pedigree = Pedigree(as_ids(names), sires, dams, np.full(n, np.nan), as_ids([""] * n))
    return replace(phased_cohort().select(slice(0, 9)), pedigree=pedigree)


class TestMating:
    def test_alleles_come_from_the_parents(self) -> None:
        generator = GeneDrop(generations=1, sires=3).fit(phased_cohort())
        (descent,) = descent_of(generator, 30, seed=4)
        training, drawn = alleles_of(phased_cohort()), generator.sample(30, rng=np.random.default_rng(4)).alleles()

        for strand, parents in enumerate(descent.couples):
            child = drawn[strand::2]
            assert np.all((child == training[2 * parents]) | (child == training[2 * parents + 1]))
        assert 3 >= len(np.unique(descent.couples.sires))
        assert not set(descent.couples.sires) & set(descent.couples.dams)

    def test_a_morgan_has_one_crossover(self) -> None:
        """Every animal has a haplotype of zeros and one of ones, so that every crossover is seen."""
        strands = np.tile([[0], [1]], (20, 401))
        cohort = Cohort.of_genotypes(phased(strands, map_of([201, 200], spacing=500_000)))
        drawn = GeneDrop(generations=1).fit(cohort).sample(1000, rng=np.random.default_rng(1)).alleles()

        crossovers = (drawn[:, 1:201] != drawn[:, :200]).sum() / len(drawn)
        np.testing.assert_allclose(crossovers, 1.0, atol=4 / np.sqrt(2000))

    def test_chromosomes_are_independent(self) -> None:
        strands = np.tile([[0], [1]], (20, 4))
        cohort = Cohort.of_genotypes(phased(strands, map_of([2, 2], spacing=1)))
        drawn = GeneDrop(generations=1).fit(cohort).sample(2000, rng=np.random.default_rng(1)).alleles()

        assert abs(np.corrcoef(drawn[:, 1], drawn[:, 2])[0, 1]) < 4 / np.sqrt(4000)

    def test_each_generation_descends_from_the_one_before(self) -> None:
        generator = GeneDrop(generations=3).fit(phased_cohort())
        (descent,) = descent_of(generator, 7, seed=1)

        parents = np.concatenate(descent.couples)
        assert (40 + 40 + 7, 40, 7) == (len(descent.couples.sires), len(descent.founders), len(descent.wanted))
        assert 120 == descent.wanted[0]
        assert set(parents[np.arange(len(parents)) % 87 < 40]) <= set(range(40))
        assert set(parents[np.arange(len(parents)) % 87 >= 80]) <= set(range(80, 120))

    def test_two_animals_are_enough(self) -> None:
        generator = GeneDrop().fit(phased_cohort().select(slice(0, 2)))

        assert (5, 60) == generator.sample(5, rng=np.random.default_rng(1)).shape


class TestPedigree:
    def test_parents_and_offspring_share_alleles(self) -> None:
        generator = GeneDrop(structure="pedigree").fit(three_generations())
        (descent,) = descent_of(generator, 9, seed=2)
        drawn = generator.sample(9, rng=np.random.default_rng(2)).alleles()
        row_of = {int(animal): row for row, animal in enumerate(descent.wanted)}

        pairs = 0
        n_founders = len(descent.founders)
        for number, couple in enumerate(zip(*descent.couples, strict=True)):
            for strand, parent in enumerate(couple):
                if parent in row_of:
                    child, of_parent = drawn[2 * row_of[n_founders + number] + strand], drawn[2 * row_of[parent] :][:2]
                    assert np.all((child == of_parent[0]) | (child == of_parent[1]))
                    pairs += 1
        assert 8 == pairs

    def test_founders_are_training_animals(self) -> None:
        generator = GeneDrop(structure="pedigree").fit(three_generations())
        (descent,) = descent_of(generator, 9, seed=2)
        drawn = generator.sample(9, rng=np.random.default_rng(2)).alleles().reshape(9, 2, -1)
        training = alleles_of(three_generations()).reshape(9, 2, -1)

        assert 6 == len(descent.founders) == len(set(descent.founders))
        for row, animal in enumerate(descent.wanted):
            if animal < 6:
                np.testing.assert_array_equal(training[descent.founders[animal]], drawn[row])

    def test_more_animals_than_places_pass_through_again(self) -> None:
        generator = GeneDrop(structure="pedigree").fit(three_generations())
        descents = descent_of(generator, 20, seed=2)

        assert [9, 9, 2] == [len(descent.wanted) for descent in descents]
        assert set(descents[0].wanted) == set(descents[1].wanted)
        assert (20, 60) == generator.sample(20, rng=np.random.default_rng(2)).shape

    def test_a_pedigree_is_needed(self) -> None:
        cohort = replace(phased_cohort(), pedigree=None)
        with pytest.raises(AlignmentError, match="expected the parents of the training animals, found no pedigree"):
            GeneDrop(structure="pedigree").fit(cohort)

    def test_a_pedigree_of_founders_is_refused(self) -> None:
        names, nobody = phased_cohort().animals, np.full(40, -1)
        alone = Pedigree(names, nobody, nobody, np.full(40, np.nan), as_ids([""] * 40))
        with pytest.raises(AlignmentError, match="expected parents of training animals, found none"):
            GeneDrop(structure="pedigree").fit(replace(phased_cohort(), pedigree=alone))


class TestGenerationsOfAPedigree:
    def test_parents_alone_are_founders(self) -> None:
        generator = GeneDrop(structure="pedigree", generations=1).fit(herd_of_grandchildren())
        (descent,) = descent_of(generator, 3, seed=2)

        assert (3, 4) == (len(descent.couples.sires), len(descent.founders))
        assert set(np.concatenate(descent.couples)) == set(range(4))

    def test_grandparents_too(self) -> None:
        generator = GeneDrop(structure="pedigree", generations=2).fit(herd_of_grandchildren())
        (descent,) = descent_of(generator, 3, seed=2)

        assert (7, 4) == (len(descent.couples.sires), len(descent.founders))
        whole = descent_of(GeneDrop(structure="pedigree").fit(herd_of_grandchildren()), 3, seed=2)
        assert len(whole[0].founders) == len(descent.founders)


class TestFoundersThatAnotherGeneratorDraws:
    def test_alleles_come_from_drawn_founders(self) -> None:
        """Every founder is drawn all of ones, so nothing is left of the training animals."""
        ones = np.ones((80, 60), dtype=np.int8)
        generator = GeneDrop(generations=1, founders="copying").fit(phased_cohort())
        generator._source.model_ = None  # type: ignore[union-attr]
        generator._source.sample = lambda n, rng: phased(ones[: 2 * n], generator.markers_)  # type: ignore[union-attr]

        drawn = generator.sample(30, rng=np.random.default_rng(1))

        assert (drawn.alleles() == 1).all()

    def test_half_sibs_share_more_than_others(self) -> None:
        cohort = phased_cohort(200, (60,))
        generator = GeneDrop(structure="pedigree", generations=1, founders="copying").fit(cohort)
        (descent,) = descent_of(generator, 200, seed=3)
        paternal = generator.sample(200, rng=np.random.default_rng(3)).alleles()[0::2]
        sire = descent.couples.sires[descent.wanted - len(descent.founders)]

        alike = (paternal[:, None] == paternal[None]).mean(axis=2)
        half_sibs = (sire[:, None] == sire[None]) & ~np.eye(200, dtype=bool)
        others = sire[:, None] != sire[None]
        assert alike[half_sibs].mean() > alike[others].mean() + 0.1

    def test_settings_reach_it(self) -> None:
        generator = GeneDrop(founders="mosaic", founder_settings={"neighbours": 7}).fit(phased_cohort())

        assert 7 == generator._source.neighbours  # type: ignore[union-attr]

    @pytest.mark.parametrize("name", ["nobody", "gene-drop", "families"])
    def test_an_unknown_one_is_refused(self, name: str) -> None:
        with pytest.raises(SettingError, match=r"^founders: expected"):
            GeneDrop(founders=name).fit(phased_cohort())

    def test_one_without_phase_is_refused(self) -> None:
        with pytest.raises(SettingError, match=r"^founders: expected a generator that draws haplotypes, found"):
            GeneDrop(founders="copula").fit(phased_cohort())


def herd_of_grandchildren() -> Cohort:
    """Return three animals whose parents and grandparents aren't among them."""
    names = ["cow000", "cow001", "cow002", "sire", "dam1", "dam2", "dam3", "a", "b", "c", "d"]
    sires = np.array([3, 3, 3, 7, 7, 7, 7, -1, -1, -1, -1])
    dams = np.array([4, 5, 6, 8, 9, 10, 10, -1, -1, -1, -1])
    pedigree = Pedigree(as_ids(names), sires, dams, np.full(11, np.nan), as_ids([""] * 11))
    return replace(phased_cohort().select(slice(0, 3)), pedigree=pedigree)


class TestSettings:
    @pytest.mark.parametrize(("setting", "value"), [("structure", "herd"), ("generations", 0), ("sires", 0)])
    def test_out_of_range(self, setting: str, value: object) -> None:
        with pytest.raises(SettingError, match=rf"^{setting}: expected"):
            GeneDrop(**{setting: value}).fit(phased_cohort())  # type: ignore[arg-type]

    def test_somebody_must_be_a_dam(self) -> None:
        with pytest.raises(SettingError, match=r"^sires: expected fewer than the 40 animals, found 40"):
            GeneDrop(sires=40).fit(phased_cohort())

    def test_a_single_animal_is_refused(self) -> None:
        with pytest.raises(AlignmentError, match="expected at least two animals, a sire and a dam, found 1"):
            GeneDrop().fit(phased_cohort().select(slice(0, 1)))
