"""A cohort folder that is small enough for a comparison to take seconds: 120 animals x 200 markers x 4 traits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from genialearn.genotypes import DenseGenotypes, MarkerMap
from genialearn.genotypes.plink import write_plink

N_ANIMALS, N_MARKERS, N_SIRES = 120, 200, 8
TRAITS = ["milk", "fat", "health", "conception"]
ANIMALS = [f"cow{i + 1:03d}" for i in range(N_ANIMALS)]
SIRES = [f"bull{i + 1}" for i in range(N_SIRES)]
BIRTH_YEARS = 2014 + np.arange(N_ANIMALS) // 20

TRAIT_SETTINGS = """\
[milk]
unit = "kg"
direction = "higher"
fixed = "herd"
group = "production"

[fat]
unit = "kg"
direction = "higher"
fixed = "herd"

[health]
direction = "lower"

[conception]
kind = "binary"
"""


def write_tiny_cohort(folder: Path) -> Path:
    """Return `folder`, filled with genotypes, pedigree, records of four traits with holes, and the truth."""
    rng = np.random.default_rng(7)
    folder.mkdir(parents=True)
    sire_of = rng.integers(0, N_SIRES, N_ANIMALS)
    dosages = _dosages(rng, sire_of)
    genetic = _genetic_values(rng, dosages)
    write_plink(folder / "genotypes", DenseGenotypes(np.array(ANIMALS, dtype=object), _markers(), dosages))
    _write(folder / "pedigree.tsv", _pedigree(sire_of))
    herds = rng.integers(0, 3, N_ANIMALS)
    _write(folder / "covariates.tsv", pd.DataFrame({"id": ANIMALS, "herd": [f"H{herd}" for herd in herds]}))
    _write(folder / "traits.tsv", _records(rng, genetic, herds))
    (folder / "traits.toml").write_text(TRAIT_SETTINGS)
    for name in ("breeding_values", "genetic_values"):
        truth = pd.DataFrame(genetic, columns=TRAITS)
        truth.insert(0, "id", ANIMALS)
        _write(folder / "truth" / f"{name}.tsv", truth)
    return folder


def _write(path: Path, table: pd.DataFrame) -> None:
    path.parent.mkdir(exist_ok=True)
    table.to_csv(path, sep="\t", index=False, float_format="%.7g")


def _markers() -> MarkerMap:
    return MarkerMap.numbered(N_MARKERS)


def _dosages(rng: np.random.Generator, sire_of: np.ndarray) -> np.ndarray:
    """Draw each animal as one gamete of its sire and one of the population."""
    frequencies = rng.uniform(0.1, 0.9, N_MARKERS)
    haplotypes = rng.random((N_SIRES, 2, N_MARKERS)) < frequencies
    strand = rng.integers(0, 2, (N_ANIMALS, N_MARKERS))
    paternal = np.take_along_axis(haplotypes[sire_of], strand[:, None, :], axis=1)[:, 0]
    maternal = rng.random((N_ANIMALS, N_MARKERS)) < frequencies
    return np.asfortranarray(paternal.astype(np.int8) + maternal.astype(np.int8))


def _genetic_values(rng: np.random.Generator, dosages: np.ndarray) -> np.ndarray:
    effects = rng.normal(0, 1, (N_MARKERS, len(TRAITS)))
    effects[:, 1] = 0.7 * effects[:, 0] + 0.3 * effects[:, 1]
    values = dosages @ effects
    return (values - values.mean(axis=0)) / values.std(axis=0)


def _records(rng: np.random.Generator, genetic: np.ndarray, herds: np.ndarray) -> pd.DataFrame:
    values = genetic + rng.normal(0, 0.8, genetic.shape)
    values[:, :2] += 2.0 * herds[:, None]
    values[:, 3] = values[:, 3] > 0.3
    values[rng.random(N_ANIMALS) < 0.2, 2] = np.nan
    table = pd.DataFrame(values, columns=TRAITS)
    table.insert(0, "id", ANIMALS)
    return table


def _pedigree(sire_of: np.ndarray) -> pd.DataFrame:
    cows = pd.DataFrame(
        {
            "id": ANIMALS,
            "sire": [SIRES[sire] for sire in sire_of],
            "dam": "0",
            "birth_year": BIRTH_YEARS,
            "sex": "female",
        }
    )
    bulls = pd.DataFrame({"id": SIRES, "sire": "0", "dam": "0", "birth_year": 2005, "sex": "male"})
    return pd.concat([cows, bulls])
