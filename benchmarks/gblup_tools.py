"""The tools that `gblup.py` measures: their command lines, and how to read what they write.

Every tool gets records in the form that it reads, the same values for all; writing that form isn't measured. A tool
that gives marker effects instead of breeding values has them applied to the held-out animals here, unmeasured too.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from gblup_data import BenchmarkData

from genialearn.genotypes import GenotypeMatrix, read_plink

HERE = Path(__file__).resolve().parent
DENSE_LIMIT = 5_000
"""Most animals for tools that decompose a dense matrix, or write it as text."""


@dataclass(frozen=True)
class Job:
    """One tool on some traits of one data set, in a fresh folder of its own."""

    data: BenchmarkData
    folder: Path
    traits: list[str]
    threads: int

    @property
    def bfile(self) -> str:
        """Prefix of the PLINK fileset."""
        return str(self.data.prefix)

    def text(self, name: str) -> str:
        """Return what a file of the folder says."""
        return (self.folder / name).read_text(errors="replace")

    def table(self, name: str, **options: object) -> pd.DataFrame:
        """Return a table of the folder."""
        return pd.read_csv(self.folder / name, **options)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Found:
    """What a tool found: heritabilities by trait, and predictions (animals x traits) of at least the held-out."""

    heritabilities: dict[str, float]
    values: pd.DataFrame


NOTHING = Found({}, pd.DataFrame())


@dataclass(frozen=True)
class Tool:
    """A tool: what it does, its commands, one after another, and the reading of its results.

    Parameters
    ----------
    name
        As in the table and in `--tool`.
    executable
        What must be on PATH; None for what runs by this Python.
    does
        What is measured, in words.
    prepare
        Writes the tool's inputs into the job's folder.
    commands
        Command lines, run in the job's folder.
    read
        Returns what it found.
    together
        Whether it also fits all traits in one run.
    most_animals
        Above which it's left out.
    trait_matters
        Whether it uses records at all.
    """

    name: str
    executable: str | None
    does: str
    prepare: Callable[[Job], None]
    commands: Callable[[Job], list[list[str]]]
    read: Callable[[Job], Found]
    together: bool = False
    most_animals: int | None = None
    trait_matters: bool = True


# Inputs


def write_records(job: Job) -> None:
    """Write `id` and all traits."""
    job.data.records.rename_axis("id").to_csv(job.folder / "records.tsv", sep="\t", na_rep="NA")


def write_asked_records(job: Job) -> None:
    """Write `id` and the asked traits."""
    job.data.records[job.traits].rename_axis("id").to_csv(job.folder / "records.tsv", sep="\t", na_rep="NA")


def write_family_records(job: Job, *, header: bool = True) -> None:
    """Write FID, IID and the asked traits, as many tools after PLINK read them."""
    table = job.data.records[job.traits].rename_axis("IID").reset_index()
    table.insert(0, "FID", job.data.families.to_numpy())
    table.to_csv(job.folder / "records.txt", sep="\t", na_rep="NA", header=header, index=False)


def write_headless_records(job: Job) -> None:
    """Write FID, IID and the asked traits without a header."""
    write_family_records(job, header=False)


def write_filesets(job: Job) -> None:
    """Link the fileset twice: with the trait as the sixth column of the .fam, and with a constant there."""
    fam = pd.read_table(job.data.prefix.with_suffix(".fam"), sep=r"\s+", header=None, dtype=str, keep_default_na=False)
    trait = job.data.records[job.traits[0]].map("{:.17g}".format).replace("nan", "NA")
    for stem, column in (("everyone", "1"), ("records", trait.to_numpy())):
        fam.assign(**{"5": column}).drop(columns=5).to_csv(
            job.folder / f"{stem}.fam", sep=" ", header=False, index=False
        )
        for suffix in (".bed", ".bim"):
            (job.folder / f"{stem}{suffix}").symlink_to(job.data.prefix.with_suffix(suffix))


def write_comma_records(job: Job) -> None:
    """Write records, with holes empty, and the names of all markers, as SLEMM reads them."""
    job.data.records[job.traits].rename_axis("IID").to_csv(job.folder / "records.csv")
    markers = pd.read_table(job.data.prefix.with_suffix(".bim"), header=None, usecols=[1], names=["SNP"], dtype=str)
    markers.to_csv(job.folder / "markers.csv", index=False)


def write_nothing(job: Job) -> None:
    """For tools that read genotypes only."""


# Commands


def genialearn_commands(job: Job, *options: str) -> list[list[str]]:
    """Variance components and breeding values of the asked traits."""
    asked = [] if job.traits == list(job.data.records) else [word for name in job.traits for word in ("--trait", name)]
    inputs = ["--bfile", job.bfile, "--traits", "records.tsv", *asked, *options]
    alone = ["--no-covariances", "--no-reliabilities"]  # what the other tools don't give
    running = [*alone, "--out", "out", "--threads", str(job.threads), "--force"]
    return [[sys.executable, "-m", "genialearn", "variance", *inputs, *running]]


def standardised_commands(job: Job) -> list[list[str]]:
    """As above, with every marker divided by its standard deviation."""
    return genialearn_commands(job, "--relationships", "vanraden2")


def gemma_commands(job: Job) -> list[list[str]]:
    """Relationships, then ridge regression."""
    markers = ["-notsnp", "-maf", "0", "-miss", "1", "-hwe", "0", "-r2", "1", "-outdir", "."]
    return [
        ["gemma", "-bfile", "everyone", "-gk", "1", "-o", "k", *markers],
        ["gemma", "-bfile", "records", "-k", "k.cXX.txt", "-bslmm", "2", "-o", "ridge", *markers],
    ]


def plink_commands(job: Job) -> list[list[str]]:
    """The relationship matrix, in single precision."""
    animals = ["--nonfounders", "--autosome-num", str(job.data.n_autosomes)]
    running = ["--threads", str(job.threads), "--out", "g"]
    return [["plink2", "--bfile", job.bfile, *animals, "--make-rel", "square", "bin4", *running]]


def bolt_commands(job: Job) -> list[list[str]]:
    """REML, association under the infinitesimal model, which can't be left out, and marker effects."""
    records = ["--phenoFile", "records.txt", "--phenoCol", job.traits[0]]
    written = ["--statsFile", "statistics.txt", "--predBetasFile", "effects.txt"]
    model = ["--lmmInfOnly", "--LDscoresUseChip", "--Nautosomes", str(job.data.n_autosomes)]
    return [["bolt", "--bfile", job.bfile, *records, *model, "--numThreads", str(job.threads), *written]]


def gcta_commands(job: Job) -> list[list[str]]:
    """Relationships, REML with breeding values, marker effects."""
    running = ["--thread-num", str(job.threads), "--autosome-num", str(job.data.n_autosomes), "--out", "g"]
    return [
        ["gcta64", "--bfile", job.bfile, "--make-grm", *running],
        ["gcta64", "--grm", "g", "--pheno", "records.txt", "--reml", "--reml-pred-rand", *running],
        ["gcta64", "--bfile", job.bfile, "--blup-snp", "g.indi.blp", *running],
    ]


def ldak_commands(job: Job) -> list[list[str]]:
    """Ridge regression; heritability by its stochastic REML. Power -1 is one variance for all standardised markers."""
    records = ["--pheno", "records.txt", "--mpheno", "1"]
    running = ["--power", "-1", "--LOCO", "NO", "--max-threads", str(job.threads)]
    return [["ldak", "--ridge", "ridge", "--bfile", job.bfile, *records, *running]]


def slemm_commands(job: Job) -> list[list[str]]:
    """Stochastic REML and marker effects."""
    records = ["--phenotype_file", "records.csv", "--trait", job.traits[0], "--snp_info_file", "markers.csv"]
    running = ["--num_threads", str(job.threads), "--output_file", "slemm"]
    return [["slemm", "--reml", "--bfile", job.bfile, *records, *running]]


def dense_commands(job: Job) -> list[list[str]]:
    """The script beside this one."""
    return [[sys.executable, str(HERE / "dense_gblup.py"), job.bfile, "records.tsv", "."]]


# Results


def read_genialearn(job: Job) -> Found:
    """Return h2_scaled, which like other tools' share of variance counts the mean diagonal of G."""
    variance = job.table("out/variance.tsv", sep="\t", dtype={"trait": str}).set_index("trait")
    return Found(variance["h2_scaled"].to_dict(), _values_by_id(job, "out/breeding_values.tsv"))


def read_dense(job: Job) -> Found:
    """Return the tables of the script beside this one."""
    variance = job.table("variance.tsv", sep="\t", dtype={"trait": str}).set_index("trait")
    return Found(variance["h2"].to_dict(), _values_by_id(job, "breeding_values.tsv"))


def read_gemma(job: Job) -> Found:
    """Return "pve" of the log, and effects alpha of A1."""
    h2 = number_after(r"pve estimate in the null model\s*=\s*", job.text("ridge.log.txt"))
    table = job.table("ridge.param.txt", sep="\t", dtype={"rs": str})
    return _one_trait(job, h2, table.set_index("rs")["alpha"])


def read_nothing(job: Job) -> Found:
    """For tools that give neither."""
    return NOTHING


def read_bolt(job: Job) -> Found:
    """Return "h2g" of what it printed, and effects of ALLELE1."""
    h2 = number_after(r"Estimated \(pseudo-\)heritability: h2g = ", job.text("log1.txt"))
    table = job.table("effects.txt", sep="\t", dtype={"SNP": str, "ALLELE1": str})
    return _one_trait(job, h2, table.set_index("SNP")["BETA"], table.set_index("SNP")["ALLELE1"])


def read_gcta(job: Job) -> Found:
    """Return V(G)/Vp, and effects of the allele named beside them."""
    h2 = number_after(r"^V\(G\)/Vp\t", job.text("g.hsq"))
    table = job.table("g.snp.blp", sep="\t", header=None, dtype={0: str, 1: str}).set_index(0)
    return _one_trait(job, h2, table[2], table[1])


def read_ldak(job: Job) -> Found:
    """Return the last heritability that it settled on, and effects of A1."""
    heritabilities = job.table("ridge.hers", sep=r"\s+")["Heritability"]
    table = job.table("ridge.effects", sep=r"\s+", dtype={"Predictor": str, "A1": str}).set_index("Predictor")
    return _one_trait(job, float(heritabilities.iloc[-1]), table["Effect"], table["A1"])


def read_slemm(job: Job) -> Found:
    """Return h2, and effects of Allele2."""
    h2 = number_after(r"^h2,", job.text("slemm.reml.vc.csv"))
    table = job.table("slemm.reml.snp.csv", dtype={"SNP": str, "Allele2": str}).set_index("SNP")
    return _one_trait(job, h2, table["Effect"], table["Allele2"])


def number_after(pattern: str, text: str) -> float:
    """Return the last number in a text that stands after a pattern.

    Raises
    ------
    ValueError
        Where there's none: the tool's output isn't what this script knows.
    """
    found = re.findall(rf"{pattern}(\S+)", text, flags=re.M)
    if not found:
        raise ValueError(f"no number after {pattern!r} in the output")
    return float(found[-1])


def _values_by_id(job: Job, name: str) -> pd.DataFrame:
    return job.table(name, sep="\t", dtype={"id": str}).set_index("id")


def _one_trait(job: Job, h2: float, effects: pd.Series, alleles: pd.Series | None = None) -> Found:
    return Found({job.traits[0]: h2}, predicted(job, effects, alleles))


def predicted(job: Job, effects: pd.Series, alleles: pd.Series | None = None) -> pd.DataFrame:
    """Return the held-out animals' sums of effects times dosages, but for a constant; markers without effect count 0.

    Parameters
    ----------
    job
        Whose genotypes, and whose one trait.
    effects
        Of one copy of an allele, by name of the marker.
    alleles
        Which allele, by name of the marker; None for the counted one of the fileset.
    """
    genotypes = read_plink(job.bfile)
    animals = pd.Index(genotypes.animals).get_indexer(job.data.held_out)
    signed = effects.reindex(genotypes.markers.names).fillna(0.0).to_numpy()
    if alleles is not None:
        counted = alleles.reindex(genotypes.markers.names).to_numpy() == genotypes.markers.counted_alleles
        signed = np.where(counted, signed, -signed)
    sums = _sums(genotypes.select(animals=animals), signed)
    return pd.DataFrame(sums[:, None], index=job.data.held_out, columns=job.traits)


def _sums(genotypes: GenotypeMatrix, effects: np.ndarray) -> np.ndarray:
    """Return each animal's sum of effects times dosages, a missing one at its mean."""
    sums = np.zeros(genotypes.shape[0])
    for columns, block in genotypes.blocks():
        means = np.ma.masked_less(block, 0).mean(axis=0).filled(0)
        sums += np.where(block < 0, means, block) @ effects[columns]
    return sums


TOOLS = [
    Tool(
        "genialearn",
        None,
        "REML and breeding values",
        write_records,
        genialearn_commands,
        read_genialearn,
        together=True,
    ),
    Tool(
        "genialearn-standardised",
        None,
        "REML and breeding values, standardised markers",
        write_records,
        standardised_commands,
        read_genialearn,
    ),
    Tool(
        "dense",
        None,
        "numpy: G, one eigendecomposition, REML and breeding values",
        write_asked_records,
        dense_commands,
        read_dense,
        together=True,
        most_animals=DENSE_LIMIT,
    ),
    Tool(
        "gemma",
        "gemma",
        "G, REML and marker effects",
        write_filesets,
        gemma_commands,
        read_gemma,
        most_animals=DENSE_LIMIT,
    ),
    Tool("plink2", "plink2", "G alone", write_nothing, plink_commands, read_nothing, trait_matters=False),
    Tool(
        "bolt",
        "bolt",
        "stochastic REML, association, marker effects",
        write_family_records,
        bolt_commands,
        read_bolt,
    ),
    Tool("gcta", "gcta64", "G, REML and marker effects", write_headless_records, gcta_commands, read_gcta),
    Tool("ldak", "ldak", "stochastic REML and marker effects", write_family_records, ldak_commands, read_ldak),
    Tool("slemm", "slemm", "stochastic REML and marker effects", write_comma_records, slemm_commands, read_slemm),
]
