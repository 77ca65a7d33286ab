from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from phased_herd import N_MARKERS, large_herd, phased_herd, write_phased_herd

from genialearn.cohorts import read_animals
from genialearn.errors import InputError, SettingError
from genialearn.experiments.generation import generate
from genialearn.experiments.judgement import judge_folders
from genialearn.genotypes import write_plink, write_vcf


@pytest.fixture
def herd(tmp_path: Path) -> Path:
    write_phased_herd(tmp_path / "herd")
    return tmp_path / "herd"


@pytest.fixture
def artificial(herd: Path, tmp_path: Path) -> Path:
    generate(read_animals(herd), tmp_path / "art", model="independent", holdout=0.5)
    return tmp_path / "art"


def test_a_folder_is_filled(herd: Path, artificial: Path, tmp_path: Path) -> None:
    table = judge_folders(herd, artificial, tmp_path / "out")

    assert ["judgement.tsv", "portrait.json", "run.json"] == sorted(path.name for path in (tmp_path / "out").iterdir())
    written = pd.read_csv(tmp_path / "out" / "judgement.tsv", sep="\t")
    assert ["metric", "part", "value", "real_against_real", "se"] == list(written.columns)
    assert len(table) == len(written)
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert {"training": 24, "holdout": 24, "artificial": 24} == {n: s["n_animals"] for n, s in run["sets"].items()}
    assert ("independent", N_MARKERS, True) == (run["generator"]["model"], run["n_markers"], run["phased"])


def test_same_seed_same_figures(herd: Path, artificial: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        judge_folders(herd, artificial, tmp_path / name)

    for name in ("judgement.tsv", "portrait.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_the_holdout_may_be_a_herd_of_its_own(herd: Path, artificial: Path, tmp_path: Path) -> None:
    """Its animals are left out of those learned from; all may be files of any kind."""
    whole = phased_herd()
    write_plink(tmp_path / "young", whole.select(animals=np.arange(20)).genotypes())
    write_vcf(tmp_path / "art.vcf.gz", read_animals(artificial).haplotypes)  # type: ignore[arg-type]
    judge_folders(herd, tmp_path / "art.vcf.gz", tmp_path / "out", holdout=tmp_path / "young")

    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert {"training": 28, "holdout": 20, "artificial": 24} == {n: s["n_animals"] for n, s in run["sets"].items()}
    assert (False, {}) == (run["phased"], run["generator"])


def test_the_portrait_shows_counted_alleles_alike(herd: Path, artificial: Path, tmp_path: Path) -> None:
    judge_folders(herd, artificial, tmp_path / "out")
    portrait = json.loads((tmp_path / "out" / "portrait.json").read_text())

    real, drawn = (np.array(portrait["frequencies"][name]) for name in ("real", "artificial"))
    assert np.corrcoef(real, drawn)[0, 1] > 0.8
    for name in ("training", "holdout", "artificial"):
        assert (24, 2) == np.shape(portrait["components"][name])
        matrix = np.array(portrait["relationships"][name]["matrix"])
        assert (24, 24) == matrix.shape
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-3)
        assert sum(portrait["relationships"][name]["share_of_pairs"]) == pytest.approx(1, abs=1e-3)
        assert len(portrait["linkage"]["distance"]) == len(portrait["linkage"][name])
    close, far = portrait["linkage"]["holdout"][0], portrait["linkage"]["holdout"][-1]
    assert close > far
    assert portrait["linkage"]["artificial"][0] < 0.7 * close


def test_what_cannot_be_judged(herd: Path, artificial: Path, tmp_path: Path) -> None:
    (artificial / "holdout.txt").unlink()
    with pytest.raises(InputError, match=r"holdout: expected real animals that weren't learned from.*Generate with"):
        judge_folders(herd, artificial, tmp_path / "out")
    (tmp_path / "few.txt").write_text("cow01\ncow02\n")
    with pytest.raises(SettingError, match="hold-out animals: expected at least 10, found 2"):
        judge_folders(herd, artificial, tmp_path / "out", holdout=tmp_path / "few.txt")
    with pytest.raises(InputError, match="expected a cohort folder, found nothing"):
        judge_folders(herd, tmp_path / "nowhere", tmp_path / "out", holdout=herd)
    with pytest.raises(InputError, match="expected a new folder, or one of genialearn judge, found another folder"):
        judge_folders(herd, artificial, herd, force=True)
    assert not (tmp_path / "out").exists()


def test_the_memory_that_is_said_is_what_a_process_takes(tmp_path: Path) -> None:
    herd = large_herd(300)
    write_vcf(tmp_path / "real.vcf", herd.select(animals=slice(0, 100)))
    write_vcf(tmp_path / "others.vcf", herd.select(animals=slice(100, 200)))
    write_vcf(tmp_path / "art.vcf", herd.select(animals=slice(200, 300)))
    words = ("judge", "real.vcf", "art.vcf", "--holdout", "others.vcf", "--out", "out", "--threads", "1")
    done = subprocess.run(
        [sys.executable, "-m", "genialearn", *words], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert pytest.approx(told["peak_rss_mib"] / 1024, rel=0.25) == told["memory_gib"]
    assert f"memory: about {told['memory_gib']:.1f} of " in done.stderr


def test_too_much_memory_is_refused(
    herd: Path, artificial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genialearn.experiments.machine.usable_memory_gib", lambda: 0.25)
    with pytest.raises(
        InputError,
        match=r"^memory: expected about 0\.3 GiB to judge, found 0\.2 GiB that this process may use\. Judge fewer "
        r"animals or markers, or a machine with 1 GiB\.$",
    ):
        judge_folders(herd, artificial, tmp_path / "out")
    assert not (tmp_path / "out").exists()
