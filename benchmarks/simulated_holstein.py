"""A simulated herd beside statistics of a real population: frequencies, linkage disequilibrium, relationships.

    genialearn simulate herd --animals 10000 --markers 50000 --n-traits 5
    python benchmarks/simulated_holstein.py herd --statistics holstein_chip_statistics

STATISTICS is a folder with `markers.tsv.gz` (`chromosome position_bp allele_frequency`) and `ld_decay.tsv`
(`distance_kb`, such as 25-50, and a column a chromosome: mean r2 of genotypes of markers with a minor allele frequency
above .05). Printed, as markdown: quantiles of the minor allele frequency; mean r2 by distance on the chromosomes of
that file, its mean over these and the quotient; and what there is no statistic for, means and standard deviations of
genomic relationships and inbreeding (VanRaden's first matrix, frequencies of the herd), by pedigree too. At most
--animals animals are used.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from tables import markdown

from genialearn.cohorts import Cohort, CohortFiles, read_genotyped
from genialearn.genotypes import allele_frequencies, dosages
from genialearn.relationships import PedigreeRelationships

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
LEAST_FREQUENCY = 0.05


def main() -> None:
    arguments = parse()
    cohort = read_genotyped(CohortFiles.in_folder(arguments.herd))
    real = pd.read_csv(arguments.statistics / "markers.tsv.gz", sep="\t")
    decay = pd.read_csv(arguments.statistics / "ld_decay.tsv", sep="\t")
    rng = np.random.default_rng(arguments.seed)
    chosen = np.sort(rng.choice(len(cohort), min(arguments.animals, len(cohort)), replace=False))
    print(f"{len(cohort):,} animals x {cohort.genotypes.shape[1]:,} markers, {len(chosen):,} used for relationships\n")
    print(markdown(frequencies(cohort, real), "{:.3f}", index=False))
    print(markdown(linkage(cohort, decay, chosen), "{:.3f}", index=False))
    print(markdown(relationships(cohort, chosen), "{:.4f}", index=False))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("herd", type=Path)
    parser.add_argument("--statistics", type=Path, required=True)
    parser.add_argument("--animals", type=int, default=4000, help="used for linkage and relationships")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def frequencies(cohort: Cohort, real: pd.DataFrame) -> pd.DataFrame:
    """Return quantiles of the minor allele frequency, real and simulated."""
    both = [np.minimum(p, 1 - p) for p in (real["allele_frequency"].to_numpy(), allele_frequencies(cohort.genotypes))]
    found = [np.quantile(minor, QUANTILES) for minor in both]
    table = pd.DataFrame({"quantile": QUANTILES, "real": found[0], "simulated": found[1]})
    return table.assign(difference=table["simulated"] - table["real"])


def linkage(cohort: Cohort, decay: pd.DataFrame, animals: np.ndarray) -> pd.DataFrame:
    """Return mean r2 by distance, real and simulated, a chromosome at a time and their means."""
    edges = [(1000 * int(low), 1000 * int(high)) for low, high in decay["distance_kb"].str.split("-")]
    table = decay[["distance_kb"]].copy()
    names = [name for name in decay.columns if name.startswith("BTA")]
    for name in names:
        table[name] = decay[name]
        table[f"{name} simulated"] = decay_of(cohort, name.removeprefix("BTA"), edges, animals)
    table["real"] = decay[names].mean(axis=1)
    table["simulated"] = table[[f"{name} simulated" for name in names]].mean(axis=1)
    return table.assign(quotient=table["simulated"] / table["real"])


def decay_of(cohort: Cohort, chromosome: str, edges: list[tuple[int, int]], animals: np.ndarray) -> list[float]:
    markers = cohort.genotypes.markers
    columns = np.flatnonzero(markers.chromosomes.astype(str) == chromosome)
    values = dosages(cohort.genotypes.select(animals=animals, markers=columns)).astype(np.float32)
    frequency = values.mean(axis=0) / 2
    common = np.minimum(frequency, 1 - frequency) > LEAST_FREQUENCY
    values, positions = values[:, common], markers.positions[columns][common]
    centred = (values - values.mean(axis=0)) / values.std(axis=0)
    squares = (centred.T @ centred / len(values)) ** 2
    first, second = np.triu_indices(len(positions), 1)
    distances, r2 = np.abs(positions[second] - positions[first]), squares[first, second]
    return [float(r2[(low <= distances) & (distances < high)].mean()) for low, high in edges]


def relationships(cohort: Cohort, animals: np.ndarray) -> pd.DataFrame:
    """Return means and standard deviations of relationships and inbreeding, by markers and by pedigree."""
    p = allele_frequencies(cohort.genotypes)
    genomic, diagonal = np.zeros((len(animals), len(animals)), dtype=np.float32), np.triu_indices(len(animals), 1)
    for columns, block in cohort.genotypes.select(animals=animals).blocks(2048):
        centred = (block - 2 * p[columns]).astype(np.float32)
        genomic += centred @ centred.T
    genomic /= 2 * np.sum(p * (1 - p))
    rows = [("genomic relationship", genomic[diagonal]), ("genomic inbreeding", np.diag(genomic) - 1)]
    if cohort.pedigree is not None:
        by_pedigree = PedigreeRelationships.of(cohort.pedigree, cohort.animals[animals])
        rows.append(("inbreeding by pedigree", by_pedigree.diagonal() - 1))
    return pd.DataFrame([(name, values.mean(), values.std()) for name, values in rows], columns=["", "mean", "sd"])


if __name__ == "__main__":
    main()
