"""Relationships and homozygosity of artificial animals against those of real ones.

G = Z Z' / k with Z = X - 2p, k = sum 2 p (1 - p) (VanRaden 2008), p from the hold-out for all animals.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import numpy as np
from numba import njit, prange

from genialearn._arrays import BoolArray, Float32Array, FloatArray, Int8Array, IntArray
from genialearn.judging.samples import Role, Samples
from genialearn.judging.statistics import wasserstein

SHORTEST_RUN = 30
"""Homozygous markers of a run of homozygosity."""

_BLOCK = 1_024


def nearest_relationship(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return the largest genomic relationship of each artificial animal to a training animal.

    Parts: `mean` and `maximum` over artificial animals. All training animals count. An animal far from each haplotype
    of the training can still be the offspring or the twin of a training animal.
    """
    largest = samples.beside_everyone("relationship", "artificial", lambda: _largest(samples))
    return {"mean": float(largest.mean(dtype=np.float64)), "maximum": float(largest.max())}


def _largest(samples: Samples) -> Float32Array:
    """Return the largest relationship of each artificial animal to a training animal, shape (animals,)."""
    training, frequencies = samples.animals("everyone"), samples.frequencies("holdout")
    artificial = _standardised(samples.animals("artificial"), frequencies)
    largest = np.full(len(artificial), -np.inf, dtype=np.float32)
    for start in range(0, len(training), _BLOCK):
        block = _standardised(training[start : start + _BLOCK], frequencies)
        largest = np.maximum(largest, (artificial @ block.T).max(axis=1))
    return largest


def relationships(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return first Wasserstein distances between relationships within the hold-out and within the artificial animals.

    Parts: `off_diagonal`, between animals; `diagonal`, of animals with themselves, 1 plus inbreeding.
    """
    real, artificial = (_relationships(samples, role) for role in ("holdout", "artificial"))
    below = np.tri(len(real), k=-1, dtype=bool)
    return {
        "off_diagonal": wasserstein(real[below], artificial[below]),
        "diagonal": wasserstein(real.diagonal(), artificial.diagonal()),
    }


def homozygosity(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return first Wasserstein distances between the runs of homozygosity of hold-out and of artificial animals.

    A run is 30 or more homozygous markers in a row on one chromosome. Parts: `number` of runs of an animal; `length` of
    all its runs, as a share of the length of the genome between the first and last marker of each chromosome.
    """
    (real_numbers, real_lengths), (numbers, lengths) = (_runs(samples, role) for role in ("holdout", "artificial"))
    return {"number": wasserstein(real_numbers, numbers), "length": wasserstein(real_lengths, lengths)}


def _standardised(animals: Int8Array, frequencies: FloatArray) -> Float32Array:
    """Return Z / sqrt(k) of animals, shape (animals, markers)."""
    scale = np.sqrt(max(2 * float(frequencies @ (1 - frequencies)), 1e-12))
    return (animals - np.float32(2 * frequencies)) / np.float32(scale)


def _relationships(samples: Samples, role: Role) -> Float32Array:
    scaled = _standardised(samples.animals(role), samples.frequencies("holdout"))
    return scaled @ scaled.T


def _runs(samples: Samples, role: Role) -> tuple[IntArray, FloatArray]:
    """Return the number of runs and their share of the genome, each of shape (animals,)."""
    starts, positions = np.zeros(len(samples.markers), dtype=bool), np.zeros(len(samples.markers))
    for columns in samples.chromosomes():
        starts[columns[0]] = True
        known = samples.markers.positions[columns]
        positions[columns] = known if known[-1] > known[0] else columns
    total = sum(positions[columns[-1]] - positions[columns[0]] for columns in samples.chromosomes())
    animals = samples.animals(role)
    numbers, lengths = np.zeros(len(animals), dtype=np.int64), np.zeros(len(animals))
    _find_runs(animals, starts, positions, numbers, lengths)
    return numbers, lengths / max(total, 1.0)


@njit(parallel=True, cache=True, nogil=True)
def _find_runs(
    animals: Int8Array, starts: BoolArray, positions: FloatArray, numbers: IntArray, lengths: FloatArray
) -> None:
    """Add each animal's runs of homozygous markers to its number of runs and to their length."""
    n_markers = animals.shape[1]
    for animal in prange(len(animals)):
        first = 0
        for marker in range(n_markers + 1):
            ends = marker == n_markers or starts[marker] or animals[animal, marker] == 1
            if ends and marker - first >= SHORTEST_RUN:
                numbers[animal] += 1
                lengths[animal] += positions[marker - 1] - positions[first]
            if ends:
                first = marker + 1 if marker < n_markers and animals[animal, marker] == 1 else marker
