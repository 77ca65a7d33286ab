"""From a maximum of the likelihood with the dominant part of G split off to that of the likelihood itself.

The split leaves out how both parts of the contrasts are correlated, which moves heritabilities by some tenths of a
standard error. With M = h K + (1 - h) I on n contrasts y, s2 profiled out, the restricted log likelihood has the slope

    l'(h) = (tr M^-1 - n |M^-1 y|^2 / y'M^-1 y) / (2h)

since dM/dh = K - I = (M - I) / h. M^-1 y is a solution by conjugate gradients, where the dominant part is only a
preconditioner. The trace is the split likelihood's own, corrected by a few random vectors z that it has seen: the mean
of z'M^-1 z less what the split says of the same z. As the two agree closely, a few are enough. A Newton step with the
split likelihood's information comes to the maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn.linalg.lanczos import Quadrature
from genialearn.linalg.low_rank import LowRank
from genialearn.linalg.operators import LinearOperator
from genialearn.linalg.solvers import conjugate_gradients
from genialearn.mixed_models.likelihoods import StochasticLikelihood
from genialearn.mixed_models.records import LowRankPreconditioner, Pattern, RecordSystems
from genialearn.mixed_models.variance import HIGHEST, LOWEST, NO_VARIANCE, Variances

PROBES = 2
"""Random vectors of a pattern that correct its traces."""

_ROUNDS = 3
_CLOSE = 0.5
"""A step of at most this many standard errors needs no other one: what it is off by is of second order."""

_FARTHEST = 3.0
"""Standard errors that one step goes at most."""

_OWN_TOLERANCE, _PROBE_TOLERANCE = 1e-5, 1e-3
"""Relative residuals: |M^-1 y|^2 is off by its residual, z'M^-1 z only by its square."""

_WIDEST = 144
"""Systems solved at a time."""

_LEAST, _MOST = 3e-3, 0.999
"""Slopes are taken from the first on: below it they are differences of nearly equal numbers. From the second on they
aren't taken: systems are too far from the identity there."""


@dataclass(frozen=True, eq=False)
class SplitTrait:
    """What is known of a trait from its likelihood with the dominant part split off.

    Parameters
    ----------
    pattern
        Its records.
    contrasts
        y, shape (records,).
    probes
        Contrasts of random vectors z, shape (records, vectors).
    seen
        Quadrature of each of them, both parts of the contrasts together.
    likelihood
        With the split.
    """

    pattern: Pattern
    contrasts: FloatArray
    probes: FloatArray
    seen: tuple[Quadrature, ...]
    likelihood: StochasticLikelihood

    @property
    def right_hand_sides(self) -> list[FloatArray]:
        """Contrasts and random vectors."""
        return [self.contrasts, *self.probes.T]

    def slope(self, h: float, solved: FloatArray) -> tuple[float, float]:
        """Return l'(h), and y'M^-1 y, for M^-1 of the right-hand sides (records, 1 + vectors)."""
        own = solved[:, 0]
        squares = float(self.contrasts @ own)
        trace = self.likelihood.trace(lambda d: 1 / (h * d + 1 - h)) + self._correction(h, solved[:, 1:])
        return (trace - self.pattern.n_contrasts * float(own @ own) / squares) / (2 * h), squares

    def _correction(self, h: float, solved: FloatArray) -> float:
        """Return tr M^-1 less what the split says, from the same random vectors."""
        whole = np.einsum("ij,ij->j", self.probes, solved)
        split = [float(np.sum(seen.weights / (h * seen.nodes + 1 - h))) for seen in self.seen]
        return float(np.mean(whole - np.array(split)))


def corrected(
    kernel: LinearOperator, traits: Sequence[SplitTrait], heritabilities: Sequence[float], part: LowRank
) -> list[Variances]:
    """Return each trait's variances at the maximum of the likelihood without the split.

    Parameters
    ----------
    kernel
        G of all animals.
    traits
        What is known of them.
    heritabilities
        Where their likelihoods with the split have their maxima.
    part
        The dominant part of G.
    """
    found = [trait.likelihood.at(h) for trait, h in zip(traits, heritabilities, strict=True)]
    moving = [place for place, h in enumerate(heritabilities) if h < _MOST]
    for _ in range(_ROUNDS):
        steps: list[int] = []
        for portion in _portions(moving, traits):
            h = np.maximum([found[place].heritability for place in portion], _LEAST)
            solutions = _solved(kernel, [traits[place] for place in portion], h, part)
            for place, start, solved in zip(portion, h, solutions, strict=True):
                found[place], far = _newton(traits[place], float(start), solved)
                steps += [place] if far else []
        moving = steps
    return found


def _newton(trait: SplitTrait, h: float, solved: FloatArray) -> tuple[Variances, bool]:
    """Return variances one step on, and whether the step was long."""
    slope, squares = trait.slope(h, solved)
    information = trait.likelihood.information(h)
    if information <= 0:
        return trait.likelihood.at(h), False
    error = 1 / np.sqrt(information)
    step = float(np.clip(slope / information, -_FARTHEST * error, _FARTHEST * error))
    now = min(max(h + step, LOWEST), HIGHEST)
    # y'M^-1 y by its slope, -(y'M^-1 y - |M^-1 y|^2) / h, so that the total variance goes with the step.
    own = solved[:, 0]
    total = (squares - (now - h) * (squares - float(own @ own)) / h) / trait.pattern.n_contrasts
    return Variances(now, max(total, NO_VARIANCE), float("nan")), _LEAST < now < _MOST and abs(step) > _CLOSE * error


def _portions(places: Sequence[int], traits: Sequence[SplitTrait]) -> list[list[int]]:
    """Return places in portions of at most 144 right-hand sides."""
    portions: list[list[int]] = []
    room = 0
    for place in places:
        needed = len(traits[place].right_hand_sides)
        if needed > room:
            portions.append([])
            room = _WIDEST
        portions[-1].append(place)
        room -= needed
    return portions


def _solved(
    kernel: LinearOperator, traits: Sequence[SplitTrait], heritabilities: FloatArray, part: LowRank
) -> list[FloatArray]:
    """Return M^-1 of each trait's right-hand sides, shape (records, 1 + vectors)."""
    counts = [len(trait.right_hand_sides) for trait in traits]
    h = np.repeat(heritabilities, counts)
    systems = RecordSystems(kernel, [trait.pattern for trait, n in zip(traits, counts, strict=True) for _ in range(n)])
    own = _OWN_TOLERANCE * np.minimum(1.0, 10 * heritabilities)
    tolerance = np.concatenate([[first] + [_PROBE_TOLERANCE] * (n - 1) for first, n in zip(own, counts, strict=True)])

    def product(values: FloatArray, which: IntArray) -> FloatArray:
        return h[which] * systems.product(values, which) + (1 - h[which]) * values

    solution = conjugate_gradients(
        product,
        systems.stacked([vector for trait in traits for vector in trait.right_hand_sides]),
        precondition=LowRankPreconditioner(systems, part, h),
        tolerance=tolerance,
    ).checked("variance components")
    ends = np.cumsum([0, *counts])
    return [
        solution[: len(trait.contrasts), start:stop]
        for trait, start, stop in zip(traits, ends[:-1], ends[1:], strict=True)
    ]
