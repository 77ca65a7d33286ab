"""What the haplotypes of sires are, and how others are recombined from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genialearn._arrays import FloatArray, Int8Array, IntArray, as_ids
from genialearn.cohorts import Cohort
from genialearn.generators.chromosomes import chromosomes_of
from genialearn.generators.haplotype_distances import bits_of, hamming
from genialearn.generators.sires import _BEYOND, LONGEST, NOTHING, POPULATION, Sires, _recombine, _Sources, paternal
from genialearn.generators.streams import following, stream, uniform
from genialearn.genotypes import HaplotypeMatrix, MarkerMap
from genialearn.records import Pedigree
from phased_cohorts import map_of, phased

NOBODY = phased(np.empty((0, 1)))


def gametes(pair: Int8Array, n_gametes: int, rng: np.random.Generator, crossovers: float = 0.01) -> Int8Array:
    """Return gametes of two haplotypes (2, markers), shape (gametes, markers)."""
    n_markers = pair.shape[1]
    changes = rng.random((n_gametes, n_markers)) < crossovers
    changes[:, 0] = rng.random(n_gametes) < 0.5
    which = np.cumsum(changes, axis=1) % 2
    return np.where(which == 0, pair[0], pair[1]).astype(np.int8)


def family(n_offspring: int, *, n_markers: int = 200, error: float = 0.0, seed: int = 1) -> tuple[Cohort, Int8Array]:
    """Return offspring of one sire, his haplotypes on either side, and what he has (2, markers)."""
    rng = np.random.default_rng(seed)
    sire = rng.integers(0, 2, (2, n_markers)).astype(np.int8)
    alleles = np.stack([gametes(sire, n_offspring, rng), rng.integers(0, 2, (n_offspring, n_markers))], axis=1)
    alleles = np.where(rng.random(alleles.shape) < error, 1 - alleles, alleles)
    swapped = rng.random(n_offspring) < 0.5
    alleles[swapped] = alleles[swapped][:, ::-1]
    haplotypes = phased(alleles.reshape(2 * n_offspring, -1), map_of([n_markers]))
    pedigree = pedigree_of(dict.fromkeys(haplotypes.animals, ("bull", "0")))
    return Cohort.of_genotypes(haplotypes, pedigree=pedigree), sire


def pedigree_of(parents: dict[str, tuple[str, str]]) -> Pedigree:
    names = [*parents, *sorted({name for pair in parents.values() for name in pair} - {"0", *parents})]
    row_of = {name: row for row, name in enumerate(names)} | {"0": -1}
    sires, dams = (np.array([row_of[parents.get(name, ("0", "0"))[side]] for name in names]) for side in (0, 1))
    return Pedigree(as_ids(names), sires, dams, np.full(len(names), np.nan), as_ids([""] * len(names)))


def recombined(sires: Sires, markers: MarkerMap) -> Int8Array:
    """Return the haplotypes of all lines, those of the population being of ones, shape (haplotypes, markers)."""
    rng = np.random.default_rng(1)
    lines = sires.lines_of(np.arange(len(sires.lines)), alone=np.zeros(len(sires.lines), dtype=bool))
    out = np.empty((len(markers), len(lines.sires)), dtype=np.int8)
    for chromosome in chromosomes_of(markers):
        population = np.ones((len(chromosome), len(lines.animals)), dtype=np.int8)
        sires.recombine(chromosome, lines, population, rng, out[chromosome.columns])
    return out.T


def sires_of(cohort: Cohort, smallest: int) -> Sires:
    assert cohort.haplotypes is not None
    return Sires.of(cohort, cohort.haplotypes, chromosomes_of(cohort.haplotypes.markers), smallest)


class TestDistances:
    def test_they_are_those_of_alleles(self) -> None:
        alleles = np.random.default_rng(1).integers(0, 2, (10, 37)).astype(np.int8)
        rows = np.array([3, 0, 7])

        plain = (alleles[rows][:, None] != alleles[None]).sum(axis=2)
        np.testing.assert_array_equal(plain, hamming(bits_of(phased(alleles)), rows))


class TestHaplotypesOfSires:
    def test_which_haplotype_is_the_sires_is_found(self) -> None:
        rng = np.random.default_rng(2)
        sire = rng.integers(0, 2, (2, 100)).astype(np.int8)
        alleles = np.stack([gametes(sire, 30, rng), rng.integers(0, 2, (30, 100))], axis=1)
        side = rng.integers(0, 2, 30)
        alleles[side == 1] = alleles[side == 1][:, ::-1]

        found = paternal(bits_of(phased(alleles.reshape(60, -1))), np.arange(30))
        np.testing.assert_array_equal(side, found)

    @pytest.mark.parametrize(("n_offspring", "error", "least"), [(40, 0.0, 1.0), (40, 0.02, 0.995), (8, 0.0, 0.97)])
    def test_they_are_the_true_ones(self, n_offspring: int, error: float, least: float) -> None:
        cohort, sire = family(n_offspring, error=error)
        found = sires_of(cohort, 5).haplotypes.T
        either = np.array([[np.mean(found[i] == sire[j]) for j in range(2)] for i in range(2)])

        assert max(either.trace(), either[0, 1] + either[1, 0]) / 2 >= least

    def test_his_gamete_is_the_first_of_each_offspring_on_every_chromosome(self) -> None:
        rng = np.random.default_rng(3)
        cohort, sire = family(30, n_markers=120)
        assert cohort.haplotypes is not None
        ordered = sires_of(cohort, 5).panel.alleles()
        swapped = ordered.copy()  # on the second chromosome the phase has no relation to that of the first
        rows = (2 * np.arange(30)[:, None] + np.array([[0, 1], [1, 0]])[rng.integers(0, 2, 30)]).ravel()
        swapped[:, 60:] = swapped[rows, 60:]
        mixed = replace(cohort, haplotypes=phased(swapped, map_of([60, 60])))

        found = sires_of(mixed, 5)
        assert np.array_equal(ordered, found.panel.alleles())
        assert found.population.tolist() == list(range(1, 60, 2))
        known = [{tuple(row) for row in either.reshape(2, 60)} for either in (sire[:, :60], sire[:, 60:])]
        assert [{tuple(row) for row in part.T} for part in np.split(found.haplotypes, 2)] == known

    def test_a_sire_of_fewer_offspring_than_asked_for_is_unknown(self) -> None:
        cohort, _ = family(6)

        assert sires_of(cohort, 6).known
        assert not sires_of(cohort, 7).known
        assert not sires_of(cohort, 0).known
        assert not sires_of(replace(cohort, pedigree=None), 2).known


class TestLines:
    def test_they_follow_the_mothers_to_known_sires(self) -> None:
        cows = [f"cow{number}" for number in range(6)]
        parents = dict.fromkeys(cows[:2], ("bull", "0")) | dict.fromkeys(cows[2:4], ("ox", "0"))
        parents["cow4"] = ("calf", "dam")  # a sire without other offspring, and the daughter of an unknown one
        parents["cow5"] = ("0", "cow0")
        parents |= {
            "calf": ("bull", "mother"),
            "mother": ("ox", "0"),
            "dam": ("0", "granddam"),
            "granddam": ("ox", "0"),
        }
        haplotypes = HaplotypeMatrix.of(as_ids(cows), map_of([8]), np.zeros((12, 8), dtype=np.int8))
        cohort = Cohort.of_genotypes(haplotypes, pedigree=pedigree_of(parents))
        bull, ox = 0, 1

        lines = sires_of(cohort, 2).lines
        told = [[[step for step in side if step != NOTHING] for side in animal] for animal in lines.tolist()]
        assert told[0] == [[bull], [POPULATION]]
        assert told[2] == [[ox], [POPULATION]]
        assert told[4] == [[bull, ox, POPULATION], [POPULATION, ox, POPULATION]]
        assert told[5] == [[POPULATION], [bull, POPULATION]]
        assert sires_of(cohort, 2).population.tolist() == [1, 3, 5, 7, 8, 9, 10, 11]

    def test_no_line_is_longer_than_allowed(self) -> None:
        parents = {f"cow{number}": (f"bull{number % 2}", f"cow{number + 1}") for number in range(12)}
        haplotypes = HaplotypeMatrix.of(as_ids(list(parents)), map_of([8]), np.zeros((24, 8), dtype=np.int8))
        lines = sires_of(Cohort.of_genotypes(haplotypes, pedigree=pedigree_of(parents)), 2).lines

        assert lines[0, 1, -1] == POPULATION
        assert (lines[0, 1, :-1] >= 0).all()


class TestRecombination:
    def test_it_is_that_of_its_plain_twin(self) -> None:
        rng = np.random.default_rng(4)
        n_markers, n_haplotypes = 30, 200
        sources = _Sources(*(rng.integers(0, 2, (n_markers, n)).astype(np.int8) for n in (6, 40)))
        steps = rng.integers(-40, 3, (n_haplotypes, LONGEST))
        steps[np.arange(LONGEST) >= rng.integers(1, LONGEST + 1, n_haplotypes)[:, None]] = _BEYOND
        gaps = np.append(np.inf, rng.uniform(0, 40, n_markers - 1))
        out = np.empty((n_markers, n_haplotypes), dtype=np.int8)
        _recombine(sources, steps, gaps, np.uint64(5), out)

        np.testing.assert_array_equal(slow_recombination(sources, steps, gaps, np.uint64(5)), out)

    def test_a_line_gives_one_half_one_quarter_and_the_rest(self) -> None:
        markers = map_of([100] * 20, spacing=1_000_000)
        haplotypes = np.zeros((2000, 4), dtype=np.int8)
        haplotypes[:, 0] = 1
        lines = np.full((400, 2, LONGEST), NOTHING)
        lines[:, 0, 0] = POPULATION
        lines[:, 1, :3] = [0, 1, POPULATION]
        drawn = recombined(Sires(haplotypes, lines, NOBODY), markers)

        assert (drawn[0::2] == 1).all()
        shares = drawn[1::2].mean(axis=1)  # a quarter of the first sire's one haplotype, a quarter of the population's
        assert pytest.approx(0.5, abs=0.01) == shares.mean()
        assert 0.05 < shares.std() < 0.12

    def test_sires_have_one_crossover_a_morgan(self) -> None:
        haplotypes = np.repeat([[0, 1]], 1000, axis=0).astype(np.int8)
        lines = np.full((500, 2, LONGEST), NOTHING)
        lines[:, :, 0] = 0
        drawn = recombined(Sires(haplotypes, lines, NOBODY), map_of([1000], spacing=100_000))
        crossovers = (drawn[:, 1:] != drawn[:, :-1]).sum(axis=1)

        assert pytest.approx(0.999, abs=4 / np.sqrt(1000)) == crossovers.mean()
        assert pytest.approx(0.5, abs=0.08) == drawn[:, 0].mean()

    def test_who_is_alone_has_no_sire(self) -> None:
        lines = np.full((3, 2, LONGEST), NOTHING)
        lines[:, :, 0] = 0
        sires = Sires(np.zeros((0, 2), dtype=np.int8), lines, NOBODY)
        line = sires.lines_of(np.arange(3), alone=np.array([False, True, False]))

        assert line.sires[:, 0].tolist() == [0, 0, POPULATION, POPULATION, 0, 0]
        assert line.animals.tolist() == [1, 1]
        assert line.sides.tolist() == [0, 1]


def slow_recombination(sources: _Sources, steps: IntArray, gaps: FloatArray, key: np.uint64) -> Int8Array:
    """The plain twin: one meiosis after the other, from the end of each line to its beginning."""
    out = np.empty((len(gaps), len(steps)), dtype=np.int8)
    for haplotype, padded in enumerate(steps):
        line = [step for step in padded if step != _BEYOND]
        state, switches = np.uint64(stream(key, haplotype)), np.empty((len(gaps), len(line), 2), dtype=bool)
        for marker, gap in enumerate(gaps):
            for step in reversed(range(len(line))):
                for which in range(2):
                    state = np.uint64(following(state))
                    switches[marker, step, which] = uniform(state) < 0.5 * (1 - np.exp(-0.02 * gap))
        odd = switches.cumsum(axis=0) % 2 == 1
        passed_on = None
        for step in reversed(range(len(line))):
            source = line[step]
            if source >= 0:
                pair = sources.sires[:, 2 * source : 2 * source + 2]
                own = np.where(odd[:, step, 0], pair[:, 1], pair[:, 0])
            else:
                own = sources.population[:, -1 - source]
            passed_on = own if passed_on is None else np.where(odd[:, step, 1], passed_on, own)
        out[:, haplotype] = passed_on
    return out
