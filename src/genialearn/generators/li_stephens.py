"""The copying model of Li and Stephens: a haplotype is a mosaic of other haplotypes, with errors.

Along a chromosome the donor that is copied is drawn anew, uniformly, with probability r_m = 1 - exp(-rho d_m) before
marker m, d_m centimorgans after the last; an allele is copied wrongly with probability e. Since a new donor is drawn
uniformly, the forward algorithm costs O(donors x markers) a haplotype (Li & Stephens 2003, Genetics 165:2213-2233,
appendix A):

    f_m(j) = P(x_m | j) ((1 - r_m) f_{m-1}(j) + r_m / n sum_i f_{m-1}(i)).

Filters are float32 and scaled to sum 1 at every marker; the logarithms of the scales are summed in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from scipy.optimize import minimize_scalar

from genialearn._arrays import Float32Array, FloatArray, Int8Array, IntArray
from genialearn.errors import AlignmentError
from genialearn.generators.chromosomes import Chromosome
from genialearn.generators.streams import following, new_key, stream, uniform
from genialearn.genotypes import HaplotypeMatrix

UNKNOWN = -1
"""An allele that isn't given."""

RATES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Switches a centimorgan where the search begins."""

ERRORS = (1e-5, 0.3)
"""Between which copying errors are searched."""

FIRST_ERROR = 0.01
MOST_WORK, FEWEST, MOST = 2e9, 20, 200
"""Donors x markers x haplotypes of one value of the likelihood, and bounds of the number of haplotypes."""

_REORDERED = {"reassoc", "contract", "nsz"}
"""What sums may do to be vectorised."""


class _Part(NamedTuple):
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


@dataclass(frozen=True, eq=False)
class LiStephens:
    """The copying model on a panel of donors.

    Parameters
    ----------
    panel
        The donors, markers in canonical order.
    chromosomes
        Of the panel's markers.
    rate
        rho, expected donor switches a centimorgan, above 0.
    error
        e, the probability that an allele is copied wrongly, between 0 and 1.
    """

    panel: HaplotypeMatrix
    chromosomes: list[Chromosome]
    rate: float
    error: float

    def log_likelihood(
        self, alleles: Int8Array, *, donors: IntArray | None = None, own: IntArray | None = None
    ) -> FloatArray:
        """Return nats of each haplotype, shape (haplotypes,).

        Parameters
        ----------
        alleles
            0, 1 or `UNKNOWN`, over which is summed, shape (haplotypes, markers).
        donors
            Who may be copied by each haplotype, numbers of haplotypes of the panel, shape (haplotypes, donors); None
            for everyone.
        own
            For each haplotype the number of the panel's animal whose two haplotypes it may not copy, -1 for none,
            shape (haplotypes,). Only where `donors` isn't given.
        """
        total = np.zeros(len(alleles))
        listed, left_out = _who(len(alleles), donors, own)
        for chromosome, panel, switches in self._parts():
            given = np.ascontiguousarray(alleles[:, chromosome.columns].T)
            _add_log_likelihoods(_Part(panel, switches, self.error, listed, left_out), given, total)
        return total

    def fill(
        self,
        alleles: Int8Array,
        *,
        rng: np.random.Generator,
        mutation: float | None = None,
        donors: IntArray | None = None,
        own: IntArray | None = None,
    ) -> Int8Array:
        """Return haplotypes with unknown alleles drawn from their distribution given the known ones.

        A path of donors is drawn by forward filtering and backward sampling, and its alleles are copied. Where nothing
        is known it is a draw from the model itself. Costs O(donors x known alleles + markers) a haplotype, and the
        filters of one haplotype and chromosome at a time: 4 x donors x known markers bytes a thread.

        Parameters
        ----------
        alleles
            0, 1 or `UNKNOWN`, shape (haplotypes, markers).
        rng
            Source of randomness.
        mutation
            The probability that a drawn allele differs from the donor's; None for `error`.
        donors, own
            As in `log_likelihood`.

        Returns
        -------
        Int8Array
            Known alleles as they were, column-major, shape (haplotypes, markers).
        """
        out = np.empty(alleles.shape[::-1], dtype=np.int8)
        listed, left_out = _who(len(alleles), donors, own)
        change = self.error if mutation is None else mutation
        for chromosome, panel, switches in self._parts():
            part = np.ascontiguousarray(alleles[:, chromosome.columns].T)
            _fill(_Part(panel, switches, self.error, listed, left_out), part, change, new_key(rng))
            out[chromosome.columns] = part
        return out.T

    def draw(self, n_haplotypes: int, *, rng: np.random.Generator, donors: IntArray | None = None) -> Int8Array:
        """Return haplotypes of the model, column-major, shape (haplotypes, markers).

        Nothing but the donors, as in `log_likelihood`, is known.
        """
        nothing = np.broadcast_to(np.int8(UNKNOWN), (n_haplotypes, len(self.panel.markers)))
        return self.fill(nothing, rng=rng, donors=donors)

    def leave_one_out(self, haplotypes: IntArray, donors: IntArray | None = None) -> FloatArray:
        """Return nats of some of the panel's haplotypes, none copying its own animal, shape (haplotypes,).

        Donors, where they are listed, must leave out the own animal themselves.
        """
        alleles = rows_of(self.panel, haplotypes)
        if donors is None:
            return self.log_likelihood(alleles, own=haplotypes // 2)
        return self.log_likelihood(alleles, donors=donors)

    def _parts(self) -> Iterator[tuple[Chromosome, Int8Array, FloatArray]]:
        """Yield each chromosome with the panel's alleles (markers, haplotypes) and switch probabilities (markers,)."""
        for chromosome in self.chromosomes:
            panel = np.ascontiguousarray(self.panel.alleles(chromosome.columns).T)
            yield chromosome, panel, -np.expm1(-self.rate * chromosome.gaps)


def rows_of(panel: HaplotypeMatrix, haplotypes: IntArray) -> Int8Array:
    """Return the alleles of some haplotypes, column-major, shape (haplotypes, markers)."""
    out = np.empty((len(haplotypes), len(panel.markers)), dtype=np.int8, order="F")
    for columns, block in panel.blocks():
        out[:, columns] = block[haplotypes]
    return out


def for_estimation(panel: HaplotypeMatrix, n_donors: int | None = None) -> IntArray:
    """Return evenly spaced haplotypes of a panel, few enough that a value of their likelihood costs about a second."""
    work = (n_donors or len(panel)) * len(panel.markers)
    n_used = min(len(panel), int(np.clip(MOST_WORK / work, FEWEST, MOST)))
    return np.unique(np.linspace(0, len(panel) - 1, n_used).astype(np.int64))


def estimated(
    panel: HaplotypeMatrix,
    chromosomes: list[Chromosome],
    *,
    rate: float | None = None,
    error: float | None = None,
    haplotypes: IntArray | None = None,
    donors: IntArray | None = None,
) -> LiStephens:
    """Return the model whose rate and error, where they aren't given, maximise the leave-one-out likelihood.

    The likelihood is that of some of the panel's haplotypes, each copying all but its own animal, or its listed donors.
    The best of five rates, then golden section with parabolas on the logarithm of error, rate and error again: at most
    about 35 values.

    Parameters
    ----------
    panel, chromosomes
        The training haplotypes.
    rate, error
        Kept where given.
    haplotypes
        Whose likelihood is used, numbers of haplotypes; None for those of `for_estimation`.
    donors
        Whom each of `haplotypes` may copy, shape (haplotypes, donors); None for all but its own animal.

    Raises
    ------
    AlignmentError
        Where there is nobody to be copied.
    """
    if len(panel.animals) < 2:
        raise AlignmentError("haplotypes", expected="at least two animals, to copy from each other", found="one")
    used = for_estimation(panel) if haplotypes is None else haplotypes
    model = LiStephens(panel, chromosomes, RATES[2] if rate is None else rate, FIRST_ERROR if error is None else error)

    def value(candidate: LiStephens) -> float:
        return float(candidate.leave_one_out(used, donors).sum())

    if rate is None:
        model = max((replace(model, rate=start) for start in RATES), key=value)
    searched = [name for name, given in (("error", error), ("rate", rate), ("error", error)) if given is None]
    for name in searched if rate is None or error is None else []:
        centre = getattr(model, name)
        low, high = ERRORS if name == "error" else (centre / 10, centre * 10)
        best = minimize_scalar(
            lambda log, model=model, name=name: -value(_with(model, name, np.exp(log))),
            bounds=(np.log(low), np.log(high)),
            method="bounded",
            options={"xatol": 0.05, "maxiter": 12},
        )
        model = _with(model, name, np.exp(best.x))
    return model


def _with(model: LiStephens, name: str, value: float) -> LiStephens:
    """Return the model with another rate or error."""
    return replace(model, rate=float(value)) if name == "rate" else replace(model, error=float(value))


def _who(n_haplotypes: int, donors: IntArray | None, own: IntArray | None) -> tuple[IntArray, IntArray]:
    """Return listed donors, none for everyone, and the first and last + 1 of those left out, (haplotypes, 2)."""
    listed = np.empty((n_haplotypes, 0), dtype=np.int64) if donors is None else np.ascontiguousarray(donors)
    left_out = np.zeros((n_haplotypes, 2), dtype=np.int64)
    if own is not None:
        known = own >= 0
        left_out[known, 0], left_out[known, 1] = 2 * own[known], 2 * own[known] + 2
    return listed, left_out


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
def _add_log_likelihoods(part: _Part, given: Int8Array, out: FloatArray) -> None:
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
def _fill(part: _Part, given: Int8Array, mutation: float, key: np.uint64) -> None:
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
