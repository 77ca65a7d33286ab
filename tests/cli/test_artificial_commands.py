"""`generate` and `judge`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from genialearn.cli.options import settings_of
from genialearn.cohorts.simulate import simulate_cohort
from genialearn.errors import SettingError


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phased") / "herd"
    simulate_cohort(folder, animals=90, markers=120, n_traits=1, phased=True)
    return folder


@pytest.fixture
def phased(simulated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(simulated, tmp_path / "herd"))


def test_from_animals_to_the_page(phased: Path, tmp_path: Path, genialearn: Callable[..., object]) -> None:
    art, out = tmp_path / "art", tmp_path / "judged"
    made = genialearn(
        *("generate", str(phased), "--model", "mosaic", "--holdout", "0.5", "--setting", "neighbours=20"),
        *("--out", str(art), "--quiet"),
    )
    assert (0, "") == (made.code, made.err)
    first, second, last = made.out.splitlines()
    assert " artificial phased animals x 120 markers, by mosaic from " in first
    assert f" animals left out, listed in {art / 'holdout.txt'}" in second
    assert f"results: {art}" == last

    judged = genialearn("judge", str(phased), str(art), "--out", str(out), "--quiet")
    assert (0, "") == (judged.code, judged.err)
    assert f"report: {out / 'report.html'}" == judged.out.splitlines()[-1]
    assert len(pd.read_csv(out / "judgement.tsv", sep="\t")) == len(judged.out.splitlines()) - 2
    assert '<section id="use">' not in (out / "report.html").read_text(encoding="utf-8")

    again = genialearn("judge", str(phased), str(art), "--out", str(out), "--quiet")
    assert 3 == again.code
    assert "found one that has results. Choose another --out, or replace it with --force." in again.err


def test_use_in_genomic_prediction(phased: Path, tmp_path: Path, genialearn: Callable[..., object]) -> None:
    """Records are drawn, or asked for where the artificial animals have conditions."""
    art, out = tmp_path / "art", tmp_path / "judged"
    words = ("generate", str(phased), "--model", "mosaic", "--holdout", "0.5", "--setting", "neighbours=20")
    assert 0 == genialearn(*words, "--out", str(art), "--quiet").code
    judged = genialearn("judge", str(phased), str(art), "--use", "--out", str(out), "--quiet")
    assert (0, "") == (judged.code, judged.err)
    assert judged.out.splitlines()[-2].startswith("Trained on artificial animals, GBLUP predicts real records with r ")
    table = pd.read_csv(out / "usefulness.tsv", sep="\t")
    assert {"drawn"} == set(table["records"])
    assert '<section id="use">' in (out / "report.html").read_text(encoding="utf-8")

    [trait] = set(table["trait"])
    ids = [line.split()[1] for line in (art / "genotypes.fam").read_text().splitlines()]
    asked = "".join(f"{name}\t{place % 7}\n" for place, name in enumerate(ids))
    (art / "conditions.tsv").write_text(f"id\t{trait}\n{asked}")
    assert 0 == genialearn("judge", str(phased), str(art), "--use", "--out", str(out), "--force", "--quiet").code
    assert {"asked"} == set(pd.read_csv(out / "usefulness.tsv", sep="\t")["records"])

    (phased / "traits.tsv").unlink()
    without = genialearn("judge", str(phased), str(art), "--use", "--out", str(tmp_path / "other"), "--quiet")
    assert 3 == without.code
    assert "expected a quantitative trait with records of 30 animals learned from" in " ".join(without.err.split())
    assert not (tmp_path / "other").exists()


def test_a_vcf_is_enough(phased: Path, tmp_path: Path, genialearn: Callable[..., object]) -> None:
    alone = tmp_path / "alone.vcf.gz"
    alone.write_bytes((phased / "haplotypes.vcf.gz").read_bytes())
    answer = genialearn("generate", str(alone), "--animals", "5", "--out", str(tmp_path / "art"), "--quiet")

    assert (0, "") == (answer.code, answer.err)
    assert answer.out.startswith("5 artificial phased animals x 120 markers, by ")


def test_wrong_words(phased: Path, tmp_path: Path, genialearn: Callable[..., object]) -> None:
    for words, message in (
        (("--model", "mosaik"), "mosaic"),
        (("--setting", "neighbours"), "--setting: expected NAME=VALUE, each name once, found neighbours"),
        (("--holdout", "2"), "holdout: expected a share between 0 and 1, found 2"),
        (("--holdout", "young.txt"), "no such file"),
        (("--conditions", "asked.tsv"), "no such file"),
    ):
        answer = genialearn("generate", str(phased), *words, "--out", str(tmp_path / "art"))
        assert 3 == answer.code
        assert message in answer.err
    assert not (tmp_path / "art").exists()


def test_settings_have_kinds() -> None:
    words = ["a=3", "b=0.5", "c=true", "d=none", "e=family", "f=1e-3", "g="]

    assert {"a": 3, "b": 0.5, "c": True, "d": None, "e": "family", "f": 1e-3, "g": ""} == settings_of(words)
    with pytest.raises(SettingError, match="found a=4"):
        settings_of(["a=3", "a=4"])
