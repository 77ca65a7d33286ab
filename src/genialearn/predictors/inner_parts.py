"""Which training animals a model holds out to stop by: the youngest, as those it will predict are younger still."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from genialearn._arrays import BoolArray
from genialearn.cohorts import Cohort
from genialearn.validation.splits import SplitScheme, birth_years

if TYPE_CHECKING:
    from genialearn.neural.ensemble import InnerPart

_LEAST_PARTS = 5


def inner_parts(cohort: Cohort, recorded: BoolArray, n_members: int, *, seed: int) -> list[InnerPart]:
    """Return each member's inner part of the animals that have a record.

    Where birth years are known and of two years at least, every member holds out the youngest, about a fifth; animals
    of unknown birth year are trained on. Else animals are divided at random, and each member holds out another part.

    Parameters
    ----------
    cohort
        The animals.
    recorded
        Which of them have a record, shape (animals,).
    n_members
        How many parts are needed.
    seed
        Of the random parts.
    """
    from genialearn.neural.ensemble import InnerPart

    rows = np.flatnonzero(recorded)
    years = birth_years(cohort)[rows]
    if len(np.unique(years[np.isfinite(years)])) > 1:
        youngest = SplitScheme("forward").splits(cohort.select(rows), rng=np.random.default_rng(seed))[0].test
        return [InnerPart(np.delete(rows, youngest), rows[youngest])] * n_members
    folds = np.random.default_rng(seed).permutation(len(rows)) % max(n_members, _LEAST_PARTS)
    return [InnerPart(rows[folds != member], rows[folds == member]) for member in range(n_members)]
