from __future__ import annotations

from pathlib import Path

import dlgblup
import hybrid_truth
import numpy as np
import pandas as pd
import pytest

from genialearn.cohorts.simulate.dlgblup import trait_names

TRAITS = trait_names()


def scores(gain: float) -> pd.DataFrame:
    """Return r of two models in two replicates, the second better by the gain and a hundredth in turn."""
    rows = [
        (seed, model, trait, 0.5 + (gain + 0.01 * seed) * (model == "hybrid"), 1.0, 1.0)
        for seed in (0, 1)
        for model in ("gblup", "hybrid")
        for trait in TRAITS
    ]
    return pd.DataFrame(rows, columns=["seed", "model", "trait", "r", "b1", "seconds"])


def test_gains_are_paired_over_replicates() -> None:
    lines = dlgblup.table(scores(0.1)).splitlines()

    assert "| hybrid, gain over gblup | " + " | ".join(["+0.105 (0.005)"] * 6) + " |" in lines
    assert lines[2].startswith("| published: gblup, r | 0.97 | 0.97 | 0.83")


def test_a_small_replicate(tmp_path: Path) -> None:
    dlgblup.simulate_dlgblup(tmp_path / "herd", animals=200, markers=200, founders="independent")
    whole = dlgblup.replicate(tmp_path / "herd", causal=False, seed=1)
    causal = dlgblup.replicate(tmp_path / "herd", causal=True, seed=1)

    assert {"gblup", "gblup-multi", "TraitMap on out-of-fold values", "hybrid"} == set(whole["model"])
    assert whole["r"].between(-1, 1).all()
    assert not np.allclose(whole["r"], causal["r"])


@pytest.fixture
def judged() -> pd.DataFrame:
    columns = ["trait", "h2", "with", "reference", "r_reference", "r", "b1", "difference", "se", "verdict"]
    rows = [
        ("udder_depth", 0.3, "record", "gblup", 0.30, 0.36, 1.0, 0.06, 0.01, "better"),
        ("udder_depth", 0.3, "record", "gblup-multi", 0.32, 0.36, 1.0, 0.04, 0.01, "better"),
        ("milk_yield", 0.3, "record", "gblup", 0.40, 0.40, 1.0, 0.00, 0.01, "equal"),
        ("milk_yield", 0.3, "record", "gblup-multi", 0.41, 0.40, 1.0, -0.01, 0.01, "worse"),
    ]
    return pd.DataFrame(rows, columns=columns)


def test_verdicts_are_counted_against_each_reference(judged: pd.DataFrame) -> None:
    lines = hybrid_truth.verdicts(judged).splitlines()

    assert "| record | gblup | 1 | 1 | 0 | +0.0300 | +0.0000 |" in lines
    assert "| record | gblup-multi | 1 | 0 | 1 | +0.0150 | -0.0100 |" in lines


def test_planted_curves_are_shown(judged: pd.DataFrame) -> None:
    shown = hybrid_truth.planted(judged, {"udder_depth": "milk_yield"})

    assert (
        "| udder_depth | milk_yield | 0.30 | record | 0.300 | 0.320 | 0.360 | +0.040 (0.010) better | 1.00 |" in shown
    )
    assert "| milk_yield |" not in shown.replace("udder_depth | milk_yield", "")
