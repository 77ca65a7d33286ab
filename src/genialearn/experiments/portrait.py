"""What the page of a judgement draws: structure, linkage, frequencies, relationships of real and artificial animals."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage

from genialearn._arrays import FloatArray, IntArray
from genialearn.genotypes import MarkerMap
from genialearn.judging.samples import Role, Samples

MOST_ANIMALS, MOST_MARKERS, MOST_POINTS, MOST_PAIRS = 800, 8000, 3000, 60_000
IN_HEAT_MAP = 60
_BINS = 20
_REACH = 5_000_000
"""Base pairs within which linkage disequilibrium is shown."""

NAMES: tuple[Role, ...] = ("training", "holdout", "artificial")


def portrait(samples: Samples, *, rng: np.random.Generator) -> dict[str, Any]:
    """Return the content of `portrait.json`.

    Some hundred animals of each set and some thousand markers are drawn at random where there are more.

    Parameters
    ----------
    samples
        The three sets.
    rng
        Chooses animals and markers.
    """
    columns = _some(len(samples.markers), MOST_MARKERS, rng)
    values = [
        samples.animals(name)[np.ix_(_some(samples.n_animals, MOST_ANIMALS, rng), columns)].astype(np.float64)
        for name in NAMES
    ]
    return {
        "components": _components(values),
        "linkage": _linkage(samples.markers.select(columns), values, rng),
        "frequencies": _frequencies(samples, rng),
        "relationships": _relationships(values),
    }


def _some(total: int, most: int, rng: np.random.Generator) -> IntArray:
    return np.arange(total) if total <= most else np.sort(rng.choice(total, most, replace=False))


def _components(values: list[FloatArray]) -> dict[str, Any]:
    """Return the first two principal components, of axes that the animals held out define."""
    centre = values[1].mean(axis=0)
    _, singular, axes = np.linalg.svd(values[1] - centre, full_matrices=False)
    scores = [(each - centre) @ axes[:2].T for each in values]
    explained = singular[:2] ** 2 / max(float(np.sum(singular**2)), 1e-300)
    return {
        "explained": [round(float(share), 5) for share in explained],
        **{name: _rounded(points) for name, points in zip(NAMES, scores, strict=True)},
    }


def _linkage(markers: MarkerMap, values: list[FloatArray], rng: np.random.Generator) -> dict[str, Any]:
    """Return mean r2 of dosages by distance, in bins that grow by a constant factor."""
    first, second, distances = _pairs(markers, rng)
    if not len(first):
        return {}
    low = max(float(np.quantile(distances, 0.001)), 1.0)
    edges = np.geomspace(low, max(float(distances.max()), 1.01 * low), _BINS + 1)
    place = np.clip(np.searchsorted(edges, distances, side="right") - 1, 0, _BINS - 1)
    counts = np.bincount(place, minlength=_BINS)
    filled = counts > 0
    decay: dict[str, Any] = {"distance": _rounded(np.sqrt(edges[:-1] * edges[1:])[filled])}
    for name, each in zip(NAMES, values, strict=True):
        squares = _squared_correlations(each, first, second)
        means = np.bincount(place, weights=squares, minlength=_BINS)[filled] / counts[filled]
        decay[name] = _rounded(means)
    return decay


def _pairs(markers: MarkerMap, rng: np.random.Generator) -> tuple[IntArray, IntArray, FloatArray]:
    """Return pairs of markers of a chromosome, all distances about equally often on a logarithmic scale."""
    order = np.lexsort((markers.positions, markers.chromosomes.astype(str)))
    gap = np.unique(np.geomspace(1, max(len(order) - 1, 1), 400).astype(np.int64))
    first = rng.integers(0, len(order), MOST_PAIRS)
    second = first + rng.choice(gap, MOST_PAIRS)
    inside = second < len(order)
    a, b = order[first[inside]], order[second[inside]]
    distance = np.abs(markers.positions[b] - markers.positions[a]).astype(np.float64)
    same = (markers.chromosomes[a] == markers.chromosomes[b]) & (distance > 0) & (distance <= _REACH)
    return a[same], b[same], distance[same]


def _squared_correlations(values: FloatArray, first: IntArray, second: IntArray) -> FloatArray:
    centred = values - values.mean(axis=0)
    units = np.sqrt(np.mean(centred**2, axis=0))
    scaled = (centred / np.where(units > 0, units, 1.0)).astype(np.float32)
    out = np.empty(len(first))
    for start in range(0, len(first), 4096):
        part = slice(start, start + 4096)
        out[part] = np.mean(scaled[:, first[part]] * scaled[:, second[part]], axis=0, dtype=np.float64) ** 2
    return out


def _frequencies(samples: Samples, rng: np.random.Generator) -> dict[str, Any]:
    columns = _some(len(samples.markers), MOST_POINTS, rng)
    real, drawn = (samples.frequencies(name)[columns] for name in NAMES[1:])
    return {"real": _rounded(real, 4), "artificial": _rounded(drawn, 4)}


def _relationships(values: list[FloatArray]) -> dict[str, Any]:
    """Return relationships of some animals of each set as heat maps, clusters together, and of all as histograms.

    They are VanRaden's first, with the frequencies of the animals held out.
    """
    means = values[1].mean(axis=0)
    divisor = max(float(np.sum(means * (1 - means / 2))), 1e-300)
    out: dict[str, Any] = {}
    edges = np.linspace(-0.4, 1.0, 71)
    for name, each in zip(NAMES, values, strict=True):
        centred = each - means
        matrix = centred @ centred.T / divisor
        some = matrix[:IN_HEAT_MAP, :IN_HEAT_MAP]
        order = leaves_list(linkage(some, "average")) if len(some) > 2 else np.arange(len(some))
        off = matrix[np.triu_indices(len(matrix), 1)]
        counts = np.histogram(np.clip(off, edges[0], edges[-1]), edges)[0]
        out[name] = {
            "matrix": [_rounded(row, 3) for row in some[np.ix_(order, order)]],
            "share_of_pairs": _rounded(counts / max(len(off), 1), 6),
        }
    return {"edges": _rounded(edges, 4), **out}


def _rounded(values: FloatArray, digits: int = 5) -> list[Any]:
    rounded: list[Any] = np.round(np.asarray(values, dtype=np.float64), digits).tolist()
    return rounded
