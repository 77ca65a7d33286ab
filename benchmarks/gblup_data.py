"""Benchmark data in memory, from either kind of folder.

A benchmark folder holds
  geno.bed, geno.bim, geno.fam   PLINK 1 fileset
  pheno_train.tsv                FID IID and one column a trait; NA for animals that are held out
  tbv.tsv                        FID IID and the true genetic values, same columns
  split.tsv                      IID test, where 1 is held out
  truth.tsv                      trait h2_set h2_all h2_train: heritability asked for, of all, and of training animals
  qtl.tsv                        for `gblup_scale.py` alone, no header: marker, then its effect on each trait of a copy
                                 of the counted allele, in any unit of the trait

A folder of `genialearn simulate` holds genotypes.*, traits.tsv and truth/breeding_values.tsv. There a fifth of the
animals is held out by chance, and records are taken as deviations from the means of their herd-year: some of the
tools know no fixed effects.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray
from genialearn.cohorts import Cohort
from genialearn.genotypes import dosages, read_plink
from genialearn.records import RecordTable, Trait


@dataclass(frozen=True, eq=False)
class BenchmarkData:
    """Genotypes on disk, records of training animals and the truth; tables have animals as index, in .fam order.

    Parameters
    ----------
    name
        Of the folder.
    prefix
        Of the PLINK fileset.
    families
        FID of each animal.
    records
        One column a trait, NaN for held-out animals.
    true_values
        Same columns.
    heritabilities
        True heritability of each trait among training animals.
    n_markers
        Number of markers.
    n_autosomes
        The largest number among chromosomes, but 22 at least: tools made for humans have to be told.
    """

    name: str
    prefix: Path
    families: pd.Series
    records: pd.DataFrame
    true_values: pd.DataFrame
    heritabilities: pd.Series
    n_markers: int
    n_autosomes: int

    @property
    def held_out(self) -> pd.Index:
        """Animals without any record."""
        return self.records.index[self.records.isna().all(axis=1)]


def read_folder(folder: Path) -> BenchmarkData:
    """Return the data of a benchmark folder, or of one by `genialearn simulate`."""
    folder = folder.resolve()
    return _read_benchmark(folder) if (folder / "geno.bed").exists() else _read_simulated(folder)


def read_cohort(folder: Path, traits: list[str] | None = None, *, holes: float = 0.0, seed: int = 1) -> Cohort:
    """Return all animals of a folder with the records of some traits or all, a share of them taken out at random."""
    data = read_folder(folder)
    genotypes = read_plink(data.prefix)
    records = data.records[traits or list(data.records)]
    values = records.reindex(genotypes.animals).to_numpy(copy=True)
    values[np.random.default_rng(seed).random(values.shape) < holes] = np.nan
    table = RecordTable(
        tuple(Trait(name) for name in records.columns),
        genotypes.animals,
        values,
        np.ones_like(values),
        pd.DataFrame(index=range(len(values))),
    )
    return Cohort(genotypes, table).canonical()


def true_covariances(folder: Path, true_values: FloatArray, chosen: BoolArray) -> dict[str, FloatArray]:
    """Return genetic covariances of traits among some animals: "realised", and "genic", those without chance
    correlations between QTL; each of shape (traits, traits).

    Parameters
    ----------
    folder
        A benchmark folder with `qtl.tsv`.
    true_values
        Of its first animals, shape (animals, traits).
    chosen
        Which of these, shape (animals,).
    """
    effects = pd.read_table(folder / "qtl.tsv", header=None, index_col=0)
    genotypes = read_plink(folder / "geno")
    place = {name: column for column, name in enumerate(genotypes.markers.names)}
    columns = np.array([place[name] for name in effects.index])
    copies = dosages(genotypes.select(animals=np.flatnonzero(chosen), markers=columns)).astype(np.float32)
    copies -= copies.mean(axis=0)
    between, weights = (copies.T @ copies / len(copies)).astype(np.float64), effects.to_numpy()
    realised = weights.T @ between @ weights
    genic = weights.T @ (np.diag(between)[:, None] * weights)
    units = true_values[chosen].std(axis=0) / np.sqrt(np.diag(realised))
    return {"realised": realised * np.outer(units, units), "genic": genic * np.outer(units, units)}


def _read_benchmark(folder: Path) -> BenchmarkData:
    records = _table(folder / "pheno_train.tsv", "IID").drop(columns="FID")
    test = _table(folder / "split.tsv", "IID")["test"].reindex(records.index) == 1
    return _data(
        folder / "geno",
        _without(records, test.to_numpy()),
        _table(folder / "tbv.tsv", "IID")[list(records.columns)],
        _table(folder / "truth.tsv", "trait")["h2_train"],
    )


def _read_simulated(folder: Path) -> BenchmarkData:
    true_values = _table(folder / "truth/breeding_values.tsv", "id")
    traits = _table(folder / "traits.tsv", "id").reindex(true_values.index)[list(true_values.columns)]
    herd_year = _table(folder / "covariates.tsv", "id")["herd_year"].reindex(traits.index)
    test = np.random.default_rng(1).random(len(traits)) < 0.2
    records = _without(traits, test)
    deviations = records - records.groupby(herd_year).transform("mean")
    realised = json.loads((folder / "truth/parameters.json").read_text())["h2_realised"]
    return _data(folder / "genotypes", deviations, true_values, pd.Series(realised))


def _without(records: pd.DataFrame, held_out: np.ndarray) -> pd.DataFrame:
    kept = records.astype(float)
    kept.loc[held_out] = np.nan
    return kept


def _table(path: Path, key: str) -> pd.DataFrame:
    return pd.read_table(path, dtype={key: str, "FID": str}).set_index(key)


def _data(prefix: Path, records: pd.DataFrame, truth: pd.DataFrame, heritabilities: pd.Series) -> BenchmarkData:
    fam = pd.read_table(prefix.with_suffix(".fam"), sep=r"\s+", header=None, usecols=[0, 1], dtype=str)
    chromosomes = pd.read_table(prefix.with_suffix(".bim"), header=None, usecols=[0], dtype=str)[0]
    return BenchmarkData(
        name=prefix.parent.name,
        prefix=prefix,
        families=pd.Series(fam[0].to_numpy(), index=fam[1]),
        records=records.reindex(fam[1]),
        true_values=truth.reindex(fam[1]),
        heritabilities=heritabilities.reindex(records.columns),
        n_markers=len(chromosomes),
        n_autosomes=int(max(22, pd.to_numeric(chromosomes, errors="coerce").max())),
    )
