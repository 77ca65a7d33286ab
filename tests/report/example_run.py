"""A run folder as `genialearn compare` leaves it, with invented numbers: 33 dairy traits, four models, one split."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

GROUPS = {
    "production": ["milk yield", "fat yield", "protein yield", "fat content", "protein content", "persistency"],
    "morphology": [
        "stature", "body depth", "chest width", "rump angle", "rump width", "udder depth", "fore udder attachment",
        "rear udder height", "teat length", "teat placement", "rear leg set", "foot angle",
    ],
    "fertility": ["calving interval", "days open", "conception rate", "interval to first insemination", "non-return"],
    "udder health": ["somatic cell score", "clinical mastitis"],
    "claws": ["digital dermatitis", "sole ulcer", "white line disease", "interdigital hyperplasia"],
    "workability": ["milking speed", "temperament"],
    "longevity": ["productive life", "body condition score"],
}  # fmt: skip
BINARY = {"non-return", "clinical mastitis", "digital dermatitis", "sole ulcer", "white line disease"}
EVIL_NAMES = (
    "<script>alert(1)</script>",
    'a "quoted" & <b>bold</b> <a href="x">trait</a>',
    "</script><img src=x onerror=alert(2)>",
    "%{x} {{ 7 * 7 }} 'single' \u2028 NA",
)
MODELS = ("gblup", "lightgbm", "network", "hybrid")
_GAINS = {"gblup": 0.0, "lightgbm": -0.022, "network": 0.004, "hybrid": 0.018}
_WALL = {"gblup": 62.0, "lightgbm": 611.0, "network": 1873.0, "hybrid": 2490.0}
_PEAK = {"gblup": 910.0, "lightgbm": 1450.0, "network": 3350.0, "hybrid": 3720.0}
N_TEST = 600
PREDICTION_COLUMNS = ["id", "trait", "model", "split", "observed", "predicted", "weight"]


def write_example_run(
    folder: Path,
    *,
    models: tuple[str, ...] = MODELS,
    references: tuple[str, ...] = ("gblup",),
    failed: tuple[str, ...] = (),
    evil: bool = False,
    simulated: bool = True,
) -> Path:
    """Return `folder`, filled with a run: models named in `failed` left a failure and no scores."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True, exist_ok=True)
    traits = _traits(evil=evil)
    scored = [model for model in models if model not in failed]
    scores = _scores(rng, traits, scored, simulated=simulated)
    _write(folder / "scores.tsv", scores)
    _write(folder / "comparisons.tsv", _comparisons(rng, scores, [name for name in references if name in scored]))
    _write(folder / "costs.tsv", _costs(rng, scored, len(traits)))
    _write(folder / "failures.tsv", _failures(failed))
    if "hybrid" in scored:
        _write(folder / "curves.tsv", _curves(rng, traits["name"].tolist()))
    _predictions(rng, traits, scored).to_parquet(folder / "predictions.parquet", index=False, row_group_size=20_000)
    _write_json(folder / "run.json", _run(traits, models, simulated=simulated))
    _write_json(folder / "cohort.json", _cohort(rng, traits["name"].tolist()))
    return folder


def _write(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(path, sep="\t", index=False, float_format="%.10g")


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _traits(*, evil: bool) -> pd.DataFrame:
    names = [(name, group) for group, members in GROUPS.items() for name in members]
    traits = pd.DataFrame(names, columns=["name", "group"])
    traits["kind"] = ["binary" if name in BINARY else "quantitative" for name in traits["name"]]
    traits["unit"] = ["kg" if name.endswith("yield") else "" for name in traits["name"]]
    traits["h2"] = np.linspace(0.46, 0.03, len(traits)).round(4)
    if evil:
        traits.loc[: len(EVIL_NAMES) - 1, "name"] = list(EVIL_NAMES)
        traits.loc[0, "unit"] = "<i>kg</i>"
        traits.loc[0, "group"] = "<u>group</u>"
    return traits


def _scores(rng: np.random.Generator, traits: pd.DataFrame, models: list[str], *, simulated: bool) -> pd.DataFrame:
    rows = []
    for trait in traits.itertuples():
        base = 0.9 * np.sqrt(trait.h2) * 0.62
        for model in models:
            r = base + _GAINS.get(model, 0.0) * rng.uniform(0.2, 2) + rng.normal(0, 0.006)
            rows += [(trait.name, model, *score) for score in _metrics(rng, trait, model, r, simulated=simulated)]
    columns = ["trait", "model", "metric", "estimate", "se"]
    table = pd.DataFrame(rows, columns=columns).assign(n=N_TEST)
    folds = pd.concat([table.assign(split="forward"), table.assign(split="all")])
    return folds[["trait", "model", "split", "metric", "estimate", "se", "n"]]


def _metrics(
    rng: np.random.Generator, trait, model: str, r: float, *, simulated: bool
) -> list[tuple[str, float, float | None]]:
    se = (1 - r**2) / np.sqrt(N_TEST)
    scores = [
        ("r", r, se),
        ("accuracy", r / np.sqrt(trait.h2), se / np.sqrt(trait.h2)),
        ("b1", rng.normal(0.97, 0.08), 0.05 / max(r, 0.1)),
        ("bias", rng.normal(0, 0.1), 0.06),
        ("mse", 1 - r**2, None),
        ("top10", 0.1 + 0.6 * r, None),
    ]
    if trait.kind == "binary":
        scores.append(("auc", 0.5 + r / 2, se / 2))
    if simulated:
        truth = r / np.sqrt(trait.h2)
        scores += [("r_breeding_value", truth * 0.99, se), ("r_genetic_value", truth * 0.98, se)]
    return scores + [("h2", trait.h2, 0.03)] * (model == "gblup")


def _comparisons(rng: np.random.Generator, scores: pd.DataFrame, references: list[str]) -> pd.DataFrame:
    r = scores[(scores["metric"] == "r") & (scores["split"] == "all")].pivot(
        index="trait", columns="model", values="estimate"
    )
    rows = [
        (trait, model, reference, "r", r.loc[trait, model] - r.loc[trait, reference])
        for reference in references
        for model in r.columns
        if model != reference
        for trait in r.index
    ]
    table = pd.DataFrame(rows, columns=["trait", "model", "reference", "metric", "difference"])
    table["se"] = rng.uniform(0.007, 0.012, len(table))
    table["p"] = np.exp(-(np.abs(table["difference"] / table["se"]) ** 2))
    table["p_holm"] = np.minimum(1.0, 33 * table["p"])
    signs = np.where(table["difference"] > 0, "better", "worse")
    table["verdict"] = np.where(table["p_holm"] < 0.05, signs, "equal") if len(table) else []
    return table


def _costs(rng: np.random.Generator, models: list[str], n_traits: int) -> pd.DataFrame:
    rows = [
        (model, "forward", stage, _WALL.get(model, 100.0) * share, _WALL.get(model, 100.0) * share * 1.8, peak)
        for model in models
        for stage, share, peak in (
            ("read", 0.02, 300.0), ("fit", 0.9, _PEAK.get(model, 500.0)), ("predict", 0.1, 420 + rng.uniform(0, 50)),
        )
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["model", "split", "stage", "wall_s", "cpu_s", "peak_rss_mib"])
    return table.assign(n_animals=3000, n_markers=5000, n_traits=n_traits)


def _failures(failed: tuple[str, ...]) -> pd.DataFrame:
    message = "network on forward: expected finite losses, found nan <after> 3 epochs."
    rows = [(model, "forward", "fit", "ConvergenceError", message) for model in failed]
    return pd.DataFrame(rows, columns=["model", "split", "stage", "error", "message"])


def _predictions(rng: np.random.Generator, traits: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    parts = []
    for trait in traits.itertuples():
        genetic = rng.normal(0, np.sqrt(trait.h2), N_TEST)
        observed = genetic + rng.normal(0, np.sqrt(1 - trait.h2), N_TEST)
        parts += [
            pd.DataFrame(
                {
                    "id": [f"A{place}" for place in range(N_TEST)], "trait": trait.name, "model": model,
                    "split": "forward", "observed": observed,
                    "predicted": 0.5 * genetic + rng.normal(0, 0.2, N_TEST), "weight": 1.0,
                }
            )
            for model in models
        ]  # fmt: skip
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=PREDICTION_COLUMNS)


def _curves(rng: np.random.Generator, names: list[str]) -> pd.DataFrame:
    """Return five curves, whatever the names of the traits are."""
    tables = []
    z = np.linspace(-3, 3, 41)
    for place, (driver, target) in enumerate(zip(names[:5], names[11:16], strict=True)):
        effect = -(z**2 - 1) * rng.uniform(0.2, 1)
        columns = {"breeding_value": 10 * z, "effect": effect, "lower": effect - 0.2, "upper": effect + 0.2}
        pair = {"model": "hybrid", "split": "forward", "driver": driver, "target": target, "share": 0.9}
        tables.append(pd.DataFrame({**pair, "p": 1e-9 * 10**place, "p_holm": 1e-6 * 10**place, **columns}))
    return pd.concat(tables, ignore_index=True)


def _run(traits: pd.DataFrame, models: tuple[str, ...], *, simulated: bool) -> dict[str, object]:
    return {
        "genialearn": "0.1.0",
        "status": "finished",
        "command": "genialearn compare herd "
        + " ".join(f"--model {model}" for model in models)
        + " --split forward:0.2 --seed 1 --out runs/first",
        "settings": {
            "models": list(models), "split": "forward:0.2", "seed": 1, "threads": 2,
            "files": {"bfile": "/data/herd/genotypes"},
        },
        "inputs": [
            {"name": "genotypes", "path": "herd/genotypes.bed", "sha256": "9f2c" * 16, "bytes": 3_750_003},
            {"name": "traits", "path": "herd/traits.tsv", "sha256": "01ab" * 16, "bytes": 812_991},
        ],
        "versions": {"python": "3.11.7", "numpy": "2.4.6", "torch": "2.9.0"},
        "machine": {"system": "Linux 6.1", "cores": 2, "memory_gib": 23.5},
        "cohort": {"name": "herd", "n_animals": 3000, "n_markers": 5000, "n_traits": 33, "simulated": simulated},
        "traits": [
            {
                "name": trait.name, "unit": trait.unit, "kind": trait.kind, "group": trait.group, "direction": "higher",
                "fixed": "herd_year + age", "n_records": 3000 - 40 * trait.Index,
            }
            for trait in traits.itertuples()
        ],
        "reconciliation": [
            {"what": "animals without genotype", "n": 12, "examples": ["A1", "A2", "A3"], "action": "dropped"},
            {"what": "animals in the pedigree only", "n": 4108, "examples": ["P1"], "action": "kept for relationships"},
        ],
        "notes": [{"model": "gblup", "split": "forward", "note": "the heritability of sole ulcer lies on its border"}],
        "splits": [{"label": "forward", "n_train": 2400, "n_test": N_TEST}],
    }  # fmt: skip


def _cohort(rng: np.random.Generator, traits: list[str]) -> dict[str, object]:
    years = rng.integers(2012, 2021, 900)
    centres = rng.normal(0, 0.02, (6, 2))[rng.integers(0, 6, 900)]
    points = centres + rng.normal(0, 0.006, (900, 2)) + ((years - 2016) * 0.002)[:, None]
    bins = [f"{year} ({100 + 20 * place})" for place, year in enumerate(range(2012, 2021))]
    recorded = np.clip(rng.uniform(0.2, 1.1, (len(traits), 1)) + np.linspace(-0.35, 0.1, len(bins)), 0, 1)
    return {
        "pca": {
            "animals": [f"A{place}" for place in range(900)],
            "scores": points.round(6).tolist(),
            "variance_explained": [0.081, 0.046],
            "birth_year": years.tolist(),
        },
        "relationships": {
            "diagonal": _histogram(rng.normal(1.0, 0.04, 1000)),
            "off_diagonal": _histogram(rng.gamma(2.0, 0.03, 20_000) - 0.06),
            "n_animals": 1000,
        },
        "holes": {"traits": traits, "bins": bins, "recorded": recorded.round(4).tolist()},
        "allele_frequencies": _histogram(rng.beta(1.1, 1.1, 5000)),
    }


def _histogram(values: np.ndarray) -> dict[str, list[float]]:
    counts, edges = np.histogram(values, bins=40)
    return {"edges": edges.round(6).tolist(), "counts": counts.tolist()}
