"""Writing the simulation that DLGBLUP was published with as a cohort folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from genialearn import _files
from genialearn._arrays import FloatArray, StrArray, as_ids
from genialearn.cohorts.simulate.base_population import BasePopulation, as_lineage, qtl_of
from genialearn.cohorts.simulate.cohort import Clock, SimulationSummary
from genialearn.cohorts.simulate.dlgblup import LINKS, TRAITS, DLGBLUPSettings, dlgblup_population, trait_names
from genialearn.cohorts.simulate.genome import Sites
from genialearn.cohorts.simulate.scales import Scales
from genialearn.cohorts.simulate.settings import threads_or_all
from genialearn.cohorts.simulate.truth import Truth, by_animal, trait_parameters, truth_tables
from genialearn.cohorts.simulate.write import DIGITS, refuse_occupied, write_definitions, write_truth
from genialearn.genotypes import write_plink


def simulate_dlgblup(
    folder: Path | str,
    *,
    animals: int = 25_000,
    markers: int = 10_000,
    seed: int = 1,
    founders: str = "coalescent",
    force: bool = False,
    progress: Callable[[str, float], None] | None = None,
    threads: int | None = None,
) -> SimulationSummary:
    """Simulate the published design and write it as a cohort folder, which appears whole or not at all.

    There is no pedigree, and no fixed effect but a mean.

    Parameters
    ----------
    folder
        Where to write; new, empty, or replaced at the end if `force`.
    animals, markers, seed, founders
        As in `DLGBLUPSettings`.
    force, progress, threads
        As for `simulate_cohort`.

    Raises
    ------
    SettingError
        Where a setting is out of range or `folder` is occupied.
    MissingExtraError
        Where msprime is needed and isn't installed.
    """
    settings = DLGBLUPSettings(animals, markers, seed, founders)
    threads, folder = threads_or_all(threads), Path(folder)
    refuse_occupied(folder, force=force)
    clock = Clock(progress)
    genome_rng, records_rng = np.random.default_rng(seed).spawn(2)
    with _files.whole_folder(folder) as temporary:
        population = dlgblup_population(settings, genome_rng, threads=threads, progress=clock)
        clock("writing", 0.0)
        truth = _write(temporary, population, settings, records_rng)
    clock("writing", 1.0)
    return SimulationSummary(
        folder,
        animals,
        markers,
        n_traits=len(TRAITS),
        n_qtl=len(truth.qtl),
        n_pedigree=0,
        seconds=clock.seconds(),
        heritabilities=truth.heritabilities,
    )


def _write(folder: Path, population: BasePopulation, settings: DLGBLUPSettings, rng: np.random.Generator) -> Truth:
    everyone = as_lineage(population.chromosomes)
    ids = _ids(len(everyone))
    write_plink(folder / "genotypes", everyone.genotypes(np.arange(len(everyone)), ids))
    sites = Sites(everyone.qtl, qtl_of(population.chromosomes))
    values = population.model.values(sites.dosages)
    residuals = rng.standard_normal(values.genetic.shape)
    _files.write_table(
        folder / "traits.tsv", by_animal(ids, _records(values.genetic, residuals), trait_names()), digits=DIGITS
    )
    write_definitions(folder, TRAITS, lambda trait: "")
    told = trait_parameters(TRAITS, LINKS, population.model, values.genetic, residuals=residuals)
    truth = Truth(*truth_tables(TRAITS, ids, sites, population.model, values), {**told, **settings.as_parameters})
    write_truth(folder / "truth", truth)
    return truth


def _ids(n_animals: int) -> StrArray:
    width = len(str(n_animals))
    return as_ids([f"animal{number + 1:0{width}d}" for number in range(n_animals)])


def _records(genetic_values: FloatArray, residuals: FloatArray) -> FloatArray:
    scales = Scales.of(TRAITS)
    return scales.records(genetic_values * scales.genetic + residuals * scales.residual)
