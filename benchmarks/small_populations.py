"""What helps a small breed: its own records, those of a large breed, or genotypes without records.

    python benchmarks/small_populations.py --out runs/small
    python benchmarks/small_populations.py --out runs/quick --large 300 --small 300 --recorded 150 --markers 300

Two purebred breeds are simulated, one pair a seed, with the same QTL effects; the youngest of the small breed are
predicted. `small_populations.tsv` has a row a seed, model and trait: `r`, with true genetic values, and the `seconds`
to fit and predict. Printed, as markdown, for additive and for non-linear traits: the mean r over traits and seeds, and
its difference to GBLUP within the breed, each with its standard error over seeds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from tables import markdown
from two_breeds import ADDITIVE, NONLINEAR, Sizes, TwoBreeds, two_breeds

from genialearn.cohorts import Cohort
from genialearn.contracts import Predictor
from genialearn.experiments.machine import limited_threads
from genialearn.neural.pretraining import Pretraining
from genialearn.predictors import make_predictor
from genialearn.predictors.networks import Network

REFERENCE = "gblup, within the breed"
PATIENCE = 15
"""Epochs; the loss of what starts from a pretrained body rises before it falls."""


def main() -> None:
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    sizes = Sizes(
        arguments.large, arguments.small, arguments.recorded, arguments.markers, arguments.qtl, arguments.on_chip
    )
    tables = []
    for seed in range(1, arguments.seeds + 1):
        with limited_threads(arguments.threads):
            tables.append(one_seed(sizes, arguments, seed))
        pd.concat(tables).to_csv(arguments.out / "small_populations.tsv", sep="\t", index=False)
    print(f"\n{sizes}, founders {arguments.founders}, {arguments.seeds} seeds\n")
    print(markdown(shown(gains(pd.concat(tables))), "{:.0f}"))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--large", type=int, default=Sizes.large, help="animals of the large breed")
    parser.add_argument("--small", type=int, default=Sizes.small, help="genotyped animals of the small breed")
    parser.add_argument("--recorded", type=int, default=Sizes.recorded, help="those of them with records")
    parser.add_argument("--markers", type=int, default=Sizes.markers)
    parser.add_argument("--qtl", type=int, default=Sizes.qtl)
    parser.add_argument("--on-chip", action="store_true", help="QTL are among the markers")
    parser.add_argument("--founders", default="coalescent", help="coalescent or independent")
    parser.add_argument("--members", type=int, default=1, help="networks that are averaged")
    parser.add_argument("--epochs", type=int, default=100, help="at most, of networks; of pretraining a tenth")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def one_seed(sizes: Sizes, arguments: argparse.Namespace, seed: int) -> pd.DataFrame:
    """Return `seed model trait r seconds` of one pair of breeds."""
    breeds = two_breeds(sizes, founders=arguments.founders, seed=seed, threads=arguments.threads)
    youngest = breeds.cohort.select(breeds.is_young).without_records()
    rows = []
    print(
        f"seed {seed}: linear in QTL", dict(zip(breeds.cohort.records.trait_names, breeds.linear.round(2), strict=True))
    )
    for name, fit in Models(breeds, arguments, seed).all():
        start = time.perf_counter()
        predicted = fit().predict(youngest)
        seconds = time.perf_counter() - start
        r = [
            float(np.corrcoef(*pair)[0, 1]) for pair in zip(predicted.T, breeds.genetic[breeds.is_young].T, strict=True)
        ]
        print(f"seed {seed}: {name}, r {np.mean(r):.3f} in {seconds:.0f} s", flush=True)
        rows += [
            {"seed": seed, "model": name, "trait": trait, "r": each, "seconds": seconds}
            for trait, each in zip(breeds.cohort.records.trait_names, r, strict=True)
        ]
    return pd.DataFrame(rows)


class Models:
    """What is compared, on one pair of breeds; nobody sees anything of the animals that are predicted.

    Networks that others start from are fitted once, and their time is that of the first who needs them.
    """

    def __init__(self, breeds: TwoBreeds, arguments: argparse.Namespace, seed: int) -> None:
        self._seed, self._threads = seed, arguments.threads
        self._settings = {
            "members": arguments.members,
            "max_epochs": arguments.epochs,
            "patience": PATIENCE,
            "seed": seed,
        }
        self._pretraining = Pretraining(max_epochs=max(1, arguments.epochs // 10))
        known, recorded = ~breeds.is_young, breeds.is_recorded
        self._both = breeds.cohort.select(recorded)
        self._everybody = breeds.cohort.select(known)
        self._few = breeds.cohort.select(recorded & breeds.is_small)
        self._small = breeds.cohort.select(known & breeds.is_small)
        self._large = breeds.cohort.select(~breeds.is_small)
        self._large_and_genotypes = with_records_of(self._everybody, self._large)

    def all(self) -> Iterator[tuple[str, Callable[[], Predictor]]]:
        """Yield names and what fits."""
        yield REFERENCE, lambda: self._model("gblup").fit(self._few)
        yield "gblup, both breeds", lambda: self._model("gblup").fit(self._both)
        yield "gblup-multi, within the breed", lambda: self._model("gblup-multi").fit(self._few)
        yield "network, within the breed", lambda: self._network().fit(self._few)
        yield "network, both breeds", lambda: self._network().fit(self._both)
        yield "network, pretrained", lambda: self._network(pretraining=self._pretraining).fit(self._small)
        yield "network, of the large breed only", lambda: self._source
        yield "network, transferred", lambda: self._network().fit_from(self._source, self._few)
        yield (
            "network, transferred, heads only",
            lambda: self._network().fit_from(self._source, self._few, heads_only=True),
        )
        yield (
            "network, pretrained and transferred",
            lambda: self._network().fit_from(self._pretrained_source, self._few),
        )

    @cached_property
    def _source(self) -> Network:
        return self._network().fit(self._large)

    @cached_property
    def _pretrained_source(self) -> Network:
        return self._network(pretraining=self._pretraining).fit(self._large_and_genotypes)

    def _model(self, name: str) -> Predictor:
        return make_predictor(name, seed=self._seed, threads=self._threads)

    def _network(self, **settings: object) -> Network:
        return Network(threads=self._threads).set_params(**{**self._settings, **settings})


def with_records_of(cohort: Cohort, recorded: Cohort) -> Cohort:
    """Return a cohort in which only animals of another one keep their records."""
    kept = np.flatnonzero(np.isin(cohort.records.animals, recorded.animals))
    return Cohort(cohort.genotypes, cohort.records.select(kept), cohort.pedigree)


def gains(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row a model, in the order of the table; standard errors are over seeds."""
    out = {}
    for kind, traits in {"additive": ADDITIVE, "non-linear": NONLINEAR}.items():
        chosen = table[table["trait"].isin(traits)]
        r = chosen.pivot_table(index="seed", columns="model", values="r", sort=False)
        for what, values in {"r": r, "difference": r.sub(r[REFERENCE], axis=0)}.items():
            out[f"{what}, {kind}"] = values.mean()
            out[f"se of {what}, {kind}"] = values.std() / np.sqrt(len(values))
    out["seconds"] = table.groupby("model")["seconds"].mean()
    return pd.DataFrame(out).loc[list(dict.fromkeys(table["model"]))].rename_axis("model")


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of gains with each number and its standard error in one cell."""
    values = [name for name in table if f"se of {name}" in table]
    cells = {
        name: [f"{mean:.3f} ± {error:.3f}" for mean, error in zip(table[name], table[f"se of {name}"], strict=True)]
        for name in values
    }
    return pd.DataFrame({**cells, "seconds": table["seconds"]}, index=table.index)


if __name__ == "__main__":
    main()
