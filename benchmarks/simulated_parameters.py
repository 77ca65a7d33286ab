"""Do simulated herds have the parameters asked? Heritabilities and genetic correlations over seeds, beside those asked.

    python benchmarks/simulated_parameters.py
    python benchmarks/simulated_parameters.py --architecture additive --animals 3000 --founders coalescent
    python benchmarks/simulated_parameters.py --design design.toml

Printed, as markdown, with means over seeds and their standard errors:

- by trait, the heritability asked; the realised one, from true genetic values and residuals; the one that records show:
  their squared correlation with true genetic values, both within herd-years (of binary records on the 0/1 scale);
- by pair of traits with a correlation above --least, the genetic correlation asked and the realised one;
- of how many traits and pairs the interval of two standard errors about the mean holds what was asked. Of sound
  parameters that is .92 with ten seeds (Student's t of nine degrees of freedom). What was fixed exactly counts as held.

Major genes and links move correlations and what breeding values explain: `--architecture additive`, which is the
default, shows the scaling alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from tables import markdown

from genialearn.cohorts.simulate import HerdSettings, SimulatedHerd, read_design, simulate_herd

EXACT = 1e-5
"""Differences below this are rounding."""


def main() -> None:
    arguments = parse()
    herds = [simulated(arguments, seed) for seed in range(1, arguments.seeds + 1)]
    heritabilities = pd.concat([heritability_table(herd) for herd in herds])
    correlations = pd.concat([correlation_table(herd, arguments.least) for herd in herds])
    print(f"{arguments.seeds} herds of {arguments.animals:,} cows, {arguments.founders}, {arguments.architecture}\n")
    show(heritabilities, ["trait"], ["realised", "records"])
    show(correlations, ["trait", "other"], ["realised"])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--animals", type=int, default=1000)
    parser.add_argument("--markers", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--architecture", default="additive")
    parser.add_argument("--founders", default="independent")
    parser.add_argument("--design", type=Path)
    parser.add_argument("--least", type=float, default=0.4, help="smallest genetic correlation listed")
    return parser.parse_args()


def simulated(arguments: argparse.Namespace, seed: int) -> SimulatedHerd:
    return simulate_herd(
        HerdSettings(
            animals=arguments.animals,
            markers=arguments.markers,
            architecture=arguments.architecture,
            founders=arguments.founders,
            seed=seed,
            design=None if arguments.design is None else read_design(arguments.design),
        )
    )


def heritability_table(herd: SimulatedHerd) -> pd.DataFrame:
    """Return `trait asked realised records` of one herd."""
    parameters = herd.truth.parameters
    traits = parameters["traits"]
    return pd.DataFrame(
        {
            "trait": traits,
            "asked": [parameters["h2_asked"][trait] for trait in traits],
            "realised": [parameters["h2_realised"][trait] for trait in traits],
            "records": [shown_heritability(herd, trait) for trait in traits],
        }
    )


def shown_heritability(herd: SimulatedHerd, trait: str) -> float:
    """Return r^2 of (first) records and genetic values in the animals' environments, within herd-years.

    Less (1 - r^2) / df, which is what unrelated values show.
    """
    genetic = herd.truth.genetic_values[trait]
    if herd.truth.slopes is not None:
        places = {place["name"]: place["covariate"] for place in herd.truth.parameters["environments"]}
        genetic = genetic + herd.covariates["environment"].map(places) * herd.truth.slopes[trait]
    both = pd.DataFrame({"record": herd.traits[trait], "genetic": genetic}).dropna()
    herd_years = herd.covariates["herd_year"].loc[both.index]
    within = both - both.groupby(herd_years).transform("mean")
    r_squared = float(within["record"].corr(within["genetic"]) ** 2)
    return r_squared - (1 - r_squared) / (len(both) - herd_years.nunique() - 1)


def correlation_table(herd: SimulatedHerd, least: float) -> pd.DataFrame:
    """Return `trait other asked realised` of one herd, pairs with a strong correlation only."""
    parameters = herd.truth.parameters
    names = np.array(parameters["traits"])
    asked = np.array(parameters["genetic_correlations_asked"])
    realised = np.array(parameters["genetic_correlations_realised"])
    rows, columns = np.triu_indices(len(names), 1)
    strong = np.abs(asked[rows, columns]) >= least
    rows, columns = rows[strong], columns[strong]
    return pd.DataFrame(
        {
            "trait": names[rows],
            "other": names[columns],
            "asked": asked[rows, columns],
            "realised": realised[rows, columns],
        }
    )


def show(table: pd.DataFrame, keys: list[str], figures: list[str]) -> None:
    """Print means and standard errors over herds, and how often they hold what was asked."""
    groups = table.groupby(keys, sort=False)
    out = groups[["asked"]].mean()
    held: dict[str, pd.Series[bool]] = {}
    for figure in figures:
        out[figure], out[f"{figure} se"] = groups[figure].mean(), groups[figure].sem()
        off = (out[figure] - out["asked"]).abs()
        held[figure] = (off <= 2 * out[f"{figure} se"]) | (off <= EXACT)
    print(markdown(out.reset_index(), "{:.3f}", index=False))
    for figure, within in held.items():
        print(f"{figure}: {within.sum()} of {len(within)} intervals hold what was asked ({within.mean():.2f})")
    print()


if __name__ == "__main__":
    main()
