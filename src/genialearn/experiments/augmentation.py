"""Do artificial animals help small training sets? Models of n real animals, and of these with artificial ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, StrArray
from genialearn._checks import check_at_least, check_known
from genialearn.cohorts import Cohort
from genialearn.contracts import GenotypeGenerator
from genialearn.errors import SettingError
from genialearn.experiments.jackknife import Jackknifed, Moments, mean_of
from genialearn.experiments.recorded import Recorded, labelled, on_map
from genialearn.experiments.usefulness import shared_traits
from genialearn.predictors import CATALOGUE
from genialearn.predictors.catalogue import make_predictor
from genialearn.predictors.gblup import GBLUP
from genialearn.validation.splits import blocks

COLUMNS = ("predictor", "n_real", "n_artificial", "trait", "real", "augmented", "difference", "se", "se_seeds")


@dataclass(frozen=True, eq=False)
class _Study:
    """What every repetition shares.

    Parameters
    ----------
    training
        Animals to choose from, with adjusted records in the place of their own.
    real, holdout
        The same animals and those held out, on one marker map.
    families
        What makes animals held out dependent, shape (animals,).
    generator
        Gives an unfitted generator for a seed.
    n_artificial
        How many animals it draws.
    threads
        Of models that know of threads.
    """

    training: Cohort
    real: Recorded
    holdout: Recorded
    families: StrArray
    generator: Callable[[int], GenotypeGenerator]
    n_artificial: int
    threads: int

    @classmethod
    def of(
        cls,
        training: Cohort,
        holdout: Cohort,
        generator: Callable[[int], GenotypeGenerator],
        *,
        n_artificial: int,
        threads: int,
    ) -> _Study:
        """Return the study of a training and a hold-out."""
        training, holdout = training.canonical(), holdout.canonical()
        names, markers = shared_traits(training, holdout), training.genotypes.markers
        real, others = Recorded.of(training, names, markers), Recorded.of(holdout, names, markers)
        known = np.flatnonzero(np.isfinite(real.values).any(axis=1))
        chosen = real.of_animals(known)
        plain = chosen.in_cohort(training.select(known))
        return cls(plain, chosen, others, blocks(holdout), generator, n_artificial, threads)

    def training_sets(self, size: int, seed: int) -> tuple[Recorded, Recorded]:
        """Return n real animals, and these with artificial ones that were learned from them alone."""
        rng = np.random.default_rng([seed, size, 7])
        rows = np.sort(rng.choice(len(self.training), size, replace=False))
        few, real = self.training.select(rows), self.real.of_animals(rows)
        drawn = self.generator(seed).fit(few).sample(self.n_artificial, rng=rng)
        labeller = GBLUP(seed=seed).fit(real.cohort())
        made = labelled(on_map(drawn, real.genotypes.markers), labeller, real, rng=rng)
        return real, real.beside(made)

    def correlations(self, animals: Recorded, predictor: str, seed: int) -> list[Jackknifed]:
        """Return r on the animals held out of each trait."""
        model = make_predictor(predictor, seed=seed, threads=self.threads).fit(animals.cohort())
        predicted = model.predict(Cohort.of_genotypes(self.holdout.genotypes))
        return [self._correlation(predicted[:, column], column) for column in range(len(self.holdout.names))]

    def _correlation(self, predicted: FloatArray, column: int) -> Jackknifed:
        observed, weights = self.holdout.values[:, column], self.holdout.weights[:, column]
        known = np.isfinite(observed)
        return Moments.of(predicted[known], observed[known], self.families[known], weights[known]).correlation()


def augmentation(
    training: Cohort,
    holdout: Cohort,
    generator: Callable[[int], GenotypeGenerator],
    *,
    sizes: Sequence[int],
    n_artificial: int,
    predictors: Sequence[str] = ("gblup",),
    seeds: Sequence[int] = (1, 2, 3),
    threads: int = 0,
) -> pd.DataFrame:
    """Return how much better models predict real animals when artificial ones are added to n real ones.

    For each size and seed n training animals are drawn. A generator is fitted on them alone, and so is the GBLUP that
    gives the artificial animals their records (genomic value plus residual). What artificial animals add is thus
    nothing but what the n real ones hold already. Records are adjusted for fixed effects beforehand, by least squares.

    Parameters
    ----------
    training
        Real animals with records to choose from; the generator decides whether they must be phased.
    holdout
        Other real animals with records.
    generator
        Gives an unfitted generator for a seed.
    sizes
        Numbers n of real animals.
    n_artificial
        Animals that are added.
    predictors
        Names in `predictors.CATALOGUE`.
    seeds
        One repetition each.
    threads
        Of models that know of threads; 0 for all cores.

    Returns
    -------
    One row a predictor, size and trait: r on the animals held out, `real` alone and `augmented`, and their difference,
    means over seeds. `se` is the standard error of that mean difference over animals held out, families kept together;
    `se_seeds` that over draws of animals, NaN of one seed.

    Raises
    ------
    SettingError
        Where a size or a predictor is none.
    AlignmentError
        Where no quantitative trait has enough records.
    """
    check_at_least("n_artificial", n_artificial, 1)
    study = _Study.of(training, holdout, generator, n_artificial=n_artificial, threads=threads)
    for predictor in predictors:
        check_known("predictor", predictor, CATALOGUE)
    for size in sizes:
        _check_size(size, len(study.training))
    rows = [row for size in sizes for row in _rows(study, size, predictors, seeds)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _check_size(size: int, most: int) -> None:
    if check_at_least("sizes", size, 2) > most:
        raise SettingError(
            "sizes",
            expected=f"at most the {most:,} training animals with records",
            found=f"{size:,}",
            advice="Use smaller sizes, or hold out fewer animals.",
        )


def _rows(study: _Study, size: int, predictors: Sequence[str], seeds: Sequence[int]) -> Iterator[tuple[object, ...]]:
    sets = {seed: study.training_sets(size, seed) for seed in seeds}
    for predictor in predictors:
        pairs = [[study.correlations(animals, predictor, seed) for animals in sets[seed]] for seed in seeds]
        for column, name in enumerate(study.holdout.names):
            real, augmented = ([pair[place][column] for pair in pairs] for place in (0, 1))
            gains = [more - less for less, more in zip(real, augmented, strict=True)]
            gain, spread = mean_of(gains), np.array([each.value for each in gains])
            se_seeds = float(np.std(spread, ddof=1) / np.sqrt(len(spread))) if len(spread) > 1 else float("nan")
            values = (mean_of(real).value, mean_of(augmented).value, gain.value, gain.se, se_seeds)
            yield (predictor, size, study.n_artificial, name, *values)
