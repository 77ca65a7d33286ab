from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genialearn._arrays import as_ids
from genialearn.cohorts import CohortFiles, read_cohort, read_truth
from genialearn.errors import AlignmentError, FileFormatError, InputError, SettingError
from genialearn.genotypes import DenseGenotypes, MarkerMap, write_plink
from messages import exactly

NAN = float("nan")
TABLES = {
    "traits.tsv": "id\tmilk\tfat\nc\t30\t3\na\t10\t\nb\t20\t5\n",
    "records.tsv": "id\tenvironment\tmilk\na\tE1\t1\na\tE2\t2\nb\tE1\t3\n",
    "traits.toml": '[milk]\nunit = "kg"\nfixed = "herd"\n',
    "weights.tsv": "id\tmilk\na\t2\nb\t1\nc\t1\n",
    "covariates.tsv": "id\therd\tage\na\tA\t1\nb\tB\t2\nc\tA\t4\n",
    "pedigree.tsv": "id\tsire\tdam\na\tb\t0\n",
    "truth/breeding_values.tsv": "id\tmilk\na\t0.5\nb\t-1\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cohort folder with genotypes of a, b and c only."""
    values = np.array([[0, 1], [1, 2], [2, -1]], dtype=np.int8)
    write_plink(tmp_path / "herd" / "genotypes", DenseGenotypes(as_ids(["a", "b", "c"]), MarkerMap.numbered(2), values))
    return tmp_path / "herd"


@pytest.fixture
def fill(folder: Path) -> Callable[..., Path]:
    """Put tables into the folder, or beside it."""

    def put(*names: str, into: Path = folder) -> Path:
        for name in names:
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_text(TABLES[name])
        return into

    return put


class TestFolder:
    def test_what_is_there_is_found_by_its_usual_name(self, folder: Path, fill: Callable[..., Path]) -> None:
        fill("traits.tsv", "traits.toml", "weights.tsv", "covariates.tsv", "pedigree.tsv", "truth/breeding_values.tsv")

        assert CohortFiles(
            bfile=folder / "genotypes",
            traits=folder / "traits.tsv",
            trait_settings=folder / "traits.toml",
            weights=folder / "weights.tsv",
            covariates=folder / "covariates.tsv",
            pedigree=folder / "pedigree.tsv",
            truth=folder / "truth",
        ) == CohortFiles.in_folder(str(folder))

    def test_what_is_not_there_is_not_used(self, folder: Path, fill: Callable[..., Path]) -> None:
        fill("traits.tsv")

        expected = CohortFiles(bfile=folder / "genotypes", traits=folder / "traits.tsv")
        assert expected == CohortFiles.in_folder(folder)

    @pytest.mark.parametrize(
        ("there", "used"), [(["traits.tsv", "records.tsv"], "traits"), (["records.tsv"], "records"), ([], None)]
    )
    def test_one_record_per_animal_goes_before_repeated_ones(
        self, folder: Path, fill: Callable[..., Path], there: list[str], used: str | None
    ) -> None:
        fill(*there)

        files = CohortFiles.in_folder(folder)

        assert (used == "traits", used == "records") == (files.traits is not None, files.records is not None)

    @pytest.mark.parametrize("option", ["traits", "records"])
    def test_records_given_explicitly_replace_either_table(
        self, folder: Path, fill: Callable[..., Path], option: str
    ) -> None:
        fill("traits.tsv", "records.tsv", "covariates.tsv")

        files = CohortFiles.in_folder(folder, **{option: Path("other.tsv")})

        expected = CohortFiles(
            bfile=folder / "genotypes", covariates=folder / "covariates.tsv", **{option: Path("other.tsv")}
        )
        assert expected == files

    def test_anything_may_be_given_explicitly(self, folder: Path, fill: Callable[..., Path]) -> None:
        fill("traits.tsv", "pedigree.tsv")

        files = CohortFiles.in_folder(
            folder, bfile=Path("x"), pedigree=None, weights=Path("w.tsv"), trait_names=("fat",), fixed=""
        )

        assert (
            CohortFiles(
                bfile=Path("x"),
                traits=folder / "traits.tsv",
                weights=Path("w.tsv"),
                pedigree=folder / "pedigree.tsv",
                trait_names=("fat",),
                fixed="",
            )
            == files
        )

    @pytest.mark.parametrize(("name", "found"), [("nowhere", "nothing"), ("file", "a file")])
    def test_a_folder_that_is_none(self, tmp_path: Path, name: str, found: str) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(
            InputError,
            match=exactly(
                f"{tmp_path / name}: expected a cohort folder, found {found}. "
                "Name a folder with genotypes.bed and traits.tsv, or use --bfile and --traits."
            ),
        ):
            CohortFiles.in_folder(tmp_path / name)

    def test_every_file_that_is_read_is_listed(self, folder: Path, fill: Callable[..., Path]) -> None:
        fill("traits.tsv", "traits.toml", "truth/breeding_values.tsv")

        assert {
            "genotypes": folder / "genotypes.bed",
            "markers": folder / "genotypes.bim",
            "animals": folder / "genotypes.fam",
            "traits": folder / "traits.tsv",
            "trait_settings": folder / "traits.toml",
            "truth_breeding_values": folder / "truth" / "breeding_values.tsv",
        } == CohortFiles.in_folder(folder, fixed="herd", trait_names=("milk",)).paths()


class TestReading:
    def test_a_whole_folder(self, folder: Path, fill: Callable[..., Path]) -> None:
        fill("traits.tsv", "traits.toml", "weights.tsv", "covariates.tsv", "pedigree.tsv")

        cohort, report = read_cohort(CohortFiles.in_folder(folder))

        assert cohort.animals.tolist() == ["a", "b", "c"]
        assert cohort.records.trait_names == ["milk"]
        assert (cohort.traits[0].unit, cohort.traits[0].fixed) == ("kg", "herd")
        assert cohort.records.values[:, 0].tolist() == [10, 20, 30]
        assert cohort.records.weights[:, 0].tolist() == [2, 1, 1]
        assert cohort.records.effects["herd"].tolist() == ["A", "B", "A"]
        assert cohort.pedigree is not None
        assert report.lines() == ["animals unknown to the pedigree: 1 kept without parents or birth year (c)"]

    def test_names_and_formula_given_explicitly_go_before_the_description(
        self, folder: Path, fill: Callable[..., Path]
    ) -> None:
        fill("traits.tsv", "traits.toml", "covariates.tsv")

        cohort, _ = read_cohort(CohortFiles.in_folder(folder, trait_names=("fat", "milk"), fixed="age"))

        assert cohort.records.trait_names == ["fat", "milk"]
        assert [trait.fixed for trait in cohort.traits] == ["age", "age"]
        assert cohort.traits[1].unit == "kg"

    def test_records_that_lose_their_weight_are_reported(self, folder: Path, fill: Callable[..., Path]) -> None:
        fill("traits.tsv")
        (folder / "weights.tsv").write_text("id\tmilk\na\t2\nb\t\nc\t1\n")

        cohort, report = read_cohort(CohortFiles.in_folder(folder, trait_names=("milk", "fat")))

        np.testing.assert_array_equal([[10, NAN], [NAN, 5], [30, 3]], cohort.records.values)
        assert ["records without a weight: 1 dropped (b)"] == report.lines()

    def test_repeated_records(self, folder: Path, fill: Callable[..., Path]) -> None:
        fill("records.tsv")

        cohort, report = read_cohort(CohortFiles.in_folder(folder, fixed="environment"))

        assert cohort.records.animals.tolist() == ["a", "a", "b"]
        assert report.lines() == ["genotyped animals without records: 1 dropped (c)"]

    def test_files_one_by_one(self, tmp_path: Path, folder: Path, fill: Callable[..., Path]) -> None:
        fill("traits.tsv", "pedigree.tsv", into=tmp_path / "tables")
        for path in folder.iterdir():
            shutil.move(path, tmp_path / path.name)

        cohort, _ = read_cohort(
            CohortFiles(tmp_path / "genotypes.bed", traits=tmp_path / "tables" / "traits.tsv", trait_names=("milk",))
        )

        assert len(cohort) == 3

    @pytest.mark.parametrize(("there", "found"), [([], "neither"), (["traits", "records"], "both")])
    def test_one_table_of_records_is_needed(self, folder: Path, there: list[str], found: str) -> None:
        files = CohortFiles(folder / "genotypes", **{name: folder / f"{name}.tsv" for name in there})

        with pytest.raises(
            SettingError,
            match=exactly(
                "cohort: expected either one record per animal (traits.tsv, --traits) "
                f"or repeated ones (records.tsv, --records), found {found}."
            ),
        ):
            read_cohort(files)

    def test_a_folder_without_genotypes(self, tmp_path: Path, fill: Callable[..., Path]) -> None:
        other = fill("traits.tsv", into=tmp_path / "other")

        with pytest.raises(
            InputError,
            match=exactly(f"{other / 'genotypes.fam'}: no such file or directory. Check the name and the folder."),
        ):
            read_cohort(CohortFiles.in_folder(other))

    def test_a_pedigree_that_contradicts_itself(self, folder: Path, fill: Callable[..., Path]) -> None:
        fill("traits.tsv")
        (folder / "pedigree.tsv").write_text("id\tsire\tdam\na\ta\t0\n")

        with pytest.raises(FileFormatError, match=r"pedigree\.tsv: .* found a loop: a <- a\. "):
            read_cohort(CohortFiles.in_folder(folder))

    def test_other_animals_altogether(self, folder: Path) -> None:
        (folder / "traits.tsv").write_text("id\tmilk\nx\t1\ny\t2\n")

        with pytest.raises(AlignmentError, match=r"found none: the genotypes name a, b, c; the records x, y\. The ids"):
            read_cohort(CohortFiles.in_folder(folder))


class TestTruth:
    def test_only_what_is_there_is_read(self, folder: Path, fill: Callable[..., Path]) -> None:
        fill("truth/breeding_values.tsv")

        truth = read_truth(CohortFiles.in_folder(folder))

        assert list(truth) == ["breeding_values"]
        assert truth["breeding_values"].to_dict() == {"milk": {"a": 0.5, "b": -1.0}}

    def test_without_a_folder_there_is_none(self, folder: Path) -> None:
        assert read_truth(CohortFiles.in_folder(folder)) == {}

    def test_a_folder_given_explicitly_must_be_there(self, folder: Path) -> None:
        with pytest.raises(
            InputError,
            match=exactly(
                f"{folder / 'truth'}: expected a folder with breeding_values.tsv and genetic_values.tsv, "
                "found nothing. Name the folder truth of a simulated cohort."
            ),
        ):
            read_truth(CohortFiles(folder / "genotypes", truth=folder / "truth"))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("id\na\n", ": expected one column a trait, found none. Simulate it anew."),
            (
                "id\tmilk\na\tx\n",
                ": line 2: column milk: expected a finite number or a missing value, found 'x'. "
                "Correct it, or leave the field empty where it's unknown.",
            ),
        ],
    )
    def test_a_damaged_table(self, folder: Path, fill: Callable[..., Path], text: str, message: str) -> None:
        path = fill("truth/breeding_values.tsv") / "truth" / "breeding_values.tsv"
        path.write_text(text)

        with pytest.raises(FileFormatError, match=exactly(f"{path}{message}")):
            read_truth(CohortFiles.in_folder(folder))
