"""Forward filtering and backward sampling of the copying model, a thread a haplotype; see `li_stephens`.

Filters are float32 and scaled to sum 1 at every marker; the logarithms of the scales are summed in float64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from genialearn._arrays import Float32Array, FloatArray, Int8Array, IntArray
from genialearn.generators.streams import following, stream, uniform

UNKNOWN = -1
"""An allele that isn't given."""

_REORDERED = {"reassoc", "contract", "nsz"}
"""What sums may do to be vectorised."""


class Part(NamedTuple):
    """A chromosome of the panel (markers, haplotypes), and who may be copied by each haplotype asked about."""

    panel: Int8Array
    switches: FloatArray
    error: float
    donors: IntArray
    left_out: IntArray


class _Weights(NamedTuple):
    """What a donor's filter is multiplied by, what is added to it, and the probability of an allele right or wrong."""

    stay: np.float32
    fresh: np.float32
    right: np.float32
    wrong: np.float32


class _Step(NamedTuple):
    """Between two alleles seen: the probability that no donor was drawn, the filter's sum, and who is left out."""

    kept: float
    total: float
    error: float
    first: int
    last: int


class _Seen(NamedTuple):
    """The markers seen, what is kept since the last of them at every marker, and the filter and its sum at each."""

    tags: IntArray
    kept: FloatArray
    filters: Float32Array
    totals: FloatArray
    first: int
    last: int


class _Chance(NamedTuple):
    """The probability of a wrong copy, and the state of the stream of random numbers."""

    mutation: float
    state: np.uint64


@njit(cache=True)  # type: ignore[untyped-decorator]
def _chosen(panel: Int8Array, donors: IntArray) -> Int8Array:
    """Return the columns of some donors."""
    out = np.empty((len(panel), len(donors)), dtype=np.int8)
    for marker in range(len(panel)):
        for i in range(len(donors)):
            out[marker, i] = panel[marker, donors[i]]
    return out


@njit(cache=True, fastmath=_REORDERED)  # type: ignore[untyped-decorator]
def _advance(
    before: Float32Array, after: Float32Array, alleles: Int8Array, allele: int, weights: _Weights
) -> np.float32:
    """Write one step of the forward algorithm for neighbouring donors and return the sum."""
    stay, fresh, right, wrong = weights
    total = np.float32(0)
    for i in range(len(before)):
        value = (before[i] * stay + fresh) * (right if alleles[i] == allele else wrong)
        after[i] = value
        total += value
    return total


@njit(cache=True)  # type: ignore[untyped-decorator]
def _observe(before: Float32Array, after: Float32Array, alleles: Int8Array, allele: int, step: _Step) -> np.float64:
    """Write the filter after an allele was seen, not scaled, and return its sum; both filters may be one array.

    `before` has sum `step.total`, and 0 for donors that are left out.
    """
    first, last = step.first, step.last
    weights = _Weights(
        np.float32(step.kept / step.total),
        np.float32((1.0 - step.kept) / (len(before) - (last - first))),
        np.float32(1.0 - step.error),
        np.float32(step.error),
    )
    after[first:last] = 0
    below = _advance(before[:first], after[:first], alleles[:first], allele, weights)
    return np.float64(below + _advance(before[last:], after[last:], alleles[last:], allele, weights))


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def add_log_likelihoods(part: Part, given: Int8Array, out: FloatArray) -> None:
    """Add nats of one chromosome, given alleles (markers, haplotypes)."""
    for h in prange(given.shape[1]):
        alleles = _chosen(part.panel, part.donors[h]) if part.donors.shape[1] else part.panel
        first, last = part.left_out[h, 0], part.left_out[h, 1]
        filtered = np.zeros(alleles.shape[1], dtype=np.float32)
        kept, total = 0.0, 1.0
        for marker in range(len(alleles)):
            kept *= 1.0 - part.switches[marker]
            allele = given[marker, h]
            if allele >= 0:
                step = _Step(kept, total, part.error, first, last)
                total = _observe(filtered, filtered, alleles[marker], allele, step)
                out[h] += np.log(total)
                kept = 1.0


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def fill_unknown(part: Part, given: Int8Array, mutation: float, key: np.uint64) -> None:
    """Write drawn alleles where given (markers, haplotypes) is unknown, on one chromosome."""
    for h in prange(given.shape[1]):
        alleles = _chosen(part.panel, part.donors[h]) if part.donors.shape[1] else part.panel
        first, last = part.left_out[h, 0], part.left_out[h, 1]
        tags = np.flatnonzero(given[:, h] >= 0)
        kept = _kept_since_tag(part.switches, tags)
        filters = np.zeros((len(tags) + 1, alleles.shape[1]), dtype=np.float32)  # the first: before any tag
        totals = np.ones(len(tags) + 1)
        for i in range(len(tags)):
            tag = tags[i]
            before = kept[tag - 1] * (1.0 - part.switches[tag]) if i else 0.0
            step = _Step(before, totals[i], part.error, first, last)
            totals[i + 1] = _observe(filters[i], filters[i + 1], alleles[tag], given[tag, h], step)
        seen = _Seen(tags, kept, filters, totals, first, last)
        _copy_backwards(alleles, given[:, h], part.switches, seen, _Chance(mutation, stream(key, h)))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _copy_backwards(alleles: Int8Array, given: Int8Array, switches: FloatArray, seen: _Seen, chance: _Chance) -> None:
    """Draw a path of donors from the last marker to the first, and copy its alleles where they are unknown."""
    n_markers, n_donors = alleles.shape
    n_fresh = n_donors - (seen.last - seen.first)
    tag, donor, state = len(seen.tags), -1, chance.state
    for marker in range(n_markers - 1, -1, -1):
        while tag > 0 and seen.tags[tag - 1] > marker:
            tag -= 1
        kept = seen.kept[marker]
        if donor >= 0:  # the donor of the next marker: was it copied here already?
            here = kept * seen.filters[tag, donor] / seen.totals[tag] + (1.0 - kept) / n_fresh
            stayed, switched = (1.0 - switches[marker + 1]) * here, switches[marker + 1] / n_fresh
            state = following(state)
            if uniform(state) * (stayed + switched) >= stayed:
                donor = -1
        if donor < 0:
            state = following(state)
            informed = uniform(state) < kept
            state = following(state)
            if informed:
                donor = _drawn(seen.filters[tag], uniform(state) * seen.totals[tag])
            else:
                donor = min(int(uniform(state) * n_fresh), n_fresh - 1)
                donor += seen.last - seen.first if donor >= seen.first else 0
        if given[marker] < 0:
            state = following(state)
            given[marker] = alleles[marker, donor] ^ (uniform(state) < chance.mutation)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _kept_since_tag(switches: FloatArray, tags: IntArray) -> FloatArray:
    """Return the probability that no donor was drawn since the last tag, 0 where there is none, shape (markers,)."""
    out, kept, following_tag = np.zeros(len(switches)), 0.0, 0
    for marker in range(len(switches)):
        kept *= 1.0 - switches[marker]
        if following_tag < len(tags) and tags[following_tag] == marker:
            kept, following_tag = 1.0, following_tag + 1
        out[marker] = kept
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _drawn(weights: Float32Array, target: float) -> int:
    """Return the number at which the running sum of weights passes a target, the last one above 0 at most."""
    running, last = 0.0, 0
    for i in range(len(weights)):
        if weights[i] > 0:
            last = i
            running += weights[i]
            if running > target:
                break
    return last
