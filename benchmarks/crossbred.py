"""What is the breed of origin of alleles worth in the prediction of crossbred cows?

    python benchmarks/crossbred.py runs/crossbred --seed 1 --seed 2 --seed 3

A herd is crossed with another breed; QTL effects are the same in both breeds, or correlated by a half, additive or
with dominance. Learned from are all older cows; bulls of the other breed are phased and have no records. Predicted are
the crossbred cows of the last two birth years. Each herd is written as FOLDER/SEED.tsv when it is done, and not done
again. Printed are r with true genetic values, the same with true shares of breeds held constant, b1 of the records on
the predictions, and the paired differences in both r to the first model, means over seeds (of means over traits) with
their standard errors over seeds; and how many alleles' breed of origin was found.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from crossbred_herd import CrossbredHerd, CrossbredTraits, crossbred_herd, crossbred_traits
from tables import markdown

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.genotypes.breed_of_origin import BreedPanel, partial_dosages
from genialearn.predictors.breed_of_origin import OriginGBLUP, ShareEffects, with_breed_shares
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.networks import Network
from genialearn.relationships.by_origin import breed_shares

REFERENCE = "GBLUP"
FIGURES = "r", "r within", "b1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--animals", type=int, default=3000)
    parser.add_argument("--markers", type=int, default=6000)
    parser.add_argument("--qtl", type=int, default=400)
    parser.add_argument("--crossing", type=float, default=0.3, help="share of heifers with a sire of the other breed")
    parser.add_argument("--heritability", type=float, default=0.3)
    parser.add_argument("--draws", type=int, default=4, help="traits of each scenario and seed")
    parser.add_argument("--founders", default="coalescent")
    parser.add_argument("--without-networks", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    seeds = arguments.seed or [1, 2, 3]
    for seed in seeds:
        path = arguments.folder / f"{seed}.tsv"
        if not path.exists():
            scored(seed, arguments).to_csv(path, sep="\t", index=False)
    show(pd.concat([pd.read_table(arguments.folder / f"{seed}.tsv").assign(seed=seed) for seed in seeds]))


def scored(seed: int, arguments: argparse.Namespace) -> pd.DataFrame:
    """Return one row a model and trait of one herd, and one row for the breeds of origin that were found."""
    sites = arguments.markers + arguments.qtl
    herd = crossbred_herd(arguments.animals, sites, arguments.crossing, seed, arguments.founders)
    traits = crossbred_traits(
        herd, n_qtl=arguments.qtl, draws=arguments.draws, heritability=arguments.heritability, seed=seed
    )
    cases = CrossbredCase(herd, traits)
    rows = cases.origins_found()
    for name, predict in cases.models(networks=not arguments.without_networks):
        began = time.perf_counter()
        predicted, notes = predict()
        told = {"seconds": time.perf_counter() - began}
        rows += [{"model": name, **told, **row} for row in cases.scores(predicted, notes)]
        print(f"seed {seed}: {name}, {told['seconds']:.0f} s", flush=True)
    return pd.DataFrame(rows)


Prediction = tuple[FloatArray, FloatArray | None]
"""Of the cows tested, and the correlation between breeds that was estimated of each trait, if any."""


class CrossbredCase:
    """One herd, what is learned from and what is predicted."""

    def __init__(self, herd: CrossbredHerd, traits: CrossbredTraits) -> None:
        self.herd, self.traits = herd, traits
        self.training = traits.cohort.select(~herd.is_test)
        self.tested = traits.cohort.select(herd.is_test)
        self.truth = herd.origins[:, traits.is_marker].reshape(len(herd.animals), 2, -1)
        phased = self.training.haplotypes
        assert phased is not None
        assert self.tested.haplotypes is not None
        self.panel = BreedPanel.of(phased, herd.breeds)
        self.origins = self.panel.origins(phased, declared=True), self.panel.origins(self.tested.haplotypes)
        self.shares = tuple(breed_shares(each, 2) for each in self.origins)

    def origins_found(self) -> list[dict[str, object]]:
        """Return the share of alleles of crossbreds, in training and tested, whose breed was found."""
        crossed = (self.herd.shares > 0) & ~self.herd.is_bull
        rows: list[dict[str, object]] = []
        for what, chosen, found in zip(
            ("training", "tested"), (~self.herd.is_test, self.herd.is_test), self.origins, strict=True
        ):
            right = found.reshape(-1, *self.truth.shape[1:]) == self.truth[chosen]
            rows.append({"model": f"origins, {what}", "r": right[crossed[chosen]].mean(), "n": crossed[chosen].sum()})
        fewer = self.without_their_bulls()
        rows.append({"model": "origins, tested, bulls of their years unknown", "r": fewer})
        return rows

    def without_their_bulls(self) -> float:
        """Return the share found where only the older half of the other breed's bulls is known."""
        bulls = np.flatnonzero(self.herd.is_bull)
        old = self.herd.birth_years[bulls] <= np.median(self.herd.birth_years[bulls])
        unknown = set(self.herd.animals[bulls[~old]])
        breeds = {name: breed for name, breed in self.herd.breeds.items() if name not in unknown}
        assert self.training.haplotypes is not None
        assert self.tested.haplotypes is not None
        found = BreedPanel.of(self.training.haplotypes, breeds).origins(self.tested.haplotypes)
        return float(np.mean(found.reshape(-1, *self.truth.shape[1:]) == self.truth[self.herd.is_test]))

    def models(self, *, networks: bool) -> Iterator[tuple[str, Callable[[], Prediction]]]:
        yield REFERENCE, lambda: (GBLUP(solver="exact").fit(self.training).predict(self.tested), None)
        yield "GBLUP, shares of breeds", self.with_shares
        yield "breed of origin", lambda: self.by_origin("common", None)
        yield "breed of origin, uncorrelated", lambda: self.by_origin("common", 0.0)
        yield "breed of origin, frequencies by breed", lambda: self.by_origin("breed", None)
        if networks:
            yield "network", lambda: (self.network(self.training, self.tested), None)
            yield "network, breed of origin", lambda: (self.network(*self.by_breed()), None)

    def with_shares(self) -> Prediction:
        model = GBLUP(solver="exact").fit(with_breed_shares(self.training, self.shares[0]))
        order = np.argsort(self.training.animals.astype(str), kind="stable")
        added = ShareEffects.of(model.models_, self.shares[0][order]).values(self.shares[1])
        return model.predict(self.tested) + added, None

    def by_origin(self, frequencies: str, correlation: float | None) -> Prediction:
        model = OriginGBLUP(breeds=self.herd.breeds, frequencies=frequencies, correlation=correlation)
        predicted = model.fit(self.training).predict(self.tested)
        return predicted, model.correlation_

    def network(self, training: Cohort, tested: Cohort) -> FloatArray:
        """Return predictions of a network that learns all traits at once, from cows alone."""
        recorded = training.select(np.unique(training.record_rows[np.isfinite(training.records.values).any(axis=1)]))
        return Network(threads=1).fit(recorded).predict(tested)

    def by_breed(self) -> tuple[Cohort, Cohort]:
        """Return the cohorts with columns of dosages by breed of origin in the place of dosages."""
        return tuple(  # type: ignore[return-value]
            replace(cohort, genotypes=partial_dosages(cohort.haplotypes, origins, self.panel.breeds), haplotypes=None)
            for cohort, origins in zip((self.training, self.tested), self.origins, strict=True)
            if cohort.haplotypes is not None
        )

    def scores(self, predicted: FloatArray, correlations: FloatArray | None) -> Iterator[dict[str, object]]:
        shares = self.herd.shares[self.herd.is_test]
        for trait, scenario in enumerate(self.traits.scenarios):
            true = self.traits.genetic_values[self.herd.is_test, trait]
            own, records = predicted[:, trait], self.tested.records.values[:, trait]
            yield {
                "trait": trait,
                "scenario": scenario,
                "r": np.corrcoef(own, true)[0, 1],
                "r within": np.corrcoef(beside(own, shares), beside(true, shares))[0, 1],
                "b1": np.cov(own, records)[0, 1] / own.var(ddof=1),
                "correlation": np.nan if correlations is None else correlations[trait],
                "n": len(true),
            }


def beside(values: FloatArray, shares: FloatArray) -> FloatArray:
    """Return values less their regression on the shares of the other breed."""
    return values - np.polyval(np.polyfit(shares, values, 1), shares)


def show(scores: pd.DataFrame) -> None:
    found = scores[scores["model"].str.startswith("origins")]
    print(markdown(found.groupby("model", sort=False)["r"].agg(["mean", "min"]), "{:.4f}"))
    scores = scores.drop(found.index) if found.index.is_unique else scores[scores["trait"].notna()]
    for scenario, part in scores.groupby("scenario", sort=False):
        print(f"\n**{scenario}**\n")
        print(markdown(scenario_table(part)))


def scenario_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return means over seeds, differences to the reference, and standard errors over seeds, as texts."""
    by_seed = scores.groupby(["model", "seed"], sort=False)[[*FIGURES, "correlation"]].mean()
    rows = {}
    for model in dict.fromkeys(scores["model"]):
        own, reference = by_seed.loc[model], by_seed.loc[REFERENCE]
        row = {name: with_error(own[name], "{:.3f}") for name in FIGURES}
        for name in ("r", "r within"):
            row[f"difference in {name}"] = "" if model == REFERENCE else with_error(own[name] - reference[name])
        row["c"] = "" if own["correlation"].isna().all() else f"{own['correlation'].mean():.2f}"
        rows[model] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def with_error(values: pd.Series, form: str = "{:+.3f}") -> str:
    return f"{form.format(values.mean())} ({values.std(ddof=1) / np.sqrt(len(values)):.3f})"


if __name__ == "__main__":
    main()
