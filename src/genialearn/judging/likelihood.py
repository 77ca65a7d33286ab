"""How probable real animals are to a generator that can tell."""

from __future__ import annotations

import numpy as np

from genialearn.contracts import HasLogLikelihood
from genialearn.errors import SettingError
from genialearn.judging.samples import Animals
from genialearn.validation.metrics import Estimate


def held_out_log_likelihood(generator: object, holdout: Animals) -> Estimate:
    """Return the mean log-likelihood in nats of a hold-out haplotype, or animal where the generator knows no phases.

    Its standard error takes animals as independent, the two haplotypes of one animal not.

    Parameters
    ----------
    generator
        Fitted, with `log_likelihood`.
    holdout
        Animals that it hasn't learned from.

    Raises
    ------
    SettingError
        Where the generator has no likelihood, or there are fewer than two animals.
    """
    if not isinstance(generator, HasLogLikelihood):
        raise SettingError(
            "generator",
            expected="one with a log-likelihood",
            found=type(generator).__name__,
            advice="Judge it by what it draws.",
        )
    n_animals = len(holdout.animals)
    if n_animals < 2:
        raise SettingError("hold-out animals", expected="at least 2", found=str(n_animals))
    each = generator.log_likelihood(holdout).reshape(n_animals, -1)
    by_animal = each.mean(axis=1)
    if not np.isfinite(by_animal).all():
        return Estimate(float(by_animal.mean()), float("nan"), each.size)
    return Estimate(float(by_animal.mean()), float(by_animal.std(ddof=1) / np.sqrt(n_animals)), each.size)
