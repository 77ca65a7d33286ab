"""Which training animals a model holds out to stop by: the youngest, as those it will predict are younger still."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from genialearn.cohorts import Cohort
from genialearn.validation.splits import SplitScheme, birth_years

if TYPE_CHECKING:
    from genialearn.neural.ensemble import InnerPart

_LEAST_PARTS = 5


def inner_parts(cohort: Cohort, n_members: int, *, seed: int) -> list[InnerPart]:
    """Return each member's inner part.

    Where birth years are known and of two years at least, every member holds out the youngest, about a fifth; animals
    of unknown birth year are trained on. Else animals are divided at random, and each member holds out another part.
    """
    from genialearn.neural.ensemble import InnerPart

    years = birth_years(cohort)
    if len(np.unique(years[np.isfinite(years)])) > 1:
        youngest = SplitScheme("forward").splits(cohort, rng=np.random.default_rng(seed))[0].test
        rest = np.setdiff1d(np.arange(len(cohort)), youngest)
        return [InnerPart(rest, youngest)] * n_members
    folds = np.random.default_rng(seed).permutation(len(cohort)) % max(n_members, _LEAST_PARTS)
    return [InnerPart(np.flatnonzero(folds != member), np.flatnonzero(folds == member)) for member in range(n_members)]
