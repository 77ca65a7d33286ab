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

MOST_MARKERS = 10_000
"""Taken at random: more are in linkage with these."""

FOLDS = 3
AXES = 20
TREES = 50


def classifier(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return how well classifiers tell artificial from hold-out rows: areas under the curve, averaged over three folds.

    Parts: `logistic`, a logistic regression on the 20 leading principal components of both sets together; `trees`,
    extremely randomised trees on the alleles or dosages themselves. At most 1,000 rows of each set and 10,000 markers
    are used. Where one or the other is near 1, somebody who has real animals can pick out the artificial ones.
    """
    real, artificial = (rows[_some(len(rows), MOST_ROWS, rng)] for rows in (samples.holdout, samples.artificial))
    columns = _some(real.shape[1], MOST_MARKERS, rng)
    real, artificial = real[:, columns], artificial[:, columns]
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


def _some(total: int, most: int, rng: np.random.Generator) -> IntArray:
    return np.arange(total) if total <= most else np.sort(rng.choice(total, most, replace=False))
