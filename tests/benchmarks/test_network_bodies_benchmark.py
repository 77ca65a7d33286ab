"""What the benchmark of network bodies says of its table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from network_bodies import correlations_of, gains


def test_gains_are_paired_over_herds_and_traits() -> None:
    r = {"gblup": [0.5, 0.2, 0.4, 0.3], "local": [0.6, 0.2, 0.3, 0.5]}
    herds, traits = [1, 1, 2, 2], ["milk", "fat"] * 2
    table = pd.concat(
        pd.DataFrame({"herd": herds, "model": model, "trait": traits, "r": values, "seconds": [2.0, 2.0, 4.0, 4.0]})
        for model, values in r.items()
    )
    found = gains(table)

    assert ["gblup", "local"] == list(found.index)
    assert pytest.approx([0.35, 0.4]) == found["r"].tolist()
    assert pytest.approx([0, 0.05]) == found["gain"].tolist()
    assert pytest.approx([0, 0]) == found["se"].tolist()
    assert ["0 of 4", "2 of 4"] == found["better"].tolist()
    assert [3, 3] == found["seconds"].tolist()


def test_a_constant_prediction_has_no_correlation() -> None:
    predicted = np.column_stack([np.ones(4), np.arange(4)])

    assert [0, 1] == correlations_of(predicted, np.column_stack([np.arange(4), np.arange(4)])).round(9).tolist()
