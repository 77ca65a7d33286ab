"""What artificial animals of several generators are good for in genomic prediction.

    genialearn simulate herd --animals 1000 --markers 3000 --phased
    python benchmarks/artificial_use.py herd --out runs/use --generator mosaic --generator gene-drop
    python benchmarks/artificial_use.py herd --out runs/use --generator mosaic --times 1 --times 8
    python benchmarks/artificial_use.py herd --out runs/use --generator mosaic --size 100 --size 300

DATA is a cohort folder with records, phased where a generator needs that. Half of the animals are learned from,
families kept together where there is a pedigree, the others test. For each of --seeds seeds every generator draws as
many animals as it has learned from, or --times as many. `usefulness.tsv` gets what models trained on them are worth,
trait by trait, as `genialearn judge --use` has it; `usefulness.md` the means over traits and seeds, and in () their
standard deviations over seeds. `se` are the means of the standard errors that a single difference in r, or ratio, has
over animals held out.

With --size n training sets are small: generators see n animals alone, and models are trained on these and on these
with --added artificial ones, whose records come from the GBLUP of the n. `augmentation.tsv` and `augmentation.md` say
what r on the animals held out gains, by generator, predictor and n, seeds being draws of the n animals.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tables import markdown

from genialearn.cli.options import settings_of
from genialearn.cohorts import Cohort, CohortFiles, read_genotyped
from genialearn.contracts import GenotypeGenerator
from genialearn.experiments.augmentation import augmentation
from genialearn.experiments.generation import held_out
from genialearn.experiments.machine import limited_threads
from genialearn.experiments.usefulness import usefulness
from genialearn.generators import make_generator
from genialearn.generators.conditions import with_traits

DEFAULT = ("independent", "mosaic", "gene-drop")
SHOWN = {
    "r": ("r", "artificial"),
    "r, made likewise": ("r", "real_against_real"),
    "difference": ("r_difference", "artificial"),
    "se": ("r_difference", "se"),
    "ratio": ("r_ratio", "artificial"),
    "ratio, made likewise": ("r_ratio", "real_against_real"),
    "se of the ratio": ("r_ratio", "se"),
    "marker effects": ("marker_effects", "artificial"),
    "of real made likewise": ("marker_effects", "real_against_real"),
    "z": ("gwas_z", "artificial"),
    "z of real made likewise": ("gwas_z", "real_against_real"),
    "top": ("gwas_top", "artificial"),
    "h2": ("h2", "artificial"),
    "h2 of real made likewise": ("h2", "real_against_real"),
}
"""Columns of `usefulness.md`: figure and column of `usefulness.tsv`."""


def main() -> None:
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    cohort = read_genotyped(CohortFiles.in_folder(arguments.data))
    if arguments.trait:
        names = cohort.records.trait_names
        cohort = with_traits(cohort, np.array([names.index(name) for name in arguments.trait]))
    out = held_out(cohort, 0.5, np.random.default_rng([1, 1]))
    training, holdout = cohort.select(~out), cohort.select(out)
    with limited_threads(arguments.threads):
        if arguments.size:
            keep(arguments, "augmentation", *augmented(arguments, training, holdout))
        else:
            keep(arguments, "usefulness", *used(arguments, training, holdout))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--generator", action="append", metavar="NAME[:SETTING=VALUE,...]")
    parser.add_argument("--trait", action="append", help="repeat for more; default: all with enough records")
    parser.add_argument("--seeds", type=int, default=3, help="of generators, and of small training sets")
    parser.add_argument(
        "--times", type=int, action="append", help="artificial animals for each one; default: 1; repeat"
    )
    parser.add_argument("--size", type=int, action="append", help="animals of small training sets; repeat for more")
    parser.add_argument("--added", type=int, default=1000, help="artificial animals added to small training sets")
    parser.add_argument("--predictor", action="append", help="of small training sets; default: gblup")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def factory(label: str, threads: int) -> Callable[[int], GenotypeGenerator]:
    """Return what gives the generator of a label for a seed."""
    name, _, words = label.partition(":")
    settings: dict[str, Any] = settings_of([word for word in words.split(",") if word])
    return lambda seed: make_generator(name, settings, seed=seed, threads=threads)


def used(arguments: argparse.Namespace, training: Cohort, holdout: Cohort) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return every figure of every run, and a row a generator and number of animals, real animals first."""
    tables = []
    for label in arguments.generator or DEFAULT:
        for seed in range(1, arguments.seeds + 1):
            generator = factory(label, arguments.threads)(seed).fit(training)
            for times in arguments.times or [1]:
                drawn = generator.sample(times * len(training), rng=np.random.default_rng([seed, 4]))
                table = usefulness(training, holdout, drawn, rng=np.random.default_rng([seed, 7]))
                tables.append(table.assign(generator=label, times=times, seed=seed))
    everything = pd.concat(tables)
    rows = {"real": {name: told(everything, figure, "real") for name, (figure, _) in SHOWN.items() if name in REAL}}
    for (label, times), own in everything.groupby(["generator", "times"], sort=False):
        rows[f"{label} x {times}"] = {name: told(own, figure, column) for name, (figure, column) in SHOWN.items()}
    return everything, pd.DataFrame.from_dict(rows, orient="index", columns=list(SHOWN)).fillna("")


REAL = ("r", "marker effects", "z", "top", "h2")
"""Columns in which the row of real animals has a value: of animals with their own records."""


def told(table: pd.DataFrame, figure: str, column: str) -> str:
    """Return the mean over traits and seeds (and its standard deviation over seeds)."""
    by_seed = table[table["figure"] == figure].groupby("seed")[column].mean()
    spread = f" ({by_seed.std(ddof=1):.3f})" if len(by_seed) > 1 else ""
    return f"{by_seed.mean():.3f}{spread}"


def augmented(arguments: argparse.Namespace, training: Cohort, holdout: Cohort) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the gain of every trait, and the means over traits."""
    tables = [
        augmentation(
            training,
            holdout,
            factory(label, arguments.threads),
            sizes=arguments.size,
            n_artificial=arguments.added,
            predictors=arguments.predictor or ["gblup"],
            seeds=range(1, arguments.seeds + 1),
            threads=arguments.threads,
        ).assign(generator=label)
        for label in arguments.generator or DEFAULT
    ]
    everything = pd.concat(tables)
    figures = ["real", "augmented", "difference", "se", "se_seeds"]
    means = everything.groupby(["generator", "predictor", "n_real", "n_artificial"], sort=False)[figures].mean()
    shown = means.round(3).reset_index().astype(str)
    return everything, shown.set_index("generator")


def keep(arguments: argparse.Namespace, name: str, everything: pd.DataFrame, summary: pd.DataFrame) -> None:
    everything.to_csv(arguments.out / f"{name}.tsv", sep="\t", index=False)
    (arguments.out / f"{name}.md").write_text(markdown(summary))
    print(markdown(summary))


if __name__ == "__main__":
    main()
