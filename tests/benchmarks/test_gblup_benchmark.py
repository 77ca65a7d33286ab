"""Outputs of other tools, captured and cut short, are read as they are meant; a failure is a row."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

import gblup
import numpy as np
import pandas as pd
import pytest
from fair_environment import fair_environment
from gblup_data import BenchmarkData, read_folder
from gblup_tools import TOOLS, Found, Job, Tool, number_after
from processes import CommandError, Cost, last_words, measure

from genialearn._arrays import as_ids
from genialearn.genotypes import DenseGenotypes, MarkerMap, write_plink

ANIMALS = ["a1", "a2", "a3", "a4", "a5"]
DOSAGES = np.array([[0, 1], [1, 2], [2, 0], [1, 1], [0, 2]], dtype=np.int8, order="F")
TRUTH = np.array([0.3, 0.1, -0.4, 0.2, 0.6])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A benchmark folder of five animals, three of them held out, two markers and two traits."""
    out = tmp_path / "data"
    out.mkdir()
    columns = [as_ids(column) for column in (["m1", "m2"], ["1", "29"], ["A", "C"], ["G", "T"])]
    markers = MarkerMap(columns[0], columns[1], np.zeros(2), np.array([5, 9]), columns[2], columns[3])
    write_plink(out / "geno", DenseGenotypes(as_ids(ANIMALS), markers, DOSAGES))
    ids = pd.DataFrame({"FID": ANIMALS, "IID": ANIMALS})
    ids.assign(T1=[1.0, 2.0, None, None, None], T2=[0.5, None, None, None, None]).to_csv(
        out / "pheno_train.tsv", sep="\t", index=False, na_rep="NA"
    )
    ids.assign(T1=TRUTH, T2=TRUTH).to_csv(out / "tbv.tsv", sep="\t", index=False)
    pd.DataFrame({"IID": ANIMALS, "test": [0, 0, 1, 1, 1]}).to_csv(out / "split.tsv", sep="\t", index=False)
    (out / "truth.tsv").write_text("trait\th2_set\th2_all\th2_train\nT1\t.3\t.31\t.32\nT2\t.5\t.51\t.52\n")
    return out


@pytest.fixture
def data(folder: Path) -> BenchmarkData:
    return read_folder(folder)


def job_of(data: BenchmarkData, folder: Path, files: dict[str, str]) -> Job:
    job = Job(data, folder / "job", ["T1"], 2)
    (folder / "job").mkdir()
    for name, text in files.items():
        (folder / "job" / name).write_text(text)
    return job


def tool(name: str) -> Tool:
    return next(tool for tool in TOOLS if tool.name == name)


EFFECTS = DOSAGES[2:] @ np.array([0.5, -0.25])
"""Of the counted alleles, in the held-out animals."""

CAPTURED = {
    "gemma": {
        "ridge.log.txt": "## pve estimate in the null model = 0.253162\n## se(pve) in the null model = 0.0390419\n",
        "ridge.param.txt": "chr\trs\tps\tn_miss\talpha\tbeta\tgamma\n"
        "1\tm1\t5\t0\t5e-01\t0.0e+00\t0.0e+00\n29\tm2\t9\t0\t-2.5e-01\t0.0e+00\t0.0e+00\n",
    },
    "bolt": {
        "log1.txt": "  MCscaling: logDelta = 1.10, h2 = 0.250, f = -0.0265401\n"
        "Secant iteration for h2 estimation converged in 1 steps\nEstimated (pseudo-)heritability: h2g = 0.253\n",
        "effects.txt": "SNP\tCHR\tBP\tGENPOS\tALLELE1\tALLELE0\tBETA\n"
        "m1\t1\t5\t0.0\tG\tA\t-0.5\nm2\t29\t9\t0.0\tC\tT\t-0.25\n",
    },
    "gcta": {
        "g.hsq": "Source\tVariance\tSE\nV(G)\t0.26\t0.04\n"
        "V(e)\t0.74\t0.04\nVp\t1.0\t0.04\nV(G)/Vp\t0.253\t0.039\nn\t2\n",
        "g.snp.blp": "m1\tA\t0.5\t0.1\t\nm2\tT\t0.25\t0.1\t\n",
    },
    "ldak": {
        "ridge.hers": "Algorithm Phenotype Power Heritability Chunks_Excluded\nRHE 1 -1.0000 0.2158 0\n"
        "MCREML 1 -1.0000 0.2530 NA\n",
        "ridge.effects": "Predictor A1 A2 Centre Effect\nm1 A G 0.8 5.0000e-01\nm2 C T 1.2 -2.5000e-01\n",
    },
    "slemm": {
        "slemm.reml.vc.csv": "pop_size,2\nnum_markers,2\nVg,0.253\nVe,0.747\nh2,0.253\nLRT,0\npval,1\n",
        "slemm.reml.snp.csv": "SNP,Chr,Pos,Allele1,Allele2,MAF,HWE_Pval,Group,Weight,Effect\n"
        "m1,1,5,A,G,0.4,1,NULL,1,-0.5\nm2,29,9,C,T,0.4,1,NULL,1,0.25\n",
    },
}


@pytest.mark.parametrize("name", CAPTURED)
def test_heritability_and_effects_of_the_right_allele(name: str, data: BenchmarkData, tmp_path: Path) -> None:
    found = tool(name).read(job_of(data, tmp_path, CAPTURED[name]))

    assert pytest.approx(0.253, abs=2e-4) == found.heritabilities["T1"]
    assert pytest.approx(EFFECTS) == found.values.loc[["a3", "a4", "a5"], "T1"].to_numpy()


def test_our_own_tables(data: BenchmarkData, tmp_path: Path) -> None:
    job = job_of(data, tmp_path, {})
    (job.folder / "out").mkdir()
    header = "trait\th2\th2_se\th2_scaled\tgenetic_variance\tresidual_variance\tn_records\n"
    (job.folder / "out/variance.tsv").write_text(f"{header}T1\t.2\t.1\t.25\t1\t4\t2\n")
    (job.folder / "out/breeding_values.tsv").write_text("id\tT1\na1\t0\na2\t0\na3\t1\na4\t2\na5\t3\n")

    found = tool("genialearn").read(job)

    assert {"T1": 0.25} == found.heritabilities
    assert [1, 2, 3] == found.values.loc[data.held_out, "T1"].tolist()


class TestData:
    def test_held_out_animals_have_no_record(self, data: BenchmarkData) -> None:
        assert ["a3", "a4", "a5"] == data.held_out.tolist()

    def test_heritability_is_that_of_training_animals(self, data: BenchmarkData) -> None:
        assert {"T1": 0.32, "T2": 0.52} == data.heritabilities.to_dict()

    def test_tools_made_for_humans_hear_of_all_chromosomes(self, data: BenchmarkData) -> None:
        assert 29 == data.n_autosomes


class TestSimulatedData:
    @pytest.fixture
    def simulated(self, tmp_path: Path) -> BenchmarkData:
        """Forty animals in two herd-years, whose levels differ by 100."""
        (tmp_path / "truth").mkdir()
        rng = np.random.default_rng(1)
        animals = as_ids([f"a{row}" for row in range(40)])
        dosages = np.asfortranarray(rng.integers(0, 3, (40, 5)).astype(np.int8))
        write_plink(tmp_path / "genotypes", DenseGenotypes(animals, MarkerMap.numbered(5), dosages))
        ids = pd.DataFrame({"id": animals})
        milk, herds = rng.standard_normal(40), np.arange(40) % 2
        ids.assign(milk=milk + 100 * herds).to_csv(tmp_path / "traits.tsv", sep="\t", index=False)
        ids.assign(milk=milk).to_csv(tmp_path / "truth/breeding_values.tsv", sep="\t", index=False)
        ids.assign(herd_year=[f"h{herd}" for herd in herds]).to_csv(tmp_path / "covariates.tsv", sep="\t", index=False)
        (tmp_path / "truth/parameters.json").write_text('{"h2_realised": {"milk": 0.25}}')
        return read_folder(tmp_path)

    def test_records_are_deviations_from_herd_years(self, simulated: BenchmarkData) -> None:
        assert simulated.records["milk"].abs().max() < 5

    def test_some_are_held_out(self, simulated: BenchmarkData) -> None:
        assert 0 < len(simulated.held_out) < 20
        assert 0 == simulated.true_values["milk"].isna().sum()

    def test_heritability_is_the_realised_one(self, simulated: BenchmarkData) -> None:
        assert 0.25 == simulated.heritabilities["milk"]


class TestInputs:
    def test_fam_with_the_trait_and_all_digits(self, data: BenchmarkData, tmp_path: Path) -> None:
        job = job_of(data, tmp_path, {})

        tool("gemma").prepare(job)

        assert ["1", "2", "NA", "NA", "NA"] == [row.split()[5] for row in job.text("records.fam").splitlines()]
        assert ["1"] * 5 == [row.split()[5] for row in job.text("everyone.fam").splitlines()]

    def test_comma_records_have_empty_holes(self, data: BenchmarkData, tmp_path: Path) -> None:
        job = job_of(data, tmp_path, {})

        tool("slemm").prepare(job)

        assert "IID,T1\na1,1.0\na2,2.0\na3,\na4,\na5,\n" == job.text("records.csv")
        assert "SNP\nm1\nm2\n" == job.text("markers.csv")


class TestRows:
    def run(self, data: BenchmarkData, script: str, read: Found) -> list[dict[str, object]]:
        a_tool = Tool(
            "script", None, "", lambda job: None, lambda job: [[sys.executable, "-c", script]], lambda job: read
        )
        return gblup.measured(a_tool, data, ["T1"], argparse.Namespace(trait=["T1"], threads=1, limit=5.0))

    def test_costs_and_accuracy(self, data: BenchmarkData) -> None:
        values = data.true_values[["T1"]] * 2 + 1

        (row,) = self.run(data, "print('done')", Found({"T1": 0.4}, values))

        assert ("1 trait", "T1", 0.4, 0.32) == (row["fitted"], row["trait"], row["h2"], row["h2_true"])
        assert pytest.approx(1) == row["r"]
        assert "error" not in row

    def test_a_failure_is_a_row(self, data: BenchmarkData) -> None:
        (row,) = self.run(data, "raise SystemExit('error: | no memory')", Found({}, pd.DataFrame()))

        assert "CommandError: exit status 1: error: / no memory" == row["error"]

    def test_unknown_output_is_a_row_with_its_costs(self, data: BenchmarkData) -> None:
        (row,) = self.run(data, "print('done')", Found({}, pd.DataFrame()))

        assert "unread: KeyError: 'T1'" == row["error"]
        assert "wall_s" in row


@pytest.mark.parametrize(("asked", "expected"), [(["T1", "other"], ["T1"]), (["other"], ["T2"]), (None, ["T2"])])
def test_asked_traits_or_the_middle_one(asked: list[str] | None, expected: list[str], data: BenchmarkData) -> None:
    assert expected == gblup.asked_traits(data, asked)


class TestProcesses:
    def test_memory_of_descendants_is_seen(self, tmp_path: Path) -> None:
        script = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
        child = "import time; held = bytearray(80 << 20); time.sleep(0.5)"

        cost = measure([sys.executable, "-c", script, child], log=tmp_path / "log", environment={}, limit_s=30)

        assert cost.peak_mib > 80
        assert cost.wall_s > 0.5

    def test_one_after_another(self) -> None:
        assert Cost(3, 5, 20) == Cost(1, 2, 20) + Cost(2, 3, 10)

    def test_a_limit_ends_it(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match=r"^stopped after \d s \(limit 0 s\)"):
            measure(
                [sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / "log", environment={}, limit_s=0.2
            )

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("reading\nERROR: no such file\nAborting due to error\n", "ERROR: no such file"),
            ("Traceback\nValueError: no such column\n", "ValueError: no such column"),
            ("╭─ Error ─╮\n│ No such command. │\n╰─╯\n", "No such command."),
            ("", "it said nothing"),
        ],
    )
    def test_last_words(self, text: str, expected: str) -> None:
        assert expected == last_words(text)


def test_every_tool_has_the_same_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")

    environment = fair_environment(3)

    assert "OPENBLAS_CORETYPE" not in environment
    assert {"3"} == {environment[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")}
    assert os.environ["PATH"] == environment["PATH"]


def test_output_without_the_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no number after"):
        number_after("h2g = ", "h2 = 0.2")


def test_dense_script(tmp_path: Path) -> None:
    """It finds the heritability of a simulated trait, and predicts it."""
    rng = np.random.default_rng(2)
    n = 300
    dosages = np.asfortranarray(rng.binomial(2, rng.uniform(0.2, 0.8, 100), (n, 100)).astype(np.int8))
    genetic = dosages @ rng.standard_normal(100)
    genetic = (genetic - genetic.mean()) / genetic.std()
    animals = as_ids([f"a{row}" for row in range(n)])
    write_plink(tmp_path / "geno", DenseGenotypes(animals, MarkerMap.numbered(100), dosages))
    records = pd.DataFrame({"T1": genetic + 0.5 * rng.standard_normal(n)}, index=animals)
    records.iloc[:60] = np.nan
    truth = pd.DataFrame({"T1": genetic}, index=animals)
    families = pd.Series(animals, index=animals)
    data = BenchmarkData("one", tmp_path / "geno", families, records, truth, pd.Series({"T1": 0.8}), 100, 22)

    costs, found = gblup.run(tool("dense"), data, ["T1"], 1, 60.0)

    assert {} == {name: value for name, value in costs.items() if name == "error"}
    assert pytest.approx(0.8, abs=0.1) == found["T1"]["h2"]
    assert found["T1"]["r"] > 0.7


@pytest.mark.skipif(shutil.which("plink2") is None, reason="PLINK 2 isn't installed")
def test_tool_without_records(tmp_path: Path) -> None:
    costs, found = gblup.run(tool("plink2"), gblup.tiny_data(tmp_path), ["T1"], 1, 60.0)

    assert ({}, ["wall_s", "cpu_s", "peak_mib"]) == (found, list(costs))
