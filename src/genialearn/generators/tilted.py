"""What generators share whose distribution is tilted towards the values of traits that animals are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, Int8Array
from genialearn.cohorts import Cohort
from genialearn.generators.generator import Generator
from genialearn.generators.tilt import Tilt


class TiltedGenerator(Generator, ABC):
    """A generator of haplotypes that learns from the training records what conditions do, when it is first asked.

    Fitting leaves the recorded animals, on the markers that are tilted, in `_recorded`, and no tilt in `_tilt`.
    """

    conditional = True
    guidance: float
    seed: int
    calibrations: int = 2
    _recorded: Cohort
    _tilt: Tilt | None

    def tilt(self) -> Tilt:
        """Return what conditions do, learned from the training records when it is first asked for."""
        self._check_fitted()
        if self._tilt is None:
            rng = np.random.default_rng([self.seed, 7])
            self._tilt = Tilt.of(self._recorded, self._drawn_pairs, rng, calibrations=self.calibrations)
        return self._tilt

    def _strengths(self, n_animals: int, conditions: pd.DataFrame | None) -> FloatArray | None:
        """Return how strongly each animal is pulled (animals, traits), None where nothing is asked for."""
        return None if conditions is None else self.tilt().of_animals(n_animals, conditions, self.guidance)

    @abstractmethod
    def _drawn_pairs(self, effects: FloatArray, strengths: FloatArray, rng: np.random.Generator) -> Int8Array:
        """Return haplotypes (2 animals, markers) pulled by strengths (animals, traits) of effects (markers, traits)."""
