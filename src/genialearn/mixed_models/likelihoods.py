"""The restricted likelihood of one trait from quadratures, as a function of the heritability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.linalg.lanczos import Quadrature
from genialearn.mixed_models import variance
from genialearn.mixed_models.variance import Variances


@dataclass(frozen=True, eq=False)
class StochasticLikelihood:
    """The restricted likelihood of one trait as a function of h, as `variance.Contrasts` has it exactly.

    Parameters
    ----------
    own
        Quadrature from the trait's contrasts.
    probes
        Quadratures from random vectors.
    n_contrasts
        Records less fixed effects.
    known
        Eigenvalues of the contrasts that were taken out of the run, shape (contrasts taken out,).
    """

    own: Quadrature
    probes: tuple[Quadrature, ...]
    n_contrasts: int
    known: FloatArray = field(default_factory=lambda: np.empty(0))

    def at(self, h: float) -> Variances:
        """Return the variances given h, and their restricted log likelihood."""
        n = self.n_contrasts
        total = max(float(np.sum(self.own.weights / (h * self.own.nodes + 1 - h))) / n, variance.NO_VARIANCE)
        log_determinant = self.trace(lambda d: np.log(np.maximum(h * d + 1 - h, 1e-12)))
        return Variances(h, total, -0.5 * (n * (np.log(total) + 1) + log_determinant))

    def information(self, h: float) -> float:
        """Return the expected information on h, s2 profiled out."""
        n = self.n_contrasts
        first = self.trace(lambda d: (d - 1) / (h * d + 1 - h)) / n
        second = self.trace(lambda d: ((d - 1) / (h * d + 1 - h)) ** 2) / n
        return 0.5 * n * (second - first**2)

    def trace(self, function: Callable[[FloatArray], FloatArray]) -> float:
        """Return the average of the quadratures of a function, each scaled to the known dimension of the contrasts."""
        nodes, weights = self._probes
        share = float(weights @ function(nodes))
        return (self.n_contrasts - len(self.known)) * share + float(np.sum(function(self.known)))

    @cached_property
    def _probes(self) -> tuple[FloatArray, FloatArray]:
        """Nodes and weights of all probes one after the other; each probe counts as much, all together 1."""
        useful = [probe for probe in self.probes if np.sum(probe.weights) > 0]  # some may lie within fixed effects
        weights = [probe.weights / np.sum(probe.weights) / len(useful) for probe in useful]
        return np.concatenate([probe.nodes for probe in useful]), np.concatenate(weights)
