from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genialearn._arrays import FloatArray
from genialearn.cohorts.simulate import HerdDesign, HerdSettings, SimulatedHerd, simulate_herd
from genialearn.errors import SettingError
from genialearn.genotypes import dosages

SETTINGS = {"animals": 600, "markers": 290, "n_traits": 1, "founders": "independent", "seed": 5}


@pytest.fixture(scope="module")
def selected() -> SimulatedHerd:
    return simulate_herd(HerdSettings(**SETTINGS, selection=0.9, phased=True))  # type: ignore[arg-type]


def by_year(herd: SimulatedHerd) -> list[FloatArray]:
    """Return true genetic values of milk yield of each birth year, the oldest first."""
    years = herd.pedigree.set_index("id")["birth_year"].loc[herd.genotypes.animals].to_numpy()
    values = herd.truth.genetic_values["milk_yield"].to_numpy()
    return [values[years == year] for year in sorted(set(years.tolist()))]


def test_selection_moves_the_mean(selected: SimulatedHerd) -> None:
    deviation = np.sqrt(selected.truth.parameters["genetic_variance"]["milk_yield"])
    first, *_, last = by_year(selected)
    plain_first, *_, plain_last = by_year(simulate_herd(HerdSettings(**SETTINGS)))  # type: ignore[arg-type]

    assert first.mean() > 9000 + 0.3 * deviation
    assert last.mean() > first.mean() + 1.0 * deviation
    assert abs(plain_last.mean() - plain_first.mean()) < 0.6 * deviation


def test_selection_takes_variance_from_the_youngest() -> None:
    """With many small effects, so that it isn't the frequency of a large one that decides."""
    many = {**SETTINGS, "animals": 1500, "markers": 1500, "n_qtl": 1500, "qtl_on_chip": True}
    variances = {
        selection: [
            values.var() / herd.truth.parameters["genetic_variance"]["milk_yield"]
            for seed in (1, 2, 3)
            for herd in [simulate_herd(HerdSettings(**{**many, "seed": seed, "selection": selection}))]  # type: ignore[arg-type]
            for values in by_year(herd)[5:]
        ]
        for selection in (0.0, 1.0)
    }

    assert np.mean(variances[1.0]) < 0.93
    assert np.mean(variances[0.0]) > 0.96


def test_a_selected_herd_has_what_any_herd_has(selected: SimulatedHerd) -> None:
    assert selected.genotypes.shape == (600, 290)
    assert len(selected.traits) == 600
    assert set(selected.genotypes.animals) <= set(selected.pedigree["id"])
    known = set(selected.pedigree["id"]) | {"0"}
    assert set(selected.pedigree["sire"]) | set(selected.pedigree["dam"]) <= known
    males = selected.pedigree[selected.pedigree["sex"] == "male"]["id"]
    assert set(males) <= set(selected.pedigree["sire"])


def test_daughters_of_recorded_dams_are_mendelian(selected: SimulatedHerd) -> None:
    row_of = {name: row for row, name in enumerate(selected.genotypes.animals)}
    parents = selected.pedigree.set_index("id").loc[selected.genotypes.animals, "dam"]
    pairs = np.array([(row, row_of[dam]) for row, dam in enumerate(parents) if dam in row_of])
    copies = dosages(selected.genotypes)

    assert len(pairs) > 100
    assert np.abs(copies[pairs[:, 0]] - copies[pairs[:, 1]]).max() == 1
    assert selected.haplotypes is not None
    np.testing.assert_array_equal(copies, dosages(selected.haplotypes.genotypes()))


def test_more_accuracy_is_more_gain() -> None:
    trends = []
    for selection in (0.3, 1.0):
        years = by_year(simulate_herd(HerdSettings(**SETTINGS, selection=selection)))  # type: ignore[arg-type]
        trends.append(years[-1].mean() - years[0].mean())

    assert trends[1] > trends[0] > 0


def test_threads_and_files_change_nothing(selected: SimulatedHerd, tmp_path: Path) -> None:
    settings = HerdSettings(**SETTINGS, selection=0.9)  # type: ignore[arg-type]

    again = simulate_herd(settings, threads=2, bed=tmp_path / "genotypes.bed")

    np.testing.assert_array_equal(dosages(selected.genotypes), dosages(again.genotypes))
    assert selected.traits.equals(again.traits)


def test_there_is_room_for_all_who_are_born() -> None:
    design = HerdDesign()

    assert design.n_founders(3000) == 1000 + 5 * 9
    assert design.most_animals(3000) == 1045 + 15 * 300 + 15 * 9 * 8


@pytest.mark.parametrize("selection", [-0.1, 1.5])
def test_accuracies_are_between_0_and_1(selection: float) -> None:
    with pytest.raises(SettingError, match=r"selection: expected a number from 0 to 1, found "):
        HerdSettings(selection=selection)
