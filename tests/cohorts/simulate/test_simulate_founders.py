from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

from genialearn.cohorts.simulate import HerdSettings, SimulatedHerd, simulate_herd
from genialearn.cohorts.simulate.chip import chip_sites, minor_allele_frequencies
from genialearn.cohorts.simulate.demography import (
    ANCIENT,
    ANCIENT_EPOCHS,
    MUTATION_RATE,
    RECENT_EPOCHS,
    effective_size,
    recent_sizes,
)
from genialearn.cohorts.simulate.founders import coalescent_sites, founder_haplotypes, independent_sites
from genialearn.cohorts.simulate.map import CHROMOSOME_LENGTHS, plan_sites, share_out
from genialearn.errors import MissingExtraError
from genialearn.genotypes import allele_frequencies, dosages


def test_sizes_go_down_towards_today() -> None:
    sizes = recent_sizes(ANCIENT)

    assert len(sizes) == ANCIENT - 2
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (2000, 120)
    assert effective_size(10**6) == 62_000
    assert max(start for start, _ in RECENT_EPOCHS) < ANCIENT == ANCIENT_EPOCHS[0][0]


def test_genome_and_ancient_history_are_those_of_stdpopsim() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stdpopsim = pytest.importorskip("stdpopsim")
        cattle = stdpopsim.get_species("BosTau")
        events = cattle.get_demographic_model("HolsteinFriesian_1M13").model.events

    published = tuple((event.time, event.initial_size) for event in events if event.time >= ANCIENT)
    chromosomes = [chromosome for chromosome in cattle.genome.chromosomes if chromosome.id.isdecimal()]
    assert published == ANCIENT_EPOCHS
    assert tuple(chromosome.length for chromosome in chromosomes) == CHROMOSOME_LENGTHS
    assert chromosomes[0].mutation_rate == MUTATION_RATE


def test_without_msprime_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msprime", None)

    with pytest.raises(MissingExtraError, match=r"genialearn simulate: .*msprime.*pip install 'genialearn\[sim\]'"):
        simulate_herd(HerdSettings(animals=20, markers=29, n_qtl=29))


@pytest.mark.parametrize("total", [29, 30, 500, 5000])
def test_chromosomes_share_markers_by_length(total: int) -> None:
    counts = share_out(total)

    assert counts.sum() == total
    assert counts.min() >= 1
    assert counts[0] == counts.max()


def test_every_marker_has_candidates_in_an_interval_of_its_own() -> None:
    plan = plan_sites(20, 40, 10, np.random.default_rng(1))
    candidates = plan.purposes >= 0

    intervals = np.floor(plan.positions[candidates] / (plan.length / 40))
    assert np.array_equal(intervals, plan.purposes[candidates])
    assert np.bincount(plan.purposes[candidates]).tolist() == [4] * 40
    assert np.all(np.diff(plan.positions) >= 0)


def test_founders_use_every_ancestral_haplotype_equally_often() -> None:
    sites = independent_sites(plan_sites(29, 10, 5, np.random.default_rng(1)), np.random.default_rng(2))

    haplotypes = founder_haplotypes(sites, 1000, np.random.default_rng(3))

    assert haplotypes.shape == (2000, len(sites.positions))
    assert np.allclose(haplotypes.mean(axis=0), sites.haplotypes.mean(axis=0))


def test_coalescent_sites_are_near_the_wanted_positions_and_frequencies() -> None:
    plan = plan_sites(29, 60, 40, np.random.default_rng(1))

    (sites,) = coalescent_sites([plan], np.random.default_rng(2), n_segments=3, threads=1)

    assert len(sites.positions) == len(plan.positions)
    assert np.all(np.diff(sites.positions) > 0)
    assert sites.positions[-1] < plan.length
    assert np.median(np.abs(np.sort(plan.positions) - sites.positions)) < 20_000
    assert np.median(np.abs(sites.haplotypes.mean(axis=0) - plan.frequencies)) < 0.05


def test_tiles_that_share_a_segment_are_in_linkage_equilibrium() -> None:
    plan = plan_sites(29, 60, 40, np.random.default_rng(1))

    (sites,) = coalescent_sites([plan], np.random.default_rng(2), n_segments=1, threads=1)

    r2 = np.corrcoef(sites.haplotypes, rowvar=False) ** 2
    apart = sites.tiles[:, None] != sites.tiles
    assert r2[apart].mean() == pytest.approx(1 / len(sites.haplotypes), rel=0.3)


def test_the_chip_takes_one_site_an_interval_and_leaves_constant_ones_out() -> None:
    purposes = np.array([-1, 0, 0, 0, 1, 1, 1, 2, 2, 2])
    frequencies = np.array([0.3, 0.1, 0.2, 0.4, 0.0, 0.0, 0.0, 0.2, 0.3, 0.5])

    chosen = chip_sites(purposes, frequencies, np.random.default_rng(1))

    assert len(chosen) == 3
    assert len(np.unique(chosen)) == 3
    assert np.all(frequencies[chosen] > 0)
    assert 0 not in chosen


def test_markers_are_in_map_order_with_known_alleles(breed: SimulatedHerd) -> None:
    markers = breed.genotypes.markers

    assert np.array_equal(markers.canonical_order(), np.arange(len(markers)))
    assert len(set(markers.names)) == len(markers)
    assert np.allclose(markers.centimorgans, markers.positions / 1e6)
    pairs = {a + b for a, b in zip(markers.counted_alleles, markers.other_alleles, strict=True)}
    assert pairs == {"AC", "AG", "TC", "TG", "CA", "GA", "CT", "GT"}


def test_minor_allele_frequencies_are_nearly_uniform(breed: SimulatedHerd) -> None:
    frequencies = minor_allele_frequencies(allele_frequencies(breed.genotypes))
    levels = np.arange(0.1, 1, 0.1)

    assert np.abs(np.quantile(frequencies, levels) - levels / 2).max() < 0.05
    assert frequencies.min() > 0


def test_linkage_disequilibrium_falls_with_distance_as_in_holsteins(breed: SimulatedHerd) -> None:
    """Means of r2 within a third of those of French Holsteins (Xie et al. 2025): .10, .05 and .03."""
    near, middle, far = (_mean_r2(breed, low, high) for low, high in ((0.5, 1), (2, 5), (5, 10)))

    assert 0.07 < near < 0.14
    assert 0.035 < middle < 0.07
    assert 0.018 < far < 0.042
    assert _mean_r2(breed, 50, 100) < 0.015


def _mean_r2(herd: SimulatedHerd, low: float, high: float) -> float:
    total, count = 0.0, 0
    frequencies = minor_allele_frequencies(allele_frequencies(herd.genotypes))
    for chromosome in range(1, 30):
        columns = np.flatnonzero((herd.genotypes.markers.chromosomes == str(chromosome)) & (frequencies > 0.05))
        megabases = herd.genotypes.markers.positions[columns] / 1e6
        distances = np.abs(megabases[:, None] - megabases)
        chosen = (distances >= low) & (distances < high)
        r2 = np.corrcoef(dosages(herd.genotypes)[:, columns].astype(float), rowvar=False) ** 2
        total, count = total + r2[chosen].sum(), count + chosen.sum()
    return float(total / count)


def test_qtl_lie_off_the_chip_unless_asked_for(breed: SimulatedHerd) -> None:
    on_chip = simulate_herd(
        HerdSettings(animals=40, markers=200, n_traits=2, n_qtl=60, founders="independent", qtl_on_chip=True)
    )

    assert not set(breed.truth.qtl["marker"]) & set(breed.genotypes.markers.names)
    assert len(breed.truth.qtl) == 100
    assert set(on_chip.truth.qtl["marker"]) <= set(on_chip.genotypes.markers.names)
    assert len(on_chip.truth.qtl) == 60
