"""The hybrid against both GBLUPs, on herds whose truth is known and on real data.

    python benchmarks/hybrid_truth.py runs/hybrid --animals 20000 --markers 20000 --seed 1 --seed 2 --seed 3
    python benchmarks/hybrid_truth.py runs/hybrid --architecture additive --animals 20000 --markers 20000
    python benchmarks/hybrid_truth.py runs/hybrid --cohort mice --split kfold:5

Each herd has 33 traits; its youngest fifth is tested. One fit of the hybrid gives its own predictions and those of the
multi-trait GBLUP within it; single-trait GBLUP is solved at the same heritabilities. Judged as `genialearn compare`
does: r on tested animals, Hotelling's test in Williams' form corrected by Holm's method over traits, and a bootstrap
of sires' families; with true genetic values where there are any, and with records free of fixed effects, which GBLUP
of all animals estimates. Printed, as markdown: verdicts against each GBLUP, the traits with planted curves, costs. A
table of all traits is left in the folder, and read from there when the command is repeated.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn import Cohort, CohortFiles, read_cohort
from genialearn._arrays import FloatArray
from genialearn.cohorts.simulate import simulate_cohort
from genialearn.mixed_models.fits import adjusted_by_animal
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.hybrids import Hybrid
from genialearn.validation import tests
from genialearn.validation.splits import SplitScheme, blocks

REFERENCES = ("gblup", "gblup-multi")


def main() -> None:
    arguments = parse()
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, herd, seed in herds(folder, arguments):
        table, costs, links = judged(folder / f"{name}.tsv", herd, arguments.split, seed)
        print(f"\n## {name}\n")
        print(verdicts(table))
        print(planted(table, links))
        print("Fit: " + ", ".join(f"{model} {seconds:.0f} s" for model, seconds in costs.items()))


def herds(folder: Path, arguments: argparse.Namespace) -> list[tuple[str, Path, int]]:
    """Return name, folder and seed of each cohort; simulated where they don't exist."""
    seeds = arguments.seed or [1]
    if arguments.cohort:
        return [(f"{Path(arguments.cohort).name}-{seed}", Path(arguments.cohort), seed) for seed in seeds]
    found = []
    for seed in seeds:
        name = f"{arguments.architecture}-{arguments.animals}-{arguments.markers}-{seed}"
        herd = folder / f"herd-{name}"
        if not herd.exists():
            settings = {"animals": arguments.animals, "markers": arguments.markers}
            simulate_cohort(herd, architecture=arguments.architecture, seed=seed, **settings)
        found.append((name, herd, seed))
    return found


def judged(path: Path, herd: Path, split: str, seed: int) -> tuple[pd.DataFrame, dict[str, float], dict[str, str]]:
    """Return the table of all traits, seconds of fitting, and the driver of each trait with a planted curve."""
    extra = path.with_suffix(".json")
    if not path.exists():
        table, costs = judge(herd, split, seed)
        table.to_csv(path, sep="\t", index=False)
        extra.write_text(json.dumps(costs))
    parameters = herd / "truth" / "parameters.json"
    links = json.loads(parameters.read_text()).get("links", []) if parameters.exists() else []
    return (
        pd.read_csv(path, sep="\t"),
        json.loads(extra.read_text()),
        {link["target"]: link["driver"] for link in links},
    )


def judge(herd: Path, split: str, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    cohort, _ = read_cohort(CohortFiles.in_folder(herd))
    cohort = cohort.canonical()
    parts = SplitScheme.parse(split).splits(cohort, rng=np.random.default_rng([seed, 0]))
    costs: dict[str, float] = {"gblup, heritabilities known": 0.0, "hybrid": 0.0}
    predicted = {model: np.full((len(cohort), len(cohort.traits)), np.nan) for model in (*REFERENCES, "hybrid")}
    heritabilities = np.zeros(len(cohort.traits))
    for part in parts:
        found, h, seconds = fitted(cohort.select(part.train), cohort.select(part.test), seed)
        heritabilities += h / len(parts)
        for model, values in found.items():
            predicted[model][part.test] = values - values.mean(axis=0)
        for name, value in seconds.items():
            costs[name] += value
    observed = {"record": free_of_fixed_effects(cohort, heritabilities)}
    truth = herd / "truth" / "genetic_values.tsv"
    if truth.exists():
        observed["true value"] = (
            pd.read_csv(truth, sep="\t", dtype={"id": str}).set_index("id").loc[cohort.animals].to_numpy()
        )
    tested = np.sort(np.concatenate([part.test for part in parts]))
    return comparisons(cohort, predicted, observed, tested, heritabilities), costs


def fitted(train: Cohort, test: Cohort, seed: int) -> tuple[dict[str, FloatArray], FloatArray, dict[str, float]]:
    """Return predictions of each model, heritabilities, and seconds of fitting."""
    started = time.perf_counter()
    hybrid = Hybrid(seed=seed).fit(train)
    seconds = {"hybrid": time.perf_counter() - started}
    started = time.perf_counter()
    plain = GBLUP(heritability=list(hybrid.heritability_), seed=seed).fit(train)
    seconds["gblup, heritabilities known"] = time.perf_counter() - started
    print(*hybrid.notes_, sep="\n", flush=True)
    found = {
        "gblup": plain.predict(test),
        "gblup-multi": hybrid.base_.predict(test),
        "hybrid": hybrid.predict(test),
    }
    return found, hybrid.heritability_, seconds


def free_of_fixed_effects(cohort: Cohort, heritabilities: FloatArray) -> FloatArray:
    """Return records of all animals without fixed effects, NaN where there are none, shape (animals, traits)."""
    whole = GBLUP(heritability=list(heritabilities)).fit(cohort)
    return adjusted_by_animal(whole.models_, len(cohort))[0]


def comparisons(
    cohort: Cohort,
    predicted: dict[str, FloatArray],
    observed: dict[str, FloatArray],
    tested: np.ndarray,
    heritabilities: FloatArray,
) -> pd.DataFrame:
    """Return `trait h2 with reference r_reference r difference se b1 p p_holm verdict`."""
    families, rows = blocks(cohort), []
    for kind, values in observed.items():
        for reference in REFERENCES:
            compared = []
            for trait, name in enumerate(cohort.records.trait_names):
                known = tested[np.isfinite(values[tested, trait])]
                y, x, z = (array[known, trait] for array in (values, predicted["hybrid"], predicted[reference]))
                rng = np.random.default_rng([trait, len(rows)])
                result = tests.compare(y, x, z, blocks=families[known], rng=rng)
                r = np.corrcoef(y, z)[0, 1]
                slope = np.cov(x, y)[0, 1] / x.var(ddof=1)
                compared.append((name, heritabilities[trait], kind, reference, r, r + result.difference, slope, result))
            corrected = tests.holm(np.array([row[-1].p for row in compared]))
            rows += [
                (*row[:-1], row[-1].difference, row[-1].se, row[-1].p, p, tests.verdict(row[-1], float(p)))
                for row, p in zip(compared, corrected, strict=True)
            ]
    columns = [
        "trait",
        "h2",
        "with",
        "reference",
        "r_reference",
        "r",
        "b1",
        "difference",
        "se",
        "p",
        "p_holm",
        "verdict",
    ]
    return pd.DataFrame(rows, columns=columns)


def verdicts(table: pd.DataFrame) -> str:
    lines = ["| r with | against | better | equal | worse | mean difference | lowest |", "|---" * 7 + "|"]
    for (kind, reference), part in table.groupby(["with", "reference"], sort=False):
        counts = [int((part["verdict"] == verdict).sum()) for verdict in ("better", "equal", "worse")]
        shown = " | ".join(map(str, counts))
        low = part["difference"].min()
        lines.append(f"| {kind} | {reference} | {shown} | {part['difference'].mean():+.4f} | {low:+.4f} |")
    return "\n".join(lines) + "\n"


def planted(table: pd.DataFrame, links: dict[str, str]) -> str:
    """Return the traits with a planted curve, and those whose r differs most, as markdown."""
    lines = ["| trait | driver | h2 | r with | gblup | gblup-multi | hybrid | to gblup-multi | b1 |", "|---" * 9 + "|"]
    for target, driver in links.items():
        for kind in table["with"].unique():
            one, other = (
                table[(table["trait"] == target) & (table["with"] == kind) & (table["reference"] == name)].iloc[0]
                for name in REFERENCES
            )
            verdict = "" if other["verdict"] == "equal" else f" {other['verdict']}"
            first, second = one["r_reference"], other["r_reference"]
            lines.append(
                f"| {target} | {driver} | {one['h2']:.2f} | {kind} | {first:.3f} | {second:.3f} | {other['r']:.3f} "
                f"| {other['difference']:+.3f} ({other['se']:.3f}){verdict} | {other['b1']:.2f} |"
            )
    return "\n".join(lines) + "\n" if links else ""


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--cohort", help="a cohort folder, in the place of simulated herds")
    parser.add_argument("--split", default="forward")
    parser.add_argument("--architecture", default="realistic")
    parser.add_argument("--animals", type=int, default=20_000)
    parser.add_argument("--markers", type=int, default=20_000)
    parser.add_argument("--seed", type=int, action="append")
    return parser.parse_args()


if __name__ == "__main__":
    main()
