from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from real_data import SETS, beside_published, mean_and_error


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
