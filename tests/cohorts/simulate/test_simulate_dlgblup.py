"""The published simulation of DLGBLUP: what is known of its data holds of ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genialearn.cohorts import CohortFiles, read_cohort
from genialearn.cohorts.simulate.architecture import FUNCTIONS
from genialearn.cohorts.simulate.base_population import BasePopulation, as_lineage, qtl_of
from genialearn.cohorts.simulate.dlgblup import (
    FUNCTION_OF,
    TRAITS,
    DLGBLUPSettings,
    Loci,
    clustered,
    dlgblup_population,
    trait_names,
)
from genialearn.cohorts.simulate.dlgblup_cohort import simulate_dlgblup
from genialearn.cohorts.simulate.scales import Scales
from genialearn.errors import SettingError

WITH_THE_FUNCTION = [0.484, 0.512, 0.503, 0.459, 0.471]
WITH_THE_REFERENCE = [0.484, 0.066, 0.069, 0.438, 0.367]
"""Correlations of the released data's traits."""


@pytest.fixture(scope="module")
def population() -> BasePopulation:
    settings = DLGBLUPSettings(2500, 1000, founders="independent")
    return dlgblup_population(settings, np.random.default_rng(0), threads=1, progress=lambda *_: None)


def test_moments_are_those_of_the_released_data(population: BasePopulation) -> None:
    """Theirs is one draw as ours is, whose own parts and clusters are others: hence the tolerance."""
    values = population.model.values(qtl_of(population.chromosomes)).genetic
    reference, others = values[:, 0], values[:, 1:].T
    functions = [FUNCTIONS[name](reference) for name in FUNCTION_OF.values()]

    along_curves = [np.corrcoef(f, other)[0, 1] for f, other in zip(functions, others, strict=True)]
    np.testing.assert_allclose(along_curves, WITH_THE_FUNCTION, atol=0.08)
    along_lines = [np.corrcoef(reference, other)[0, 1] for other in others]
    np.testing.assert_allclose(along_lines, WITH_THE_REFERENCE, atol=0.15)
    scales = Scales.of(TRAITS)
    np.testing.assert_allclose((values * scales.genetic).var(axis=0), 6.0)
    np.testing.assert_allclose(scales.genetic**2 + scales.residual**2, 20.0)


def test_a_parabola_of_a_normal_reference_is_hardly_seen_by_a_line() -> None:
    """The five functions are those of the scripts, in the unit of the reference."""
    x = np.random.default_rng(1).standard_normal(200_000)
    found = {name: np.corrcoef(x, FUNCTIONS[function](x))[0, 1] for name, function in FUNCTION_OF.items()}

    expected = {
        "linear": 1.0,
        "quadratic": np.sqrt(6 / 294),
        "sine": np.sqrt(6) * np.exp(-3) / np.sqrt((1 - np.exp(-12)) / 2),
        "exponential": 0.4 * np.sqrt(6) / np.sqrt(np.exp(0.96) - 1),
    }
    for name, correlation in expected.items():
        assert pytest.approx(correlation, abs=0.01) == found[name]


def test_clusters_are_where_they_were_published() -> None:
    places = clustered(10_000)

    assert 462 == len(places) == len(set(places.tolist()))
    assert [749, 751] == places[:2].tolist()
    assert 7901 == places[-1]
    loci = Loci.drawn(10_000, np.random.default_rng(1))
    assert (512, (5, 50)) == (len(loci.reference), loci.own.shape)
    assert not np.isin(loci.own, loci.reference).any()
    assert 0.1 * 462 == pytest.approx(len(clustered(1000)), abs=4)


def test_all_qtl_are_markers(population: BasePopulation) -> None:
    everyone = as_lineage(population.chromosomes)

    assert set(everyone.qtl.names) < set(everyone.markers.names)
    assert 1000 == len(everyone.markers)
    n_traits_of = (population.model._additive != 0).sum(axis=0)
    assert [50] * 5 == n_traits_of[1:].tolist()
    assert pytest.approx(96, abs=4) == n_traits_of[0]


def test_a_cohort_folder(tmp_path: Path) -> None:
    folder = tmp_path / "dlgblup"
    told = simulate_dlgblup(folder, animals=300, markers=300, seed=4, founders="independent", threads=1)
    again = simulate_dlgblup(tmp_path / "again", animals=300, markers=300, seed=4, founders="independent", threads=1)

    cohort, _ = read_cohort(CohortFiles.in_folder(folder))
    assert (300, 300) == cohort.genotypes.shape
    assert trait_names() == cohort.records.trait_names
    assert cohort.pedigree is None
    assert {"higher"} == {trait.direction for trait in cohort.traits}
    parameters = json.loads((folder / "truth" / "parameters.json").read_text())
    assert ("dlgblup", 300) == (parameters["preset"], parameters["animals"])
    assert told.heritabilities == again.heritabilities == parameters["h2_realised"]
    truth = pd.read_csv(folder / "truth" / "genetic_values.tsv", sep="\t").drop(columns="id")
    np.testing.assert_allclose(truth.var(ddof=0), 6.0, rtol=1e-4)
    assert told.n_qtl == len(pd.read_csv(folder / "truth" / "qtl.tsv", sep="\t"))
    for name in ("genotypes.bed", "traits.tsv"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"markers": 28}, "markers: expected a whole number of at least 29, found 28. There would be fewer markers"),
        ({"markers": 150}, "markers with --preset dlgblup: expected a whole number of at least 200, found 150"),
        ({"animals": 3}, "animals: expected a whole number of at least 20, found 3"),
        ({"founders": "coalescnt"}, "Did you mean coalescent"),
    ],
)
def test_unusable_settings(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        DLGBLUPSettings(**given)  # type: ignore[arg-type]
