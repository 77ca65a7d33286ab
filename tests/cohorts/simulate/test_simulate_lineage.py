from __future__ import annotations

import numpy as np
import pytest

from genialearn._arrays import IntArray, as_ids
from genialearn.cohorts.simulate.genome_design import GenomeDesign
from genialearn.cohorts.simulate.lineage import BaseChromosome, Lineage, base_genome, chromosome_keys
from genialearn.cohorts.simulate.meiosis import Couples, gene_drop
from genialearn.genotypes import allele_frequencies, dosages

N_BASE = 30
KEYS = chromosome_keys(np.random.default_rng(4))
PARENTS = Couples(np.arange(10), np.arange(10, 20)), Couples(np.array([30, 31, 0]), np.array([32, 33, 39]))


@pytest.fixture(scope="module")
def base() -> list[BaseChromosome]:
    design = GenomeDesign(300, 58, "independent", qtl_on_chip=False)
    return base_genome(N_BASE, design, np.random.default_rng(1), threads=1, progress=lambda *_: None)


def grown(base: list[BaseChromosome], threads: int = 1) -> Lineage:
    lineage = Lineage(base, KEYS, most=50, threads=threads)
    for couples in PARENTS:
        lineage.born(couples)
    return lineage


def everyone() -> IntArray:
    return np.arange(N_BASE + 13)


def test_base_animals_have_the_sites_asked_for(base: list[BaseChromosome]) -> None:
    lineage = Lineage(base, KEYS, most=N_BASE)
    animals = np.arange(N_BASE)

    assert len(lineage) == N_BASE
    assert len(lineage.markers) == 300
    assert lineage.qtl_dosages(animals).shape == (N_BASE, 58) == (N_BASE, len(lineage.qtl))
    assert lineage.qtl.chromosomes[lineage.major_gene] == "14"
    frequencies = allele_frequencies(lineage.genotypes(animals, as_ids(animals)))
    assert np.all((frequencies > 0) & (frequencies < 1))


def test_a_lineage_is_a_gene_drop_as_it_goes(base: list[BaseChromosome]) -> None:
    lineage = grown(base)
    whole = Couples(*(np.concatenate(parents) for parents in zip(*PARENTS, strict=True)))

    for part, key, strands in zip(base, KEYS, lineage._strands, strict=True):
        dropped = gene_drop(part.strands, whole, part.genetic_map, key=key)
        np.testing.assert_array_equal(dropped.alleles(), strands.select(everyone()).alleles())


def test_fewer_sites_are_passed_on_in_the_same_pieces(base: list[BaseChromosome]) -> None:
    whole, few = grown(base), grown([part.only(part.is_qtl) for part in base])

    assert few.qtl.names.tolist() == whole.qtl.names.tolist()
    np.testing.assert_array_equal(whole.qtl_dosages(everyone()), few.qtl_dosages(everyone()))


def test_threads_change_nothing(base: list[BaseChromosome]) -> None:
    ids = as_ids(everyone())

    both = [dosages(grown(base, threads).genotypes(everyone(), ids)) for threads in (1, 2)]

    np.testing.assert_array_equal(*both)


def test_children_are_mendelian_at_markers(base: list[BaseChromosome]) -> None:
    lineage = grown(base)
    haplotypes = lineage.haplotypes(everyone(), as_ids(everyone())).alleles()

    for first, couples in zip((N_BASE, N_BASE + 10), PARENTS, strict=True):
        for place, parents in enumerate(couples):
            for child, parent in enumerate(parents.tolist()):
                gamete = haplotypes[2 * (first + child) + place]
                assert np.all((gamete == haplotypes[2 * parent]) | (gamete == haplotypes[2 * parent + 1]))
