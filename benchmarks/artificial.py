"""Artificial animals by several generators, judged: quality beside cost.

    python benchmarks/artificial.py DATA --out runs/artificial --generator mosaic --generator boltzmann:hidden=60
    python benchmarks/artificial.py human_1000g_805 --published gan=GAN.npz --published rbm=RBM.npz --out runs/human
    python benchmarks/artificial.py DATA --inner --generator boltzmann:hidden=20,reach=6 --out runs/inner

DATA is a phased cohort folder or VCF, or a folder with `geno*.bim` and one .npz of haplotypes (2 animals x markers, 0
and 1, neighbouring rows of one animal). Half of the animals are learned from, families kept together where there is a
pedigree (or not, with --split animals), the others are the hold-out. With --inner the hold-out is put away and the
training halved again: settings are chosen so. Each generator is fitted and judged with each of --seeds seeds, by
processes of `genialearn generate` and `judge`. --published are haplotypes in .npz that somebody else has made; they are
only judged.

--out gets `judgements.tsv` (every figure of every run), `artificial.tsv` and `artificial.md`: one row a generator, the
means of some figures over seeds and their standard deviations, seconds and peak memory of fitting and sampling. The
first row is that of real animals.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from fair_environment import fair_environment
from processes import Cost, measure
from tables import markdown

from genialearn._arrays import as_ids
from genialearn.cohorts import Cohort, CohortFiles, read_genotyped
from genialearn.experiments.generation import held_out
from genialearn.genotypes import HaplotypeMatrix, MarkerMap, read_plink, write_plink, write_vcf

DEFAULT = (
    "independent",
    "markov",
    "copying",
    "matched-copying",
    "mosaic",
    "gene-drop",
    "copula",
    "boltzmann",
    "wgan-gp",
)
SHOWN = {
    "AATS": ("adversarial_accuracy", "mean"),
    "real side": ("adversarial_accuracy", "real"),
    "artificial side": ("adversarial_accuracy", "artificial"),
    "privacy loss": ("privacy_loss", "all"),
    "precision": ("precision_recall", "precision"),
    "recall": ("precision_recall", "recall"),
    "LD r": ("linkage", "r"),
    "LD decay": ("linkage", "decay_mae"),
    "gamma": ("linkage", "gamma"),
    "three-point": ("three_point", "r"),
    "frequencies": ("allele_frequency", "r"),
    "Frechet": ("principal_components", "frechet"),
    "relationships": ("relationships", "off_diagonal"),
    "classifier": ("classifier", "trees"),
}
"""Columns of the table: metric and part of `judgement.tsv`."""


def main() -> None:
    arguments = parse()
    arguments.data, arguments.out = arguments.data.resolve(), arguments.out.resolve()
    arguments.out.mkdir(parents=True, exist_ok=True)
    runs = []
    for seed in range(1, arguments.seeds + 1):
        real, holdout = written(arguments, seed)
        for name, artificial, cost in made(arguments, real, holdout, seed):
            table = judged(arguments, real, holdout, artificial, seed)
            runs.append(table.assign(generator=name, seed=seed, wall_s=cost.wall_s, peak_mib=cost.peak_mib))
            everything = pd.concat(runs)
            everything.to_csv(arguments.out / "judgements.tsv", sep="\t", index=False)
            summary = summarised(everything)
            summary.to_csv(arguments.out / "artificial.tsv", sep="\t")
            (arguments.out / "artificial.md").write_text(markdown(summary))
    print((arguments.out / "artificial.md").read_text())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--generator", action="append", metavar="NAME[:SETTING=VALUE,...]")
    parser.add_argument("--published", action="append", default=[], metavar="NAME=FILE.npz")
    parser.add_argument("--seeds", type=int, default=1, help="of splits and generators")
    parser.add_argument("--animals", type=int, help="artificial animals; default: as many as learned from")
    parser.add_argument(
        "--split", choices=["families", "animals"], default="families", help="what is kept together in a half"
    )
    parser.add_argument("--inner", action="store_true", help="halve the training half again, to choose settings")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, default=3600, metavar="SECONDS", help="of each command")
    return parser.parse_args()


def read(data: Path) -> Cohort:
    """Return the animals with their haplotypes."""
    if data.is_file() or (data / "haplotypes.vcf.gz").exists():
        return read_genotyped(CohortFiles.in_folder(data))
    [prefix] = [path.with_suffix("") for path in data.glob("geno*.bim")]
    real = [path for path in sorted(data.glob("*.npz")) if len(list(data.glob("*.npz"))) == 1 or "real" in path.name]
    return Cohort.of_genotypes(phased(read_npz(real[0]), read_plink(prefix).markers, "real"))


def read_npz(path: Path) -> np.ndarray:
    """Return the only matrix in a file."""
    with np.load(path, allow_pickle=True) as content:
        [matrix] = [content[name] for name in content.files if content[name].ndim == 2]
    return np.asarray(matrix, dtype=np.int8)


def phased(alleles: np.ndarray, markers: MarkerMap, name: str) -> HaplotypeMatrix:
    return HaplotypeMatrix.of(as_ids([f"{name}{row}" for row in range(len(alleles) // 2)]), markers, alleles)


def written(arguments: argparse.Namespace, seed: int) -> tuple[Path, Path]:
    """Return a file or folder with the animals of one seed, and a file that says who is held out."""
    cohort = read(arguments.data)
    split = held_out if arguments.split == "families" else random_half
    out = split(cohort, 0.5, np.random.default_rng([seed, 1]))
    if arguments.inner:
        cohort = cohort.select(~out)
        out = split(cohort, 0.5, np.random.default_rng([seed, 2]))
    holdout = arguments.out / f"holdout-{seed}.txt"
    holdout.write_text("".join(f"{name}\n" for name in cohort.animals[out]))
    if (arguments.data / "haplotypes.vcf.gz").exists() and not arguments.inner:
        return arguments.data, holdout
    assert cohort.haplotypes is not None, "it was read so"
    if not (arguments.data / "pedigree.tsv").exists():
        write_vcf(arguments.out / f"real-{seed}.vcf.gz", cohort.haplotypes)
        return arguments.out / f"real-{seed}.vcf.gz", holdout
    real = arguments.out / f"real-{seed}"
    real.mkdir(exist_ok=True)
    write_plink(real / "genotypes", cohort.haplotypes.genotypes())
    write_vcf(real / "haplotypes.vcf.gz", cohort.haplotypes)
    shutil.copy(arguments.data / "pedigree.tsv", real)
    return real, holdout


def random_half(cohort: Cohort, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return which animals are held out, whatever their families."""
    return np.isin(np.arange(len(cohort)), rng.permutation(len(cohort))[: round(share * len(cohort))])


def made(arguments: argparse.Namespace, real: Path, holdout: Path, seed: int) -> Iterator[tuple[str, Path, Cost]]:
    """Yield the name, file and cost of each set of artificial animals."""
    for words in arguments.published:
        name, path = words.split("=", 1)
        target = arguments.out / f"{name}.vcf.gz"
        write_vcf(target, phased(read_npz(Path(path)), read(arguments.data).genotypes.markers, name))
        yield name, target, Cost(float("nan"), float("nan"), float("nan"))
    for label in arguments.generator or ([] if arguments.published else DEFAULT):
        name, _, settings = label.partition(":")
        target = arguments.out / f"{label.replace(':', '-').replace(',', '-')}-{seed}"
        command = [sys.executable, "-m", "genialearn", "generate", str(real), "--model", name]
        command += ["--holdout", str(holdout), "--out", str(target), "--seed", str(seed), "--force", "--quiet"]
        command += [] if arguments.animals is None else ["--animals", str(arguments.animals)]
        for setting in filter(None, settings.split(",")):
            command += ["--setting", setting]
        yield label, target, run(arguments, command, f"generate-{target.name}")


def judged(arguments: argparse.Namespace, real: Path, holdout: Path, artificial: Path, seed: int) -> pd.DataFrame:
    """Return what `genialearn judge` says."""
    out = arguments.out / f"judged-{artificial.name.removesuffix('.vcf.gz')}-{seed}"
    command = [sys.executable, "-m", "genialearn", "judge", str(real), str(artificial), "--holdout", str(holdout)]
    run(arguments, [*command, "--out", str(out), "--seed", str(seed), "--force", "--quiet"], out.name)
    return pd.read_csv(out / "judgement.tsv", sep="\t")


def run(arguments: argparse.Namespace, command: list[str], name: str) -> Cost:
    log = arguments.out / f"{name}.log"
    return measure(command, log=log, environment=fair_environment(arguments.threads), limit_s=arguments.limit)


def summarised(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row a generator, real animals first: means of the figures over seeds, and standard deviations in ()."""
    rows = {"real": {name: told(chosen(runs, *place), "real_against_real") for name, place in SHOWN.items()}}
    for label, own in runs.groupby("generator", sort=False):
        figures = {name: told(chosen(own, *place), "value") for name, place in SHOWN.items()}
        rows[str(label)] = figures | {"s": f"{own['wall_s'].mean():.0f}", "MiB": f"{own['peak_mib'].max():.0f}"}
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def chosen(runs: pd.DataFrame, metric: str, part: str) -> pd.DataFrame:
    return runs[(runs["metric"] == metric) & (runs["part"] == part)]


def told(figures: pd.DataFrame, column: str) -> str:
    """Return mean (and standard deviation) over seeds."""
    by_seed = figures.groupby("seed")[column].mean()
    spread = f" ({by_seed.std(ddof=1):.3f})" if len(by_seed) > 1 else ""
    return f"{by_seed.mean():.3f}{spread}"


if __name__ == "__main__":
    main()
