"""Classifiers that try to tell artificial from hold-out rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genialearn._arrays import IntArray
from genialearn.judging.samples import Samples
from genialearn.judging.statistics import area_under_curve
from genialearn.judging.structure import principal_axes

MOST_ROWS = 1_000
"""Of each set, taken at random: enough to find .55, and quick."""

FOLDS = 3
AXES = 20
TREES = 50


def classifier(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return how well classifiers tell artificial from hold-out rows: areas under the curve, averaged over three folds.

    Parts: `logistic`, a logistic regression on the 20 leading principal components of both sets together; `trees`,
    extremely randomised trees on the alleles or dosages themselves. At most 1,000 rows of each set are used. Where one
    or the other is near 1, somebody who has real animals can pick out the artificial ones.
    """
    real, artificial = (_some(rows, rng) for rows in (samples.holdout, samples.artificial))
    rows, labels = np.concatenate([real, artificial]), np.repeat([0, 1], [len(real), len(artificial)])
    mean, axes = principal_axes(rows, AXES, rng)
    components = (rows - mean) @ axes
    deviations = components.std(axis=0)
    components /= np.where(deviations > 0, deviations, 1)
    seed = int(rng.integers(2**31))
    return {
        "logistic": _area(_logistic(), components, labels, seed),
        "trees": _area(_trees(seed), rows.astype(np.float32), labels, seed),
    }


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=5_000)


def _trees(seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=seed)


def _area(model: Any, features: NDArray[Any], labels: IntArray, seed: int) -> float:
    from sklearn.model_selection import StratifiedKFold

    areas = []
    for learned, tested in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(features, labels):
        model.fit(features[learned], labels[learned])
        scores = model.predict_proba(features[tested])[:, 1]
        areas.append(area_under_curve(scores[labels[tested] == 1], scores[labels[tested] == 0]))
    return float(np.mean(areas))


def _some(rows: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    return rows if len(rows) <= MOST_ROWS else rows[np.sort(rng.choice(len(rows), MOST_ROWS, replace=False))]
