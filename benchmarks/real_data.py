"""What do models predict on real data, beside both GBLUPs?

    python benchmarks/real_data.py DATA --out runs/real --set mice_hs --set wheat_htp --seed 1 --seed 2 --seed 3

DATA holds folders with PLINK filesets and tables of phenotypes, as `SETS` names them. Each seed is a comparison of its
own, 5-fold, with other folds and other random numbers of the models. A comparison that was interrupted goes on.
What one came to is kept in `results`, a table of each set beside this script: models that it has of a seed aren't run
again, and what was measured in parts is printed as one. Another folder for these tables: `--kept`.

With `--model all --seed 1 ... --seed 10` it is every model in ten repeats of 5 folds.

Printed for each set, as markdown: r of each model with records free of fixed effects, mean of traits, folds and seeds;
its difference to either GBLUP, with the standard error of folds that share training animals (Nadeau and Bengio 2003,
Mach Learn 52:239); on how many traits the difference is above or below 0 by more than twice that; the slope b1;
seconds of a seed. Then r by trait, mean of folds and seeds. At last a table of all sets: r, difference to GBLUP and b1
of each model, r's mean over sets; and where there is a stack, its difference to the best other model of each set with
its standard error.

With `--published FILE`, the table `results_summary.csv` of EasyGeSe (Zenodo 15348871): r that it
has for traits of the same name of the same species beside ours. Folds, animals and markers aren't the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from kept_results import Kept

from genialearn.cohorts import CohortFiles
from genialearn.experiments import Plan, compare, plan_comparison
from genialearn.predictors import CATALOGUE
from genialearn.predictors.catalogue import REFERENCE
from genialearn.report.wording import count

MODELS = ("gblup", "gblup-multi", "hybrid", "network", "network-residual", "dlgblup", "deepgblup", "lightgbm")
"""What is run unless models are named."""

STACK = "super-learner"

PUBLISHED = {
    "GBLUP": "gblup",
    "BayesC": "bayesc",
    "RKHS": "rkhs",
    "RF": "random-forest",
    "LightGBM": "lightgbm",
    "XGBoost": "xgboost",
}
"""Methods of published tables, and what is nearest to each here: trees of ours see other features."""

FOLDS = 5

HERE = Path(__file__).parent


@dataclass(frozen=True)
class DataSet:
    """Where a set is, and what of it is predicted.

    Parameters
    ----------
    prefix, phenotypes
        Fileset and table, within the set's folder.
    traits
        Columns; () for all that aren't in `left_out`.
    fixed
        Formula of fixed effects, whose columns are in the same table.
    left_out
        Columns that aren't traits.
    species
        What published tables call it.
    published_as
        What they call a trait that has another name here.
    """

    prefix: str
    phenotypes: str
    traits: tuple[str, ...] = ()
    fixed: str = ""
    left_out: tuple[str, ...] = ()
    species: str = ""
    published_as: Mapping[str, str] = field(default_factory=dict)


SETS = {
    "mice_hs": DataSet(
        "geno_bglr1814",
        "pheno_bglr1814.tsv",
        (
            "Biochem.ALP",
            "Biochem.Albumin",
            "Biochem.Calcium",
            "Biochem.Glucose",
            "Biochem.HDL",
            "Biochem.Tot.Cholesterol",
            "Biochem.Triglycerides",
            "Biochem.Urea",
            "Obesity.BMI",
            "Obesity.BodyLength",
        ),
        "C(GENDER)",
    ),
    "soynam": DataSet("geno", "pheno.tsv", ("height", "R8", "lodging", "yield", "protein", "oil", "size")),
    "rice44k_hdra": DataSet("geno", "pheno.tsv", left_out=("NSFTV.ID",), species="rice"),
    "wheat_htp": DataSet("geno", "pheno.tsv", ("GY_E1", "GY_E2", "GY_E3", "GY_E4")),
    "pine_loblolly": DataSet("geno", "pheno.tsv", ("DBH_Adj",), species="pine", published_as={"DBH_Adj": "DBH"}),
    "pig_msuprp": DataSet("geno", "pheno.tsv", ("ph_24h", "temp_24h", "driploss", "car_wt"), "C(sex)"),
}


def main() -> None:
    arguments = parse()
    of_sets = {}
    for name in arguments.set or list(SETS):
        kept = Kept(arguments.kept / f"{name}.tsv")
        if arguments.kept_alone:
            folds = kept.rows()
        else:
            folds = pd.concat(results(arguments, name, kept, seed) for seed in arguments.seed or [1, 2, 3])
        if folds.empty:
            continue
        print(f"\n## {name}: {folds['trait'].nunique()} traits\n")
        print(summary(folds))
        print(traits(folds))
        if arguments.published and SETS[name].species:
            print(beside_published(folds, SETS[name], pd.read_csv(arguments.published)))
        of_sets[name] = folds
    print(sets(of_sets))


def results(arguments: argparse.Namespace, name: str, kept: Kept, seed: int) -> pd.DataFrame:
    """Compare the models that nothing is kept of, keep what they come to, and return the rows of those wanted."""
    cohort = cohort_files(arguments.data / name, SETS[name], arguments.out / f"cohort-{name}")
    wanted = arguments.model or [model for model in MODELS if not (model == "gblup-multi" and one_trait(name))]

    def planned(models: list[str]) -> Plan:
        return plan_comparison(
            cohort,
            models=models,
            split=f"kfold:{FOLDS}",
            seed=seed,
            threads=arguments.threads,
            budget_minutes=arguments.budget,
        )

    wanted = list(planned(wanted).models)  # "all" is what the cohort can take
    missing = [model for model in wanted if model not in kept.models(seed)]
    if missing:
        folder = arguments.out / f"{name}-{seed}" / missing[0].replace(":", "-")
        compare(planned(missing), folder)
        kept.add(folder, missing, seed)
    rows = kept.rows()
    return rows[(rows["seed"] == seed) & rows["model"].isin(wanted)]


def one_trait(name: str) -> bool:
    return len(SETS[name].traits) == 1


def cohort_files(folder: Path, data: DataSet, out: Path) -> CohortFiles:
    """Return the files of a set: its own genotypes, and its traits and covariates in tables beside the results.

    Tables that are there stay as they are, as other comparisons may be reading them.
    """
    out.mkdir(parents=True, exist_ok=True)
    table = pd.read_table(folder / data.phenotypes, dtype={"id": str})
    traits = list(data.traits) or [column for column in table if column not in {"id", *data.left_out}]
    write_unless_same(table[["id", *traits]], out / "traits.tsv")
    covariates = None
    if data.fixed:
        covariates = out / "covariates.tsv"
        write_unless_same(table[["id", data.fixed.removeprefix("C(").removesuffix(")")]], covariates)
    return CohortFiles(
        bfile=folder / data.prefix, traits=out / "traits.tsv", covariates=covariates, fixed=data.fixed or None
    )


def write_unless_same(table: pd.DataFrame, path: Path) -> None:
    text = table.to_csv(sep="\t", index=False, na_rep="NA")
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def summary(folds: pd.DataFrame) -> str:
    """Return a row of each model: a difference is of the folds that both were on, an r of all that the model was on."""
    references = [name for name in ("gblup", "gblup-multi") if name in set(folds["model"])]
    head = ["model", "r", *(f"to {name} (SE); traits up, down" for name in references), "b1", "seconds", "seeds"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    wide = folds.pivot_table(index=["seed", "fold", "trait"], columns="model", values="r")
    for model in ordered(wide):
        cells = [short(wide[model].mean())]
        cells += ["" if model == reference else difference(wide, model, reference) for reference in references]
        own = folds[folds["model"] == model]
        seconds = own.drop_duplicates(["seed", "fold"]).groupby("seed")["seconds"].sum().mean()
        cells += [f"{own['b1'].median():.2f}", f"{seconds:.0f}", str(own["seed"].nunique())]
        lines.append(f"| `{model}` | " + " | ".join(cells) + " |")
    failed = sorted(set(folds["model"]) - set(wide))
    return "\n".join([*lines, *(f"\n{model} failed" for model in failed)]) + "\n"


def difference(wide: pd.DataFrame, model: str, reference: str) -> str:
    """Return a model's mean difference to a reference, its standard error, and on how many traits it is clear."""
    each = wide[model] - wide[reference]
    mean, error = mean_and_error(each.groupby(["seed", "fold"]).mean())
    by_trait = [mean_and_error(part) for _, part in each.groupby("trait")]
    up, down = (sum(sign * value > 2 * se for value, se in by_trait) for sign in (1, -1))
    return f"{short(mean, '+')} ({short(error)}); {up}, {down}"


def short(number: float, sign: str = "") -> str:
    """Return a number with three decimals, as tables have it: without the 0 before the point."""
    return f"{number:{sign}.3f}".replace("0.", ".", 1) if abs(number) < 1 else f"{number:{sign}.3f}"


def mean_and_error(differences: pd.Series[float]) -> tuple[float, float]:
    """Return the mean of folds, and its standard error where training animals are shared."""
    known = differences.dropna()
    share = 1 / len(known) + 1 / (FOLDS - 1)
    return float(known.mean()), float(np.sqrt(known.var(ddof=1) * share))


def traits(folds: pd.DataFrame) -> str:
    wide = folds.pivot_table(index="trait", columns="model", values="r")
    models = ordered(wide)
    lines = ["| trait | " + " | ".join(models) + " |", "|---" * (len(models) + 1) + "|"]
    for trait, row in wide.iterrows():
        lines.append(f"| {trait} | " + " | ".join(short(row[model]) for model in models) + " |")
    return "\n".join(lines) + "\n"


def beside_published(folds: pd.DataFrame, data: DataSet, table: pd.DataFrame) -> str:
    """Return r as "ours / published" of each trait and method that are in both, as markdown."""
    table = table[table["species"] == data.species]
    found = {(_plain(trait), model): r for trait, model, r in table[["trait", "model", "correlation_mean"]].to_numpy()}
    ours = folds.groupby(["trait", "model"])["r"].mean()
    run = {model.partition(":")[0]: model for model in folds["model"].unique()}
    methods = {method: run[model] for method, model in PUBLISHED.items() if model in run}
    names = {str(trait): _plain(data.published_as.get(str(trait), str(trait))) for trait in folds["trait"].unique()}
    lines = ["| ours / published | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
    for trait, published in names.items():
        if any((published, method) in found for method in methods):
            cells = [
                f"{ours[trait, model]:.3f} / {found[published, method]:.3f}" if (published, method) in found else ""
                for method, model in methods.items()
            ]
            lines.append(f"| {trait} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _plain(trait: str) -> str:
    """Return a name without what tables write differently."""
    return "".join(letter for letter in trait.lower() if letter.isalnum())


def ordered(models: Iterable[str]) -> list[str]:
    """Return models in the order of the catalogue, those with settings behind their plain form."""
    names = list(CATALOGUE)
    return sorted(models, key=lambda model: (names.index(model.partition(":")[0]), model))


def sets(folds: dict[str, pd.DataFrame]) -> str:
    """Return each set's r, difference to GBLUP and b1 of each model; the mean over sets where it is in all; and what a
    stack adds."""
    wides = {
        name: of.pivot_table(index=["seed", "fold", "trait"], columns="model", values="r") for name, of in folds.items()
    }
    means = pd.DataFrame({name: wide.mean() for name, wide in wides.items()})
    heads = [
        f"{name}, {count(of['trait'].nunique(), 'trait')}, {count(of['seed'].nunique(), 'seed')}"
        for name, of in folds.items()
    ]
    lines = ["| model | " + " | ".join([*heads, "mean"]) + " |", "|---" * (means.shape[1] + 2) + "|"]
    for model in ordered(means.T):
        cells = []
        for name, wide in wides.items():
            if model not in wide:
                cells.append("")
                continue
            beside = f", {difference(wide, model, REFERENCE)}" if model != REFERENCE else ""
            slope = folds[name].loc[folds[name]["model"] == model, "b1"].median()
            cells.append(f"{short(means.loc[model, name])}{beside} [{slope:.2f}]")
        mean = "" if means.loc[model].isna().any() else short(means.loc[model].mean())
        lines.append(f"| `{model}` | " + " | ".join([*cells, mean]) + " |")
    for name, wide in wides.items():
        if STACK in wide:
            run = wide[wide[STACK].notna()]
            best = str(run.drop(columns=STACK).mean().idxmax())
            mean, error = mean_and_error((run[STACK] - run[best]).groupby(["seed", "fold"]).mean())
            lines.append(f"\n{name}: {STACK} less {best}, the best of the others: {short(mean, '+')} ({short(error)})")
    return "\n".join(lines) + "\n"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kept", type=Path, default=HERE / "results", help="folder of tables of what is measured")
    parser.add_argument("--kept-alone", action="store_true", help="compare nothing, print all that is kept")
    parser.add_argument("--set", action="append", choices=list(SETS))
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--model", action="append")
    parser.add_argument("--budget", type=float, help="minutes that a model may take on a fold")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--published", type=Path, help="results_summary.csv of EasyGeSe")
    return parser.parse_args()


if __name__ == "__main__":
    main()
