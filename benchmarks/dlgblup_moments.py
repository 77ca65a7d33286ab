"""The simulation of DLGBLUP beside what is known of its released data.

    python benchmarks/dlgblup_moments.py --animals 2500 --markers 2000 --seeds 10

Printed, as markdown: of each of the five traits that follow the reference, the correlation of its genetic value with
its function of the reference's, and with the reference's itself; the genetic variance and that of records; each beside
the published figure, with the mean, standard error and standard deviation over seeds. The released data are one draw,
so their figures should lie within a few standard deviations of the mean.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from genialearn.cohorts.simulate.architecture import FUNCTIONS
from genialearn.cohorts.simulate.base_population import qtl_of
from genialearn.cohorts.simulate.dlgblup import FUNCTION_OF, TRAITS, DLGBLUPSettings, dlgblup_population, trait_names
from genialearn.cohorts.simulate.scales import Scales

PUBLISHED = {
    "r with f(g)": [0.484, 0.512, 0.503, 0.459, 0.471],
    "r with g": [0.484, 0.066, 0.069, 0.438, 0.367],
    "genetic variance": [6.0] * 6,
    "variance of records": [20.0] * 6,
}


def main() -> None:
    arguments = parse()
    settings = DLGBLUPSettings(arguments.animals, arguments.markers, founders=arguments.founders)
    draws = pd.concat([moments(settings, seed) for seed in range(1, arguments.seeds + 1)])
    print(f"{arguments.seeds} seeds of {settings.animals:,} animals x {settings.markers:,} markers\n")
    print("| figure | trait | published | mean | se | sd |\n|---|---|---|---|---|---|")
    for (figure, trait), values in draws.groupby(["figure", "trait"], sort=False)["value"]:
        published = PUBLISHED[figure][trait_names().index(trait) - (len(PUBLISHED[figure]) == 5)]
        deviation = values.std()
        error = deviation / np.sqrt(len(values))
        print(f"| {figure} | {trait} | {published:.3f} | {values.mean():.3f} | {error:.3f} | {deviation:.3f} |")


def moments(settings: DLGBLUPSettings, seed: int) -> pd.DataFrame:
    """Return `figure trait value` of one seed."""
    rng = np.random.default_rng(seed)
    population = dlgblup_population(settings, rng, threads=1, progress=lambda *_: None)
    genetic = population.model.values(qtl_of(population.chromosomes)).genetic
    scales, reference = Scales.of(TRAITS), genetic[:, 0]
    values = genetic * scales.genetic
    records = values + rng.standard_normal(values.shape) * scales.residual
    rows = []
    for column, (name, function) in enumerate(FUNCTION_OF.items(), start=1):
        other = genetic[:, column]
        rows.append(("r with f(g)", name, np.corrcoef(FUNCTIONS[function](reference), other)[0, 1]))
        rows.append(("r with g", name, np.corrcoef(reference, other)[0, 1]))
    rows += [("genetic variance", name, value) for name, value in zip(trait_names(), values.var(axis=0), strict=True)]
    rows += [("variance of records", name, v) for name, v in zip(trait_names(), records.var(axis=0), strict=True)]
    return pd.DataFrame(
        sorted(rows, key=lambda row: list(PUBLISHED).index(row[0])), columns=["figure", "trait", "value"]
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--animals", type=int, default=2500)
    parser.add_argument("--markers", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--founders", default="independent", help="coalescent or independent")
    return parser.parse_args()


if __name__ == "__main__":
    main()
