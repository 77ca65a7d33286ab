from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import real_data
from kept_results import Kept
from real_data import SETS, beside_published, mean_and_error, results, sets


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


def test_sets_stand_beside_each_other_where_models_were_on_them() -> None:
    """r .3, .5, .6 of GBLUP in the first fold and .1 more in the second; the forest has .1 less in every one."""
    known = folds().assign(seed=1, b1=0.9)
    stack = known[known["model"] == "gblup"].assign(model="super-learner", r=lambda of: of["r"] + 0.01 * of["fold"])
    alone = known[known["model"] == "gblup"]
    table, told = sets({"rice": pd.concat([known, stack]), "pine": alone}).split("\n\n", maxsplit=1)

    assert table.splitlines()[0] == "| model | rice, 3 traits, 1 seed | pine, 3 traits, 1 seed | mean |"
    assert table.splitlines()[2:] == [
        "| `gblup` | .417 [0.90] | .417 [0.90] | .417 |",
        "| `random-forest` | .317, -.100 (.000); 0, 3 [0.90] |  |  |",
        "| `super-learner` | .422, +.005 (.006); 0, 0 [0.90] |  |  |",
    ]
    assert told.strip() == "rice: super-learner less gblup, the best of the others: +.005 (.006)"


def write_run(folder: Path, r_of: dict[str, float]) -> None:
    """Write what is read of a comparison of some models with two traits and a fold, the second trait without b1."""
    folder.mkdir(parents=True)
    scores = [
        ("fold1", trait, model, metric, r)
        for model, r in r_of.items()
        for trait, metric in (("yield", "r"), ("yield", "b1"), ("height", "r"))
    ]
    columns = ["split", "trait", "model", "metric", "estimate"]
    pd.DataFrame(scores, columns=columns).to_csv(folder / "scores.tsv", sep="\t", index=False)
    costs = [(model, "fold1", stage, 2.0) for model in r_of for stage in ("fit", "predict")]
    pd.DataFrame(costs, columns=["model", "split", "stage", "wall_s"]).to_csv(
        folder / "costs.tsv", sep="\t", index=False
    )


def test_what_is_kept_of_a_run_comes_back(tmp_path: Path) -> None:
    """With models that failed, and in the place of what was there of the same seed and model."""
    write_run(tmp_path / "run", {"gblup": 0.21234, "hybrid": 0.25})
    write_run(tmp_path / "again", {"hybrid": 0.5})
    kept = Kept(tmp_path / "kept" / "pine.tsv")

    kept.add(tmp_path / "run", ["gblup", "hybrid", "network"], 2)
    kept.add(tmp_path / "run", ["gblup"], 1)
    kept.add(tmp_path / "again", ["hybrid"], 2)

    rows = kept.rows().set_index(["trait", "seed", "model"])
    of_yield = rows.loc["yield"]
    assert kept.models(1) == {"gblup"}
    assert kept.models(2) == {"gblup", "hybrid", "network"}
    assert of_yield.loc[(2, "gblup"), ["r", "b1", "seconds", "fold"]].tolist() == [0.2123, 0.2123, 4.0, "fold1"]
    assert of_yield.loc[(2, "hybrid"), "r"] == 0.5
    assert np.isnan(of_yield.loc[(2, "network"), "r"])
    assert rows.loc[("height", 1, "gblup"), "r"] == 0.2123
    assert np.isnan(rows.loc[("height", 1, "gblup"), "b1"])


def test_only_models_without_results_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what earlier comparisons found stands beside what is new."""
    write_run(tmp_path / "before", {"gblup": 0.2, "hybrid": 0.25})
    kept = Kept(tmp_path / "kept.tsv")
    kept.add(tmp_path / "before", ["gblup", "hybrid", "network"], 1)
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
        rows = results(wanted, "pine", kept, 1).query("trait == 'yield'")

        assert compared == [["gblup", "rkhs:bandwidths=[1]"]]
        found = rows.dropna().set_index("model")
        assert found["r"].to_dict() == {"gblup": 0.2, "hybrid": 0.25, "rkhs:bandwidths=[1]": 0.3}
        assert (found["seconds"] == 4).all()
