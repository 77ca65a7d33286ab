"""What artificial animals are good for in genomic prediction: models trained on them, beside models of real animals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray, IntArray, StrArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError
from genialearn.experiments.association import Associations, marker_regressions
from genialearn.experiments.jackknife import Jackknifed, Moments, shared
from genialearn.experiments.recorded import Recorded, labelled, on_map
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix, canonical
from genialearn.predictors.gblup import GBLUP
from genialearn.records import tables
from genialearn.validation.splits import blocks

FEWEST_RECORDS = 30
"""Animals with a record of a trait, in each of the three sets, below which nothing is said of it."""

MARKER_BLOCKS = 50
"""Stretches of the map that the jackknife of marker effects leaves out one by one."""

TOP = 0.01
"""Share of the markers that are called the top ones."""

ASKED, DRAWN = "asked", "drawn"

COLUMNS = (
    *("trait", "figure", "real", "artificial", "real_against_real", "se", "se_real"),
    *("records", "n", "n_artificial"),
)

_Figure: TypeAlias = tuple[str, float, float, float, float, float]
"""Its name, the three values, and the standard errors of the artificial and the real one."""


@dataclass(frozen=True, eq=False)
class _Trained:
    """What was learned from one set of animals.

    Parameters
    ----------
    model
        GBLUP.
    predicted
        Of the animals held out, shape (animals, traits).
    associations
        Of every marker.
    """

    model: GBLUP
    predicted: FloatArray
    associations: Associations

    @classmethod
    def of(cls, animals: Recorded, holdout: Recorded, seed: int) -> _Trained:
        model = GBLUP(seed=seed).fit(animals.cohort())
        predicted = model.predict(Cohort.of_genotypes(holdout.genotypes))
        return cls(model, predicted, marker_regressions(animals.genotypes, animals.values, animals.weights))


def usefulness(
    training: Cohort,
    holdout: Cohort,
    artificial: GenotypeMatrix | HaplotypeMatrix,
    *,
    conditions: pd.DataFrame | None = None,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return what models learn from all artificial animals, beside what they learn from all that these come from.

    Records of all animals are adjusted for fixed effects by least squares. Those of artificial animals are the values
    that were asked for, or else drawn: mean and genomic value by the GBLUP of all training animals, and a residual. All
    models are GBLUP with variances by REML. Artificial and training animals are used in full, however many there are of
    either; animals held out, where models learn from them, up to the number of training animals.

    - `r`, `b1`: correlation of records of the animals held out with predictions, and their regression on them;
      `r_difference` and `r_ratio` compare r with that of training animals, on the same animals held out.
    - `marker_effects`: correlation of marker effects with those of the training animals; `gwas_effects`, `gwas_z`: the
      same of marginal regressions; `gwas_top`: share of the training's top hundredth of markers that is on top too.
    - `h2`.

    Parameters
    ----------
    training
        What the generator has learned from, with records.
    holdout
        Animals of the same population that it hasn't seen, with records.
    artificial
        What it has drawn.
    conditions
        Values asked for, a column a trait, indexed by the artificial animals' identifiers, NaN for none.
    rng
        Source of all randomness.

    Returns
    -------
    One row a trait and figure: `real` is its value for real animals with their own records (those trained on; of
    figures that compare with the training, those held out), `real_against_real` that of the same animals with records
    made as those of the artificial ones, where they have any. `se` belongs to `artificial`, `se_real` to `real`: over
    animals held out, families kept together (`r`, `b1`), over stretches of the map (markers), by REML (`h2`). `records`
    is "asked" or "drawn"; `n` and `n_artificial` are records of training and of artificial animals.

    Raises
    ------
    AlignmentError
        Where no quantitative trait has enough records, or the marker maps don't fit.
    """
    training, holdout = training.canonical(), holdout.canonical()
    asked = None if conditions is None else conditions.reindex(artificial.animals)
    names = shared_traits(training, holdout, asked=asked, n_artificial=len(artificial.animals))
    markers = canonical(training.genotypes).markers
    real, others = Recorded.of(training, names, markers), Recorded.of(holdout, names, markers)
    seed = int(rng.integers(2**31))
    labeller = GBLUP(seed=seed).fit(real.cohort())
    compared = others.limited(real.n_records, seed)
    made = _with_records_as_made(real, compared, labeller, asked, rng)
    drawn = labelled(on_map(artificial, markers), labeller, real, given=asked, rng=rng)
    sets = {"real": real, "others": compared, "artificial": drawn, **made}
    different = {id(each): each for each in sets.values()}
    learned = {key: _Trained.of(each, others, seed) for key, each in different.items()}
    trained = {name: learned[id(each)] for name, each in sets.items()}
    return _table(trained, others, blocks(holdout), (real.n_records, drawn.n_records), asked)


def read_asked(path: Path) -> pd.DataFrame:
    """Return the values asked for of each artificial animal, indexed by identifier, NaN where none was.

    Raises
    ------
    FileFormatError
        Where the table can't be read.
    """
    table = tables.read_table(path)
    values = {name: tables.numbers(path, table[name]) for name in table.columns if name != "id"}
    return pd.DataFrame(values, index=pd.Index(table["id"]))


def shared_traits(
    training: Cohort, holdout: Cohort, *, asked: pd.DataFrame | None = None, n_artificial: int | None = None
) -> list[str]:
    """Return the quantitative traits of which training and hold-out have enough records, and artificial animals too.

    Parameters
    ----------
    training, holdout
        Real animals.
    asked
        Values asked for, a column a trait, NaN for none.
    n_artificial
        How many artificial animals get a record of any other trait; None for as many as are needed.

    Raises
    ------
    AlignmentError
        Where there is none.
    """
    own, others = _record_counts(training), _record_counts(holdout)
    made = {} if asked is None else {name: int(asked[name].notna().sum()) for name in asked.columns}
    most = FEWEST_RECORDS if n_artificial is None else n_artificial
    fewest = {name: min(n, others.get(name, 0), made.get(name, most)) for name, n in own.items()}
    names = [name for name, n in fewest.items() if n >= FEWEST_RECORDS]
    if not names:
        raise AlignmentError(
            "use of artificial animals",
            expected=f"a quantitative trait with records of {FEWEST_RECORDS} animals learned from, of as many held out "
            "and of as many artificial ones",
            found=f"at most {max(fewest.values())}" if fewest else "no trait",
            advice="Name a cohort folder with traits.tsv as REAL and hold out half of its animals, or leave --use out.",
        )
    return names


def _record_counts(cohort: Cohort) -> dict[str, int]:
    """Return how many animals have a record of each quantitative trait."""
    records = cohort.records
    return {
        trait.name: len(set(records.animals[np.isfinite(records.values[:, column])]))
        for column, trait in enumerate(cohort.traits)
        if trait.kind == "quantitative"
    }


def _with_records_as_made(
    real: Recorded, others: Recorded, labeller: GBLUP, asked: pd.DataFrame | None, rng: np.random.Generator
) -> dict[str, Recorded]:
    """Return real animals with their records made as those of artificial ones; their own where these were asked for."""
    columns = [] if asked is None else [name for name in real.names if name in asked.columns]
    if len(columns) == len(real.names):
        return {"real_made": real, "others_made": others}

    def made(animals: Recorded) -> Recorded:
        own = pd.DataFrame({name: animals.values[:, animals.names.index(name)] for name in columns})
        return labelled(animals.genotypes, labeller, real, given=own, rng=rng).where(np.isfinite(animals.values))

    return {"real_made": made(real), "others_made": made(others)}


def _table(
    trained: Mapping[str, _Trained],
    holdout: Recorded,
    families: StrArray,
    sizes: tuple[IntArray, IntArray],
    asked: pd.DataFrame | None,
) -> pd.DataFrame:
    rows = []
    for column, name in enumerate(holdout.names):
        origin = ASKED if asked is not None and name in asked.columns else DRAWN
        figures = (
            *_accuracy(trained, holdout, families, column),
            *_of_markers(trained, column),
            _heritability(trained, column),
        )
        n, n_artificial = (int(each[column]) for each in sizes)
        rows += [(name, *figure, origin, n, n_artificial) for figure in figures]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _accuracy(trained: Mapping[str, _Trained], holdout: Recorded, families: StrArray, column: int) -> Iterator[_Figure]:
    """Yield how well the records of animals held out are predicted."""
    known = np.isfinite(holdout.values[:, column])
    moments = {
        name: Moments.of(
            trained[name].predicted[known, column],
            holdout.values[known, column],
            families[known],
            holdout.weights[known, column],
        )
        for name in ("real", "artificial", "real_made")
    }
    r = {name: each.correlation() for name, each in moments.items()}
    b1 = {name: each.slope() for name, each in moments.items()}
    yield _row("r", r["real"], r["artificial"], r["real_made"])
    yield _row("r_difference", None, r["artificial"] - r["real"], r["real_made"] - r["real"])
    yield _row("r_ratio", None, r["artificial"] / r["real"], r["real_made"] / r["real"])
    yield _row("b1", b1["real"], b1["artificial"], b1["real_made"])


def _of_markers(trained: Mapping[str, _Trained], column: int) -> Iterator[_Figure]:
    """Yield how alike what was learned of markers is to what training animals tell."""
    compared = ("others", "artificial", "others_made")
    effects = {name: each.model.marker_effects_[:, column] for name, each in trained.items()}
    slopes = {name: each.associations.effects[:, column] for name, each in trained.items()}
    z = {name: each.associations.z[:, column] for name, each in trained.items()}
    n_markers = len(z["real"])
    stretches = np.arange(n_markers) * min(MARKER_BLOCKS, n_markers) // n_markers
    for figure, values in {"marker_effects": effects, "gwas_effects": slopes, "gwas_z": z}.items():
        yield _row(figure, *(Moments.of(values["real"], values[name], stretches).correlation() for name in compared))
    top = {name: _top(values) for name, values in z.items()}
    yield _row("gwas_top", *(shared(top["real"], top[name], stretches) for name in compared))


def _top(z: FloatArray) -> BoolArray:
    """Return which markers are the top ones, at least one, shape (markers,)."""
    top = np.zeros(len(z), dtype=bool)
    top[np.argsort(-np.abs(z), kind="stable")[: max(1, round(TOP * len(z)))]] = True
    return top


def _heritability(trained: Mapping[str, _Trained], column: int) -> _Figure:
    h2 = {name: float(each.model.heritability_[column]) for name, each in trained.items()}
    se = {name: float(each.model.heritability_se_[column]) for name, each in trained.items()}
    return "h2", h2["real"], h2["artificial"], h2["others_made"], se["artificial"], se["real"]


def _row(figure: str, real: Jackknifed | None, artificial: Jackknifed, beside: Jackknifed) -> _Figure:
    value, se = (float("nan"), float("nan")) if real is None else (real.value, real.se)
    return figure, value, artificial.value, beside.value, artificial.se, se
