from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import real_data
from real_data import SETS, beside_published, mean_and_error, results


def folds() -> pd.DataFrame:
    """Return r of two models on three traits, two folds each."""
    rows = [
        (trait, model, fold, r + 0.1 * fold)
        for trait, start in (("Plant.height", 0.2), ("Seed.width", 0.4), ("Ours alone", 0.5))
        for model, r in (("gblup", start), ("random-forest", start - 0.1))
        for fold in (0, 1)
    ]
    return pd.DataFrame(rows, columns=["trait", "model", "fold", "r"])


def test_published_figures_stand_beside_traits_of_the_same_name() -> None:
    published = pd.DataFrame(
        [
            ("rice", "Plant_height", "GBLUP", 0.31),
            ("rice", "Plant_height", "RF", 0.29),
            ("rice", "Seed_width", "GBLUP", 0.44),
            ("wheat", "Seed_width", "RF", 0.99),
            ("rice", "Seed_length", "GBLUP", 0.98),
        ],
        columns=["species", "trait", "model", "correlation_mean"],
    )
    lines = beside_published(folds(), SETS["rice44k_hdra"], published).splitlines()

    assert lines[0] == "| ours / published | GBLUP | RF |"
    assert lines[2:] == ["| Plant.height | 0.250 / 0.310 | 0.150 / 0.290 |", "| Seed.width | 0.450 / 0.440 |  |"]


def test_standard_errors_know_that_folds_share_training_animals() -> None:
    """Of ten folds of ten animals (Nadeau and Bengio 2003): (1/10 + 1/4) times the variance."""
    values = np.random.default_rng(1).standard_normal(10)
    mean, error = mean_and_error(pd.Series(values))

    assert mean == pytest.approx(values.mean())
    assert error == pytest.approx(np.sqrt(0.35 * values.var(ddof=1)))


def write_run(folder: Path, r_of: dict[str, float], failed: str = "") -> None:
    """Write what is read of a comparison of some models with one trait and fold, and of models without scores."""
    folder.mkdir(parents=True)
    models = [*r_of, *failed.split()]
    (folder / "run.json").write_text(json.dumps({"status": "finished", "settings": {"models": models}}))
    scores = [("fold1", "yield", model, metric, r) for model, r in r_of.items() for metric in ("r", "b1")]
    columns = ["split", "trait", "model", "metric", "estimate"]
    pd.DataFrame(scores, columns=columns).to_csv(folder / "scores.tsv", sep="\t", index=False)
    costs = [(model, "fold1", stage, 2.0) for model in r_of for stage in ("fit", "predict")]
    pd.DataFrame(costs, columns=["model", "split", "stage", "wall_s"]).to_csv(
        folder / "costs.tsv", sep="\t", index=False
    )


def test_only_models_without_results_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither those that failed before; and what earlier comparisons found stands beside what is new."""
    write_run(tmp_path / "pine-1" / "gblup", {"gblup": 0.2, "hybrid": 0.25}, failed="network")
    compared = []

    def plan_comparison(cohort: object, models: list[str], **_: object) -> SimpleNamespace:
        return SimpleNamespace(models=list(dict.fromkeys(["gblup", *models])))

    def compare(plan: SimpleNamespace, folder: Path) -> None:
        compared.append(plan.models)
        write_run(folder, {"gblup": 0.2, "rkhs:bandwidths=[1]": 0.3})

    monkeypatch.setattr(real_data, "cohort_files", lambda *_: None)
    monkeypatch.setattr(real_data, "plan_comparison", plan_comparison)
    monkeypatch.setattr(real_data, "compare", compare)
    monkeypatch.setitem(SETS, "pine", SETS["pine_loblolly"])
    wanted = argparse.Namespace(
        out=tmp_path, data=tmp_path, model=["hybrid", "network", "rkhs:bandwidths=[1]"], threads=1, budget=None
    )

    for _ in range(2):
        folds, seconds = results(wanted, "pine", 1)

        assert compared == [["gblup", "rkhs:bandwidths=[1]"]]
        assert folds.set_index("model")["r"].to_dict() == {"gblup": 0.2, "hybrid": 0.25, "rkhs:bandwidths=[1]": 0.3}
        assert (seconds == 4).all()
