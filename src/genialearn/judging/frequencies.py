"""Allele and genotype frequencies of artificial animals against those of hold-out animals."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.judging.samples import Role, Samples
from genialearn.judging.statistics import correlation

RARE = 0.05
"""Minor allele frequency below which an allele is rare."""


def allele_frequency(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return agreement of allele frequencies p.

    Parts: `r` and `rmse` over all markers, `rmse_rare` over those with a minor allele frequency below .05 in the
    hold-out (NaN where there are none), `fixed` the share of the markers that vary in the hold-out but not among the
    artificial animals.
    """
    real, artificial = samples.frequencies("holdout"), samples.frequencies("artificial")
    minor = np.minimum(real, 1 - real)
    varies = minor > 0
    lost = np.minimum(artificial, 1 - artificial)[varies] == 0
    return {
        "r": correlation(real, artificial),
        "rmse": _root_mean_square(real - artificial),
        "rmse_rare": _root_mean_square((real - artificial)[minor < RARE]),
        "fixed": float(lost.mean()) if lost.size else float("nan"),
    }


def genotype_frequency(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return agreement of genotype frequencies of animals.

    Parts: `r` of the frequencies of dosages 0, 1 and 2 of all markers, `inbreeding` the mean absolute difference of
    F_IS = 1 - observed / expected heterozygosity over the markers that vary in both sets.
    """
    real, artificial = _genotype_shares(samples, "holdout"), _genotype_shares(samples, "artificial")
    both = np.isfinite(_inbreeding(real)) & np.isfinite(_inbreeding(artificial))
    differences = np.abs(_inbreeding(real) - _inbreeding(artificial))[both]
    return {
        "r": correlation(real.ravel(), artificial.ravel()),
        "inbreeding": float(differences.mean()) if both.any() else float("nan"),
    }


def fixation(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return F_ST = sum (H_T - H_S) / sum H_T, with H_T = 2 pbar (1 - pbar) and H_S the mean of 2 p (1 - p).

    Two samples of n animals of one population give about 1 / (4n).
    """
    real, artificial = samples.frequencies("holdout"), samples.frequencies("artificial")
    mean = (real + artificial) / 2
    total = 2 * mean * (1 - mean)
    within = real * (1 - real) + artificial * (1 - artificial)
    return {"all": float((total - within).sum() / total.sum()) if total.sum() > 0 else 0.0}


def _genotype_shares(samples: Samples, role: Role) -> FloatArray:
    """Return frequencies of dosages 0, 1 and 2, shape (3, markers)."""
    animals = samples.animals(role)
    return np.stack([(animals == dosage).mean(axis=0) for dosage in range(3)])


def _inbreeding(shares: FloatArray) -> FloatArray:
    """Return F_IS of each marker, NaN where it doesn't vary."""
    frequency = shares[1] / 2 + shares[2]
    expected = 2 * frequency * (1 - frequency)
    out = np.full(len(frequency), np.nan)
    np.divide(expected - shares[1], expected, out=out, where=expected > 0)
    return out


def _root_mean_square(differences: FloatArray) -> float:
    return float(np.sqrt(np.mean(differences**2))) if differences.size else float("nan")
