from __future__ import annotations

import json
import tomllib
from pathlib import Path

import bed_reader
import numpy as np
import pandas as pd
import pytest

from genialearn import _files
from genialearn._files import whole_folder
from genialearn.cohorts.simulate import CATALOGUE, HerdSettings, SimulationSummary, simulate_cohort, simulate_herd
from genialearn.cohorts.simulate.write import bed_file, refuse_occupied, write_herd
from genialearn.errors import InputError, SettingError
from genialearn.genotypes import dosages, read_plink

SMALL = {"animals": 60, "markers": 100, "n_traits": 5, "seed": 4}
TINY = HerdSettings(animals=30, markers=40, n_traits=2, n_qtl=40, founders="independent")

FILES = {
    "covariates.tsv",
    "genotypes.bed",
    "genotypes.bim",
    "genotypes.fam",
    "pedigree.tsv",
    "traits.toml",
    "traits.tsv",
    "truth/breeding_values.tsv",
    "truth/genetic_values.tsv",
    "truth/parameters.json",
    "truth/qtl.tsv",
}


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    return simulate_cohort(tmp_path_factory.mktemp("simulated") / "herd", threads=1, **SMALL)  # type: ignore[arg-type]


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): _files.digest(path) for path in folder.rglob("*") if path.is_file()}


def test_a_cohort_folder_has_all_its_files_and_nothing_else(summary: SimulationSummary) -> None:
    assert set(digests(summary.folder)) == FILES
    assert [path.name for path in summary.folder.parent.iterdir()] == ["herd"]


def test_the_summary_counts_what_was_written(summary: SimulationSummary) -> None:
    pedigree = pd.read_csv(summary.folder / "pedigree.tsv", sep="\t")

    assert (summary.n_animals, summary.n_markers, summary.n_traits) == (60, 100, 5)
    assert summary.n_pedigree == len(pedigree)
    assert summary.n_qtl == 800
    assert list(summary.seconds) == ["pedigree", "founders", "gene drop", "traits", "writing"]
    assert min(summary.seconds.values()) >= 0
    assert len(summary.heritabilities) == 5


def test_same_seed_same_bytes_whatever_the_number_of_threads(summary: SimulationSummary, tmp_path: Path) -> None:
    again = simulate_cohort(tmp_path / "again", threads=2, **SMALL)  # type: ignore[arg-type]

    assert digests(again.folder) == digests(summary.folder)


def test_another_seed_gives_another_herd() -> None:
    first, second = (simulate_herd(HerdSettings(**{**vars(TINY), "seed": seed})) for seed in (1, 2))

    assert not np.array_equal(dosages(first.genotypes), dosages(second.genotypes))
    assert not first.pedigree.equals(second.pedigree)


def test_genotypes_are_read_alike_by_us_and_by_bed_reader(summary: SimulationSummary) -> None:
    ours = read_plink(summary.folder / "genotypes")
    with bed_reader.open_bed(summary.folder / "genotypes.bed") as bed:
        theirs = bed.read(dtype="int8")
        assert bed.iid.tolist() == ours.animals.tolist()
        assert set(bed.sex) == {2}
        sires = bed.father.tolist()

    assert np.array_equal(dosages(ours), theirs)
    pedigree = pd.read_csv(summary.folder / "pedigree.tsv", sep="\t", dtype=str).set_index("id")
    assert sires == pedigree.loc[ours.animals, "sire"].tolist()


def test_tables_are_in_the_order_of_the_genotypes(summary: SimulationSummary) -> None:
    animals = read_plink(summary.folder / "genotypes").animals.tolist()

    for name in ("traits.tsv", "covariates.tsv", "truth/breeding_values.tsv", "truth/genetic_values.tsv"):
        assert pd.read_csv(summary.folder / name, sep="\t")["id"].tolist() == animals


def test_the_definitions_of_traits_are_those_of_the_columns(summary: SimulationSummary) -> None:
    definitions = tomllib.loads((summary.folder / "traits.toml").read_text())
    columns = pd.read_csv(summary.folder / "traits.tsv", sep="\t").columns.tolist()

    assert ["id", *definitions] == columns
    assert definitions["milk_yield"] == {
        "unit": "kg",
        "kind": "quantitative",
        "direction": "higher",
        "fixed": "C(herd_year)",
        "group": "production",
    }


def test_parameters_say_how_it_was_made(summary: SimulationSummary) -> None:
    parameters = json.loads((summary.folder / "truth" / "parameters.json").read_text())

    assert parameters["seed"] == 4
    assert parameters["architecture"] == "realistic"
    assert parameters["links"] == [
        {"target": "udder_depth", "driver": "milk_yield", "share": 0.15, "function": "optimum"}
    ]
    assert parameters["major_gene"] in pd.read_csv(summary.folder / "truth" / "qtl.tsv", sep="\t")["marker"].tolist()
    assert np.shape(parameters["genetic_correlations_asked"]) == (5, 5)


def test_true_values_in_the_files_are_sums_of_the_effects_in_the_files(tmp_path: Path) -> None:
    settings = HerdSettings(animals=50, markers=80, n_traits=3, n_qtl=40, founders="independent", qtl_on_chip=True)
    write_herd(tmp_path, simulate_herd(settings, bed=bed_file(tmp_path)))
    genotypes = read_plink(tmp_path / "genotypes")
    qtl = pd.read_csv(tmp_path / "truth" / "qtl.tsv", sep="\t")
    values = pd.read_csv(tmp_path / "truth" / "breeding_values.tsv", sep="\t")

    columns = np.flatnonzero(np.isin(genotypes.markers.names, qtl["marker"]))
    copies = dosages(genotypes)[:, columns]
    assert genotypes.markers.counted_alleles[columns].tolist() == qtl["counted_allele"].tolist()
    assert np.allclose(copies.mean(axis=0) / 2, qtl["frequency"])
    for trait in values.columns[1:]:
        deviations = (copies - copies.mean(axis=0)) @ qtl[trait].to_numpy()
        assert np.allclose(
            deviations, values[trait] - values[trait].mean(), rtol=1e-4, atol=1e-6 * abs(values[trait].mean())
        )


def test_an_occupied_folder_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(SettingError, match=r"expected a folder that is new or empty, found 1 entries\. Name another"):
        simulate_cohort(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_of_another_origin_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(SettingError, match=r"found 1 entries\. Name another folder\.$"):
        simulate_cohort(tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_simulated_folder_is_replaced_with_force_only(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "parameters.json").write_text("{}")

    with pytest.raises(SettingError, match=r"Name another folder, or replace it with --force\.$"):
        refuse_occupied(tmp_path, force=False)
    refuse_occupied(tmp_path, force=True)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "herd").write_text("mine")

    with pytest.raises(SettingError, match="expected a folder, found a file"):
        simulate_cohort(tmp_path / "herd", force=True)


def test_force_replaces_a_folder_whole(tmp_path: Path) -> None:
    folder = tmp_path / "herd"
    folder.mkdir()
    (folder / "old.txt").write_text("old")

    with whole_folder(folder) as temporary:
        assert (folder / "old.txt").exists()
        (temporary / "new.txt").write_text("new")

    assert [path.name for path in folder.iterdir()] == ["new.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["herd"]


def _fail_half_way(folder: Path) -> None:
    with whole_folder(folder) as temporary:
        (temporary / "new.txt").write_text("new")
        raise RuntimeError("half way")


def test_a_failure_leaves_what_stood_there(tmp_path: Path) -> None:
    folder = tmp_path / "herd"
    folder.mkdir()
    (folder / "old.txt").write_text("old")

    with pytest.raises(RuntimeError, match="half way"):
        _fail_half_way(folder)

    assert [path.name for path in folder.iterdir()] == ["old.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["herd"]


def test_an_error_of_the_operating_system_is_readable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match="not a directory"), whole_folder(tmp_path / "file" / "herd"):
        pytest.fail("a folder inside a file")


def test_progress_is_told_stage_by_stage() -> None:
    told: list[tuple[str, float]] = []

    simulate_herd(TINY, progress=lambda stage, fraction: told.append((stage, fraction)))

    assert list(dict.fromkeys(stage for stage, _ in told)) == ["pedigree", "founders", "gene drop", "traits"]
    assert all(0 <= fraction <= 1 for _, fraction in told)


@pytest.mark.parametrize("n_traits", [1, 33])
def test_the_smallest_herds_work(n_traits: int) -> None:
    herd = simulate_herd(
        HerdSettings(
            animals=20, markers=29, n_traits=n_traits, n_qtl=29, founders="independent", architecture="nonlinear"
        )
    )

    assert herd.genotypes.shape == (20, 29)
    assert herd.traits.shape == (20, n_traits + 1)
    assert np.isfinite(herd.truth.genetic_values.drop(columns="id").to_numpy()).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"animals": 19}, "animals: expected a whole number of at least 20, found 19"),
        (
            {"markers": 28},
            r"markers: expected .* at least 29, found 28\. There would be fewer markers than chromosomes",
        ),
        ({"n_qtl": 5}, r"n_qtl: expected .* at least 29, found 5\. There would be fewer QTL than chromosomes"),
        ({"n_traits": 0}, r"n_traits: expected a whole number from 1 to 33, found 0\. The catalogue has 33 traits"),
        ({"n_traits": 34}, "n_traits: expected a whole number from 1 to 33, found 34"),
        (
            {"architecture": "realistc"},
            "architecture: expected a known name, found 'realistc'. Did you mean realistic?",
        ),
        ({"founders": "independant"}, "Did you mean independent?"),
        ({"seed": -1}, "seed: expected a whole number of at least 0, found -1"),
        (
            {"qtl_on_chip": True, "markers": 500},
            "n_qtl: expected at most 500 QTL on a chip of as many markers, found 800",
        ),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        HerdSettings(**settings)  # type: ignore[arg-type]


def test_threads_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="threads: expected a whole number of at least 1, found 0"):
        simulate_cohort(tmp_path / "herd", threads=0)


def test_the_catalogue_says_what_is_written() -> None:
    herd = simulate_herd(TINY)

    assert herd.definitions == tuple(trait for trait in CATALOGUE if trait.name in {"milk_yield", "fat_percent"})
    assert herd.traits.columns.tolist() == ["id", "milk_yield", "fat_percent"]
