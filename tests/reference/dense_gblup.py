"""Single-trait GBLUP written as plainly as possible, sharing no line with genialearn.

    python tests/reference/dense_gblup.py PREFIX traits.tsv --trait milk --covariates covariates.tsv \\
        --factor herd --covariate age --out breeding_values.tsv

y = X b + Z g + e, var(g) = G s2g, var(e) = I s2e, with VanRaden's first G of all genotyped animals, their frequencies
and missing genotypes at their means. Both variances maximise the restricted likelihood
-1/2 (log|V| + log|X'V^-1 X| + y'Py), every term computed on the full matrix V, which is built anew for every trial.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bed_reader import open_bed
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]
MISSING = {"", "NA", "nan"}


@dataclass(frozen=True)
class Fit:
    """Variances, and breeding values of all genotyped animals."""

    genetic_variance: float
    residual_variance: float
    fixed: Array
    breeding_values: Array

    @property
    def heritability(self) -> float:
        """s2g / (s2g + s2e)."""
        return self.genetic_variance / (self.genetic_variance + self.residual_variance)


def read_genotypes(prefix: Path) -> tuple[list[str], Array]:
    """Return identifiers and dosages of the first allele, NaN where missing."""
    with open_bed(f"{prefix}.bed") as bed:
        return [str(name) for name in bed.iid], bed.read(dtype="float64")


def relationships(dosages: Array) -> Array:
    """Return G = ZZ' / 2 sum p(1 - p), Z = M - 2p."""
    p = np.nanmean(dosages, axis=0) / 2
    z = np.where(np.isnan(dosages), 0.0, dosages - 2 * p)
    return np.asarray(z @ z.T / (2 * np.sum(p * (1 - p))))


def read_columns(path: Path, ids: Sequence[str], names: Sequence[str]) -> list[list[str]]:
    """Return columns of a tab-separated table in the order of the identifiers."""
    with path.open(newline="") as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream, delimiter="\t")}
    absent = dict.fromkeys(names, "")
    return [[rows.get(name, absent)[column] for name in ids] for column in names]


def design(factors: Sequence[Sequence[str]], covariates: Sequence[Sequence[str]]) -> Array:
    """Return an intercept, all but the first level of each factor, and the covariates."""
    n = len([*factors, *covariates][0])
    columns = [np.ones(n)]
    for texts in factors:
        columns += [np.array([text == level for text in texts], float) for level in sorted(set(texts))[1:]]
    columns += [np.array([float(text) for text in texts]) for texts in covariates]
    return np.column_stack(columns)


def minus_twice_log_likelihood(log_variances: Array, y: Array, x: Array, g: Array) -> float:
    """Return -2 times the restricted log likelihood, without its constant."""
    s2g, s2e = np.exp(log_variances)
    v = s2g * g + s2e * np.eye(len(y))
    scaled = np.linalg.solve(v, np.column_stack([x, y]))
    v_inverse_x, v_inverse_y = scaled[:, :-1], scaled[:, -1]
    information = x.T @ v_inverse_x
    b = np.linalg.solve(information, x.T @ v_inverse_y)
    quadratic = y @ v_inverse_y - b @ information @ b
    return float(np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1] + quadratic)


def fit(records: Array, x: Array, g: Array) -> Fit:
    """Return the fit of records of all genotyped animals, NaN where one has none."""
    known = np.isfinite(records)
    y, x, g_known = records[known], x[known], g[np.ix_(known, known)]
    start = np.log(np.var(y) / 2) * np.ones(2)
    options = {"xatol": 1e-5, "fatol": 1e-8, "maxiter": 500}
    found = minimize(minus_twice_log_likelihood, start, (y, x, g_known), method="Nelder-Mead", options=options)
    if not found.success:
        raise RuntimeError(found.message)
    s2g, s2e = np.exp(found.x)
    v = s2g * g_known + s2e * np.eye(len(y))
    b = np.linalg.solve(x.T @ np.linalg.solve(v, x), x.T @ np.linalg.solve(v, y))
    breeding_values = s2g * g[:, known] @ np.linalg.solve(v, y - x @ b)
    return Fit(float(s2g), float(s2e), np.asarray(b, float), np.asarray(breeding_values, float))


@dataclass(frozen=True)
class Files:
    """Where genotypes, records and fixed effects are."""

    prefix: Path
    traits: Path
    covariates: Path | None = None
    factors: Sequence[str] = ()
    numbers: Sequence[str] = ()

    def fixed_effects(self, ids: Sequence[str]) -> Array:
        """Return the design matrix of these animals."""
        if self.covariates is None:
            return np.ones((len(ids), 1))
        return design(*(read_columns(self.covariates, ids, names) for names in (self.factors, self.numbers)))


def fit_files(files: Files, trait: str) -> tuple[list[str], Fit]:
    """Return the genotyped animals and the fit of one trait."""
    ids, dosages = read_genotypes(files.prefix)
    (texts,) = read_columns(files.traits, ids, [trait])
    records = np.array([np.nan if text in MISSING else float(text) for text in texts])
    return ids, fit(records, files.fixed_effects(ids), relationships(dosages))


def main() -> None:
    """Fit one trait and write its breeding values."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", type=Path)
    parser.add_argument("traits", type=Path)
    parser.add_argument("--trait", required=True)
    parser.add_argument("--covariates", type=Path)
    parser.add_argument("--factor", action="append", default=[])
    parser.add_argument("--covariate", action="append", default=[])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    files = Files(args.prefix, args.traits, args.covariates, args.factor, args.covariate)
    ids, found = fit_files(files, args.trait)
    print(f"genetic variance {found.genetic_variance:.6g}, residual variance {found.residual_variance:.6g}")
    print(f"heritability {found.heritability:.6f}")
    if args.out is not None:
        rows = [f"{name}\t{value:.8g}" for name, value in zip(ids, found.breeding_values, strict=True)]
        args.out.write_text("\n".join([f"id\t{args.trait}", *rows]) + "\n")


if __name__ == "__main__":
    main()
