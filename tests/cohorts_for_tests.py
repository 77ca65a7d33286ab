"""Small cohorts with families, linkage, holes and repeated records, and the changes that must not matter to a model."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray, IntArray, as_ids
from genialearn.cohorts import Cohort
from genialearn.genotypes import DenseGenotypes, MarkerMap, dosages
from genialearn.records import Pedigree, RecordTable

N_CHROMOSOMES = 5
TRAIT_NAMES = ("milk", "fat", "stature", "fertility", "mastitis")
HERITABILITIES = (0.5, 0.4, 0.6, 0.3, 0.5)
_ALLELES = (("A", "G"), ("C", "T"), ("G", "T"), ("C", "A"))
_COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}


@cache
def family_cohort(
    n_animals: int = 150,
    n_markers: int = 300,
    *,
    seed: int = 1,
    fixed: str = "herd + age",
    holes: float = 0.2,
    n_sires: int = 6,
) -> Cohort:
    """Return half-sib families with 2 % of the genotypes missing, and five traits, the last of them binary.

    Traits 2 to 5 have holes; every herd has its own level, and traits rise with age.
    """
    rng = np.random.default_rng(seed)
    pedigree, genotypes = _families(n_animals, n_markers, n_sires, rng)
    genetic = _genetic_values(genotypes, rng)
    effects = pd.DataFrame(
        {"herd": [f"h{herd}" for herd in rng.integers(0, 5, n_animals)], "age": rng.integers(20, 40, n_animals)}
    )
    records = _records(genetic, effects, rng)
    records[:, 1:][rng.random((n_animals, records.shape[1] - 1)) < holes] = np.nan
    return Cohort.from_arrays(
        np.where(rng.random(genotypes.shape) < 0.02, -1, genotypes),
        records,
        animals=[f"cow{row:03d}" for row in range(n_animals)],
        trait_names=TRAIT_NAMES,
        markers=_marker_map(n_markers, rng),
        covariates=effects,
        fixed=fixed,
        pedigree=pedigree,
    )


def _families(n_animals: int, n_markers: int, n_sires: int, rng: np.random.Generator) -> tuple[Pedigree, IntArray]:
    """Return progeny of a few sires and many dams, and their dosages (animals, markers)."""
    n_dams = n_animals // 3
    parents = _founder_haplotypes(2 * (n_sires + n_dams), n_markers, rng).reshape(-1, 2, n_markers)
    sires, dams = rng.integers(0, n_sires, n_animals), rng.integers(0, n_dams, n_animals)
    genotypes = _gametes(parents[sires], rng) + _gametes(parents[n_sires + dams], rng)
    names = [*(f"cow{row:03d}" for row in range(n_animals)), *(f"bull{row}" for row in range(n_sires))]
    founders = np.full(n_sires, -1)
    pedigree = Pedigree(
        as_ids(names),
        np.concatenate([n_animals + sires, founders]),
        np.full(len(names), -1),
        np.concatenate([2015.0 + np.sort(rng.integers(0, 8, n_animals)), np.full(n_sires, 2010.0)]),
        as_ids(["female"] * n_animals + ["male"] * n_sires),
    )
    return pedigree, genotypes


def _founder_haplotypes(n_haplotypes: int, n_markers: int, rng: np.random.Generator) -> IntArray:
    """Return haplotypes whose neighbouring alleles are linked, of frequencies from 0.1 to 0.9."""
    latent = rng.standard_normal((n_haplotypes, n_markers))
    for marker in range(1, n_markers):
        if marker % (n_markers // N_CHROMOSOMES):
            latent[:, marker] = 0.9 * latent[:, marker - 1] + np.sqrt(1 - 0.9**2) * latent[:, marker]
    frequencies = rng.uniform(0.1, 0.9, n_markers)
    return (np.argsort(np.argsort(latent, axis=0), axis=0) < frequencies * n_haplotypes).astype(np.int64)


def _gametes(parents: IntArray, rng: np.random.Generator) -> IntArray:
    """Return one gamete of each parent (parents, 2, markers), one crossover a chromosome on average."""
    n_markers = parents.shape[2]
    length = n_markers // N_CHROMOSOMES
    rates = np.where(np.arange(n_markers) % length == 0, 0.5, 1 / length)
    strand = np.cumsum(rng.random((len(parents), n_markers)) < rates, axis=1) % 2
    return np.where(strand == 0, parents[:, 0], parents[:, 1])


def _genetic_values(genotypes: IntArray, rng: np.random.Generator) -> FloatArray:
    """Return standardised genetic values (animals, traits) of 60 QTL; the first two traits share theirs."""
    qtl = genotypes[:, rng.choice(genotypes.shape[1], 60, replace=False)]
    effects = rng.standard_normal((60, len(TRAIT_NAMES)))
    effects[:, 1] = 0.8 * effects[:, 0] + 0.6 * effects[:, 1]
    values = qtl @ effects
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))


def _records(genetic: FloatArray, effects: pd.DataFrame, rng: np.random.Generator) -> FloatArray:
    h2 = np.array(HERITABILITIES)
    residuals = rng.standard_normal(genetic.shape)
    liability = np.sqrt(h2) * genetic + np.sqrt(1 - h2) * residuals
    herd = effects["herd"].str[1:].astype(int).to_numpy()
    shifted = liability + 0.3 * herd[:, None] + 0.05 * effects["age"].to_numpy()[:, None]
    means, units = np.array([9000.0, 4.0, 145.0, 100.0, 0.0]), np.array([900.0, 0.3, 4.0, 25.0, 1.0])
    records: FloatArray = means + units * shifted
    records[:, 4] = liability[:, 4] > 0.4
    return records


def _marker_map(n_markers: int, rng: np.random.Generator) -> MarkerMap:
    """Return a map with markers in order, their alleles never A/T or C/G."""
    pairs = [_ALLELES[i] for i in rng.integers(0, len(_ALLELES), n_markers)]
    length = n_markers // N_CHROMOSOMES
    return MarkerMap(
        as_ids([f"snp{column:04d}" for column in range(n_markers)]),
        as_ids([1 + column // length for column in range(n_markers)]),
        np.zeros(n_markers),
        1000 * (1 + np.arange(n_markers) % length),
        as_ids([counted for counted, _ in pairs]),
        as_ids([other for _, other in pairs]),
    )


def with_genotypes(cohort: Cohort, values: object, markers: MarkerMap) -> Cohort:
    """Return the cohort with other dosages (animals, markers)."""
    matrix = np.asfortranarray(np.asarray(values), dtype=np.int8)
    return replace(cohort, genotypes=DenseGenotypes(cohort.animals, markers, matrix))


def with_alleles_swapped(cohort: Cohort, swap: BoolArray) -> Cohort:
    """Return the cohort as a file would give it that counts the other allele at some markers."""
    return replace(cohort, genotypes=cohort.genotypes.recoded(swap))


def on_the_other_strand(cohort: Cohort, flip: BoolArray) -> Cohort:
    """Return the cohort as a file would give it that names the complementary bases at some markers."""
    markers = cohort.genotypes.markers
    renamed = replace(
        markers,
        counted_alleles=_complemented(markers.counted_alleles, flip),
        other_alleles=_complemented(markers.other_alleles, flip),
    )
    return with_genotypes(cohort, dosages(cohort.genotypes), renamed)


def _complemented(alleles: object, flip: BoolArray) -> np.ndarray:
    return as_ids([_COMPLEMENT[a] if flipped else a for a, flipped in zip(np.asarray(alleles), flip, strict=True)])


def with_markers_reordered(cohort: Cohort, order: IntArray) -> Cohort:
    """Return the cohort with the columns of its genotypes in another order."""
    return replace(cohort, genotypes=cohort.genotypes.select(markers=order))


def with_pedigree_reordered(cohort: Cohort, order: IntArray) -> Cohort:
    """Return the cohort with the rows of its pedigree in another order."""
    pedigree = cohort.pedigree
    assert pedigree is not None
    row_of = np.append(np.argsort(order), -1)
    other = Pedigree(
        pedigree.ids[order],
        row_of[pedigree.sires[order]],
        row_of[pedigree.dams[order]],
        pedigree.birth_years[order],
        pedigree.sexes[order],
    )
    return replace(cohort, pedigree=other)


def with_values(cohort: Cohort, values: FloatArray) -> Cohort:
    """Return the cohort with other records (records, traits)."""
    return replace(cohort, records=replace(cohort.records, values=values))


def with_records_repeated(cohort: Cohort, times: IntArray) -> Cohort:
    """Return the cohort with each record standing as often as `times` says, shape (records,)."""
    return replace(cohort, records=cohort.records.select(np.repeat(np.arange(len(times)), times)))


def without_fixed_effects(cohort: Cohort) -> Cohort:
    """Return the cohort with an intercept as the only fixed effect of all traits."""
    return replace(cohort, records=cohort.records.with_fixed(""))


def with_trait_columns(cohort: Cohort, columns: list[int]) -> Cohort:
    """Return the cohort with some of its traits."""
    records = cohort.records
    chosen = RecordTable(
        tuple(records.traits[column] for column in columns),
        records.animals,
        records.values[:, columns],
        records.weights[:, columns],
        records.effects,
    )
    return replace(cohort, records=chosen)
