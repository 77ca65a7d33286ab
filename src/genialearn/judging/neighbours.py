"""Whether artificial rows lie among the hold-out rows, by nearest neighbours, and the same for the training."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import IntArray
from genialearn.judging.nearest import count_within
from genialearn.judging.samples import NEIGHBOURS, Role, Samples
from genialearn.judging.statistics import share_above


def adversarial_accuracy(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return how well nearest neighbours tell artificial rows from the hold-out.

    Parts: `real`, how often the nearest artificial row is farther from a real one than the nearest other real row;
    `artificial`, the same for artificial rows; `mean` of the two, AATS. Ties count one half. All are .5 where both sets
    come from one distribution. (1, 0) is too diffuse, (0, 1) clumped, both below .5 copied.
    """
    return _accuracy(samples, "holdout")


def adversarial_accuracy_training(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return how well nearest neighbours tell artificial rows from the training; well below .5 they are copies."""
    return _accuracy(samples, "training")


def privacy_loss(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return AATS against the hold-out minus AATS against the training: above 0 the training is known by heart."""
    return {"all": _accuracy(samples, "holdout")["mean"] - _accuracy(samples, "training")["mean"]}


def _accuracy(samples: Samples, real: Role) -> dict[str, float]:
    of_real = share_above(_first(samples, real, "artificial"), _first(samples, real, real))
    of_artificial = share_above(_first(samples, "artificial", real), _first(samples, "artificial", "artificial"))
    return {"mean": (of_real + of_artificial) / 2, "real": of_real, "artificial": of_artificial}


def _first(samples: Samples, of: Role, to: Role) -> IntArray:
    return samples.distances(of, to)[:, 0]


def precision_recall(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return whether artificial rows lie where hold-out rows do, by balls that reach to a row's fifth neighbour.

    Parts: `precision`, the share of artificial rows in the ball of some real row; `recall`, of real rows in the ball of
    some artificial row; `density`, real balls around an artificial row, divided by 5; `coverage`, the share of real
    rows whose ball holds an artificial row. None of them is 1 between two real sets: compare with real against real.
    """
    real, artificial = samples.holdout, samples.artificial
    real_radii = samples.distances("holdout", "holdout")[:, -1]
    artificial_radii = samples.distances("artificial", "artificial")[:, -1]
    around_artificial = count_within(artificial, real, real_radii)
    around_real = count_within(real, artificial, artificial_radii)
    k = min(NEIGHBOURS, len(real) - 1)
    return {
        "precision": float(np.mean(around_artificial > 0)),
        "recall": float(np.mean(around_real > 0)),
        "density": float(np.mean(around_artificial) / k),
        "coverage": float(np.mean(_first(samples, "holdout", "artificial") <= real_radii)),
    }
