from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from phased_herd import N_ANIMALS, N_MARKERS, N_SIRES, large_herd, write_phased_herd

from genialearn.cohorts import Cohort, CohortFiles, read_animals, read_genotyped
from genialearn.errors import AlignmentError, FileFormatError, InputError, SettingError
from genialearn.experiments.generation import generate, held_out, read_conditions, read_holdout
from genialearn.genotypes import dosages, write_vcf
from genialearn.neural.checkpoints import CheckpointFile


@pytest.fixture
def herd(tmp_path: Path) -> Path:
    write_phased_herd(tmp_path / "herd", pedigree=True)
    return tmp_path / "herd"


@pytest.fixture
def cohort(herd: Path) -> Cohort:
    return read_genotyped(CohortFiles.in_folder(herd))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "generator.json"}


def test_artificial_animals_are_a_cohort(cohort: Cohort, tmp_path: Path) -> None:
    found = generate(cohort, tmp_path / "art", model="mosaic", animals=15, settings={"neighbours": 12}, seed=3)
    drawn = read_animals(tmp_path / "art")

    assert (15, N_MARKERS, N_ANIMALS, 0, True) == (
        found.n_animals, found.n_markers, found.n_training, found.n_holdout, found.phased
    )  # fmt: skip
    assert [f"artificial{row}" for row in range(1, 16)] == list(drawn.animals)
    assert drawn.haplotypes is not None
    np.testing.assert_array_equal(dosages(drawn.genotypes), dosages(drawn.haplotypes.genotypes()))
    told = json.loads((tmp_path / "art" / "generator.json").read_text())
    assert ("mosaic", 3, 12) == (told["model"], told["seed"], told["settings"]["neighbours"])
    assert ["fit", "sample", "write"] == [stage["stage"] for stage in told["stages"]]


def test_same_seed_same_files(cohort: Cohort, tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        generate(cohort, tmp_path / name, model="mosaic", holdout=0.5, seed=seed)

    assert content(tmp_path / "one") == content(tmp_path / "same")
    assert content(tmp_path / "one") != content(tmp_path / "other")


def test_unphased_animals(cohort: Cohort, tmp_path: Path) -> None:
    plain = Cohort.of_genotypes(cohort.genotypes)
    assert not generate(plain, tmp_path / "art", model="independent").phased
    assert not (tmp_path / "art" / "haplotypes.vcf.gz").exists()
    with pytest.raises(InputError, match=r"generator mosaic: expected phased genotypes.*found genotypes without phase"):
        generate(plain, tmp_path / "other", model="mosaic")
    assert not (tmp_path / "other").exists()


class TestHoldout:
    def test_families_stay_together(self, cohort: Cohort) -> None:
        chosen = held_out(cohort, 0.5, np.random.default_rng(1))

        assert cohort.pedigree is not None
        sires = cohort.pedigree.sires_of(cohort.animals)
        assert set() == set(sires[chosen]) & set(sires[~chosen])
        assert N_ANIMALS // 2 == chosen.sum()
        assert N_SIRES // 2 == len(set(sires[chosen]))

    def test_they_are_listed_and_not_learned_from(self, cohort: Cohort, tmp_path: Path) -> None:
        names = tmp_path / "young.txt"
        names.write_text("cow03\n\ncow40\r\n")
        found = generate(cohort, tmp_path / "art", model="independent", holdout=read_holdout(names))

        assert (N_ANIMALS - 2, 2) == (found.n_training, found.n_holdout)
        assert "cow03\ncow40\n" == (tmp_path / "art" / "holdout.txt").read_text()

    def test_shares_are_numbers(self) -> None:
        assert 0.25 == read_holdout("0.25")

    @pytest.mark.parametrize(
        ("holdout", "kind", "message"),
        [
            (1.5, SettingError, "holdout: expected a share between 0 and 1, found 1.5"),
            (
                np.array(["cow01", "bull9"], dtype=object),
                AlignmentError,
                "expected animals of the cohort, found 1 others",
            ),
            (np.array([f"cow{i:02d}" for i in range(47)], dtype=object), SettingError, "at least two animals left"),
        ],
    )
    def test_wrong_ones(self, cohort: Cohort, holdout: object, kind: type[Exception], message: str) -> None:
        with pytest.raises(kind, match=message):
            held_out(cohort, holdout, np.random.default_rng(1))  # type: ignore[arg-type]


class TestSettings:
    def test_wrong_names(self, cohort: Cohort, tmp_path: Path) -> None:
        with pytest.raises(SettingError, match=r"model: expected a known name, found 'mosaik'.*mosaic"):
            generate(cohort, tmp_path / "art", model="mosaik")
        with pytest.raises(SettingError, match=r"setting of generator mosaic.*found 'neighbour'.*neighbours"):
            generate(cohort, tmp_path / "art", model="mosaic", settings={"neighbour": 3})
        assert not (tmp_path / "art").exists()

    def test_conditions_count_the_animals(self, cohort: Cohort, tmp_path: Path) -> None:
        asked = pd.DataFrame({"milk": [1.0, 2.0]})
        with pytest.raises(SettingError, match="animals: expected as many as conditions, 2, found 3"):
            generate(cohort, tmp_path / "art", model="mosaic", conditions=asked, animals=3)
        with pytest.raises(SettingError, match="conditions: expected none: generator mosaic knows no traits"):
            generate(cohort, tmp_path / "art", model="mosaic", conditions=asked)
        with pytest.raises(SettingError, match="condition: expected a known name, found 'milk'"):
            generate(cohort, tmp_path / "art", model="vae", conditions=asked)
        assert not (tmp_path / "art").exists()

    def test_conditions_are_numbers(self, tmp_path: Path) -> None:
        (tmp_path / "asked.tsv").write_text("id\tmilk\tfat\na\t1.5\t\nb\t2\t4\n")
        found = read_conditions(tmp_path / "asked.tsv")

        assert ["milk", "fat"] == list(found.columns)
        np.testing.assert_array_equal([[1.5, np.nan], [2, 4]], found.to_numpy())
        (tmp_path / "asked.tsv").write_text("id\na\n")
        with pytest.raises(FileFormatError, match="expected a column a trait, found id alone"):
            read_conditions(tmp_path / "asked.tsv")


class TestFolder:
    def test_only_artificial_animals_are_replaced(self, cohort: Cohort, herd: Path, tmp_path: Path) -> None:
        generate(cohort, tmp_path / "art", model="independent")
        before = content(tmp_path / "art")
        with pytest.raises(InputError, match="expected a folder that is new or empty, found one of artificial animals"):
            generate(cohort, tmp_path / "art", model="independent", seed=2)
        assert before == content(tmp_path / "art")
        generate(cohort, tmp_path / "art", model="independent", seed=2, force=True)
        assert before != content(tmp_path / "art")
        before = content(herd)
        with pytest.raises(InputError, match=r"found another folder. Choose another --out"):
            generate(cohort, herd, model="independent", force=True)
        assert before == content(herd)

    def test_failure_leaves_nothing(self, cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("genialearn.experiments.generation.write_vcf", fail)
        with pytest.raises(InputError, match="no space left on device"):
            generate(cohort, tmp_path / "art", model="mosaic")
        assert ["herd"] == [path.name for path in tmp_path.iterdir()]


class TestCheckpoint:
    SETTINGS: ClassVar = {"epochs": 6, "latent": 4, "hidden": (16,), "patience": 6, "device": "cpu"}

    def test_a_killed_training_goes_on(self, cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        torch = pytest.importorskip("torch")
        write, kept = torch.save, tmp_path / "kept"

        def killed_in_the_third_writing(content: Any, handle: Any) -> None:
            if len(content["state"]["history"]) == 3:
                handle.write(b"half of it")
                raise KeyboardInterrupt("killed while writing")
            write(content, handle)

        monkeypatch.setattr("genialearn.experiments.generation.CheckpointFile", EveryEpoch)
        self._generate(cohort, tmp_path / "whole", None)
        monkeypatch.setattr(torch, "save", killed_in_the_third_writing)
        with pytest.raises(KeyboardInterrupt, match="killed while writing"):
            self._generate(cohort, tmp_path / "art", kept)
        assert ["herd", "kept", "whole"] == sorted(path.name for path in tmp_path.iterdir())
        assert 2 == len(torch.load(kept, weights_only=True)["state"]["history"])
        monkeypatch.setattr(torch, "save", write)
        self._generate(cohort, tmp_path / "art", kept)

        assert content(tmp_path / "whole") == content(tmp_path / "art")
        assert not kept.exists()

    def test_other_generators_keep_none(self, cohort: Cohort, tmp_path: Path) -> None:
        with pytest.raises(SettingError, match=r"checkpoint: expected a generator that learns step by step.*mosaic"):
            generate(cohort, tmp_path / "art", model="mosaic", checkpoint=tmp_path / "kept")

    def _generate(self, cohort: Cohort, out: Path, checkpoint: Path | None) -> None:
        generate(cohort, out, model="vae", settings=self.SETTINGS, threads=1, checkpoint=checkpoint)


class EveryEpoch(CheckpointFile):
    """A checkpoint that is kept after every epoch."""

    def save(self, state: Any) -> None:
        self._next = 0.0
        super().save(state)


class TestMemory:
    @pytest.mark.parametrize("model", ["vae", pytest.param("wgan-gp", marks=pytest.mark.slow)])
    def test_what_is_said_is_what_a_process_takes(self, model: str, tmp_path: Path) -> None:
        pytest.importorskip("torch")
        write_vcf(tmp_path / "herd.vcf", large_herd())
        settings = ("--setting", "epochs=2", "--setting", "device=cpu", "--threads", "1")
        words = ("generate", "herd.vcf", "--model", model, *settings, "--out", "art")
        done = subprocess.run(
            [sys.executable, "-m", "genialearn", *words], cwd=tmp_path, capture_output=True, text=True, check=True
        )

        told = json.loads((tmp_path / "art" / "generator.json").read_text())
        assert pytest.approx(told["peak_rss_mib"] / 1024, rel=0.25) == told["memory_gib"]
        assert f"memory: about {told['memory_gib']:.1f} of " in done.stderr
        assert f" GiB for generator {model}\n" in done.stderr

    def test_too_much_is_refused_before_anything_is_computed(
        self, cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("genialearn.experiments.machine.usable_memory_gib", lambda: 0.25)
        monkeypatch.setattr("genialearn.generators.mosaic.Mosaic.fit", None)
        with pytest.raises(
            InputError,
            match=r"^memory: expected about 0\.3 GiB for generator mosaic, found 0\.2 GiB that this process may use\. "
            r"Use fewer animals or markers, a smaller generator such as mosaic or copula, or a machine with 1 GiB\.$",
        ):
            generate(cohort, tmp_path / "art", model="mosaic")
        assert not (tmp_path / "art").exists()
