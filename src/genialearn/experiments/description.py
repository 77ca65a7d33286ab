"""What the cohort looks like: structure, relationships, holes and allele frequencies, for `cohort.json`."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import eigh

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.genotypes import allele_frequencies
from genialearn.relationships import GenomicScale
from genialearn.validation.splits import birth_years

MOST_ANIMALS, MOST_MARKERS, MOST_BINS = 1000, 10_000, 30


def describe_cohort(cohort: Cohort) -> dict[str, Any]:
    """Return the description; relationships are those of at most 1,000 animals at 10,000 markers, evenly chosen."""
    rows = _evenly(len(cohort), MOST_ANIMALS)
    columns = _evenly(cohort.genotypes.shape[1], MOST_MARKERS)
    sample = cohort.genotypes.select(animals=rows, markers=columns)
    relationships = GenomicScale.of(sample).relationships(sample)
    years = birth_years(cohort)
    return {
        "pca": _principal_components(relationships, cohort, rows, years),
        "relationships": {
            "diagonal": _histogram(np.diag(relationships)),
            "off_diagonal": _histogram(relationships[np.triu_indices(len(rows), 1)]),
            "n_animals": len(rows),
        },
        "holes": _holes(cohort, years),
        "allele_frequencies": _histogram(allele_frequencies(cohort.genotypes), low=0.0, high=1.0),
    }


def _evenly(size: int, most: int) -> IntArray:
    return np.unique(np.linspace(0, size - 1, min(size, most)).round().astype(np.int64))


def _principal_components(
    relationships: FloatArray, cohort: Cohort, rows: IntArray, years: FloatArray
) -> dict[str, Any]:
    n = len(relationships)
    ascending, vectors = eigh(relationships, subset_by_index=[max(n - 2, 0), n - 1])
    values = np.maximum(ascending[::-1], 0)
    scores = vectors[:, ::-1] * np.sqrt(values)
    scores *= np.sign(scores[np.argmax(np.abs(scores), axis=0), np.arange(len(values))])
    known = np.isfinite(years[rows]).any()
    return {
        "animals": list(cohort.animals[rows]),
        "scores": [[round(float(x), 5) for x in row] for row in scores],
        "variance_explained": [float(v) for v in values / np.trace(relationships)],
        "birth_year": [int(y) if np.isfinite(y) else None for y in years[rows]] if known else None,
    }


def _histogram(values: FloatArray, *, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    lowest, highest = float(values.min()) if low is None else low, float(values.max()) if high is None else high
    counts, edges = np.histogram(values, bins=50, range=(lowest, max(highest, lowest + 1e-9)))
    return {"edges": [float(e) for e in edges], "counts": [int(c) for c in counts]}


def _holes(cohort: Cohort, years: FloatArray) -> dict[str, Any]:
    """Return the share of animals with a record, by trait and by birth year or, without years, by part of the list."""
    recorded = np.zeros((len(cohort), len(cohort.traits)), dtype=bool)
    np.logical_or.at(recorded, cohort.record_rows, np.isfinite(cohort.records.values))
    labels, bin_of = _bins(len(cohort), years)
    shares = [[float(recorded[bin_of == b, t].mean()) for b in range(len(labels))] for t in range(len(cohort.traits))]
    return {"traits": cohort.records.trait_names, "bins": labels, "recorded": shares}


def _bins(n_animals: int, years: FloatArray) -> tuple[list[str], IntArray]:
    if np.isfinite(years).all():
        distinct, bin_of = np.unique(years.astype(np.int64), return_inverse=True)
        if len(distinct) <= MOST_BINS:
            counts = np.bincount(bin_of)
            return [f"{y} ({n})" for y, n in zip(distinct, counts, strict=True)], bin_of
    n_bins = min(MOST_BINS, n_animals)
    bin_of = np.arange(n_animals) * n_bins // n_animals
    first = np.searchsorted(bin_of, np.arange(n_bins))
    last = np.searchsorted(bin_of, np.arange(n_bins), side="right")
    return [f"animals {a + 1}-{b}" for a, b in zip(first, last, strict=True)], bin_of
