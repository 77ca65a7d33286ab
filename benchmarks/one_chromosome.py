"""One chromosome of a phased herd as a cohort folder, with traits whose genes all lie on it.

    genialearn simulate herd --animals 10000 --markers 50000 --n-traits 5 --phased --architecture additive
    python benchmarks/one_chromosome.py herd 14 herd14

For comparing generators on one chromosome, as studies of artificial genotypes do. Records of traits t1, t2, ... are
made anew: each a sum of effects of --genes markers drawn at random, which leave the chip, scaled such that the
heritability is that of --h2, plus a normal residual. Traits share --shared of the variance of their effects.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn.cohorts import CohortFiles, read_genotyped
from genialearn.genotypes import dosages, write_plink, write_vcf


def main() -> None:
    arguments = parse()
    rng = np.random.default_rng(arguments.seed)
    cohort = read_genotyped(CohortFiles.in_folder(arguments.herd)).canonical()
    assert cohort.haplotypes is not None, "the herd is phased"
    columns = np.flatnonzero(cohort.haplotypes.markers.chromosomes.astype(str) == arguments.chromosome)
    is_gene = np.isin(np.arange(len(columns)), rng.choice(len(columns), arguments.genes, replace=False))
    genes = dosages(cohort.genotypes.select(markers=columns[is_gene])).astype(np.float64)
    common, own = rng.standard_normal((2, arguments.genes, len(arguments.h2)))
    values = genes @ (np.sqrt(arguments.shared) * common[:, :1] + np.sqrt(1 - arguments.shared) * own)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    h2 = np.array(arguments.h2)
    records = np.sqrt(h2) * values + np.sqrt(1 - h2) * rng.standard_normal(values.shape)

    arguments.out.mkdir(parents=True)
    chip = cohort.haplotypes.select(markers=columns[~is_gene])
    write_plink(arguments.out / "genotypes", chip.genotypes())
    write_vcf(arguments.out / "haplotypes.vcf.gz", chip)
    if (arguments.herd / "pedigree.tsv").exists():
        shutil.copy(arguments.herd / "pedigree.tsv", arguments.out)
    names = [f"t{number}" for number in range(1, len(h2) + 1)]
    table = pd.DataFrame(records, columns=names)
    table.insert(0, "id", cohort.animals)
    table.to_csv(arguments.out / "traits.tsv", sep="\t", index=False, float_format="%.5f")
    (arguments.out / "traits.toml").write_text("".join(f'[{name}]\nkind = "quantitative"\n\n' for name in names))
    true = pd.DataFrame(values, columns=names)
    true.insert(0, "id", cohort.animals)
    (arguments.out / "truth").mkdir()
    true.to_csv(arguments.out / "truth" / "genetic_values.tsv", sep="\t", index=False, float_format="%.5f")
    print(f"{len(cohort):,} animals x {len(chip.markers):,} markers, {len(h2)} traits in {arguments.out}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("herd", type=Path, help="phased cohort folder")
    parser.add_argument("chromosome", help="its name in the map")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--h2", type=float, nargs="+", default=[0.5, 0.4, 0.3], help="heritabilities, one a trait")
    parser.add_argument("--genes", type=int, default=60)
    parser.add_argument("--shared", type=float, default=0.3, help="share of effects' variance common to all traits")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
