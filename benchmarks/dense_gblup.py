"""GBLUP as a textbook has it, in numpy: G whole, one eigendecomposition for traits with the same records.

    python benchmarks/dense_gblup.py PREFIX RECORDS OUT

RECORDS is a table of `id` and one column a trait. OUT gets `variance.tsv` (trait, h2) and `breeding_values.tsv`.
Imports nothing of genialearn; memory grows with the square of the number of animals.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

DOSAGES = np.array([2, np.nan, 1, 0], dtype=np.float32)


def genotypes(prefix: Path, n_animals: int) -> np.ndarray:
    """Return copies of A1 minus their mean, float32, shape (markers, animals)."""
    packed = np.fromfile(prefix.with_suffix(".bed"), dtype=np.uint8)[3:].reshape(-1, -(-n_animals // 4))
    by_byte = DOSAGES[np.arange(256)[:, None] >> np.arange(0, 8, 2) & 3]
    dosages = by_byte[packed].reshape(len(packed), -1)[:, :n_animals]
    return np.nan_to_num(dosages - np.nanmean(dosages, axis=1, keepdims=True))


def relationships(prefix: Path, n_animals: int) -> np.ndarray:
    """Return VanRaden's G = ZZ' / (2 sum p(1 - p)) divided by its mean diagonal, shape (animals, animals)."""
    z = genotypes(prefix, n_animals)
    g = z.T @ z
    return g / g.diagonal().mean()


def reml(eigenvalues: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return h2 and V^-1 (y - x b) in the coordinates of the eigenvectors."""

    def parts(h2: float) -> tuple[np.ndarray, np.ndarray, float]:
        v = h2 * eigenvalues + 1 - h2
        information = float(x @ (x / v))
        return v, y - x * float(x @ (y / v)) / information, information

    def deviance(h2: float) -> float:
        v, residuals, information = parts(h2)
        squares = float(residuals @ (residuals / v))
        return (len(y) - 1) * np.log(squares) + float(np.log(v).sum()) + np.log(information)

    h2 = float(minimize_scalar(deviance, bounds=(1e-6, 1 - 1e-6), method="bounded").x)
    v, residuals, _ = parts(h2)
    return h2, residuals / v


def main() -> None:
    prefix, records, out = Path(sys.argv[1]), pd.read_table(sys.argv[2], index_col="id"), Path(sys.argv[3])
    g = relationships(prefix, len(records))
    heritabilities, values = {}, pd.DataFrame(index=records.index)
    for _, same in records.T.groupby(records.isna().T.apply(tuple, axis=1)):
        seen = same.iloc[0].notna().to_numpy()
        eigenvalues, vectors = np.linalg.eigh(g[np.ix_(seen, seen)].astype(np.float64))
        for trait, record in same.iterrows():
            y = record.to_numpy()[seen]
            heritabilities[trait], dual = reml(eigenvalues, vectors.T @ y, vectors.sum(axis=0))
            values[trait] = heritabilities[trait] * (g[:, seen] @ (vectors @ dual))
    pd.Series(heritabilities, name="h2").rename_axis("trait").to_csv(out / "variance.tsv", sep="\t")
    values.to_csv(out / "breeding_values.tsv", sep="\t")


if __name__ == "__main__":
    main()
