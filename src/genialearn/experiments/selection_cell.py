"""One cell of a selection experiment: one replicate, bred by the values that one model gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from genialearn import _files
from genialearn._arrays import FloatArray
from genialearn.errors import GenialearnError
from genialearn.experiments import cell
from genialearn.experiments.breeding import Generation, Programme, base_of, random_stream
from genialearn.experiments.costs import Stopwatch
from genialearn.experiments.runs import CellKey, RunFolder
from genialearn.experiments.selection_design import SelectionDesign
from genialearn.genotypes import allele_frequencies
from genialearn.predictors import make_predictor
from genialearn.relationships import inbreeding_coefficients

PROGRAM = ("-c", "import sys; from genialearn.experiments.selection_cell import main; sys.exit(main())")

CONTROLS = {
    "random": "parents drawn at random: no selection",
    "truth": "parents chosen by their true genetic values: what selection could reach",
}
COLUMNS = ["model", "replicate", "generation", "trait", "figure", "value"]
INDEX, ALL = "index", "all"
"""What stands in the column of traits for the index, and for what isn't about a trait."""

_RANDOM, _MODEL = 5, 6
"""Purposes of random streams, beside those of a programme."""

_DECIMALS = 10
"""Of all figures: what is left beyond is rounding, and no mean of the base is 1e-17."""

_CONSTANT = 1e-6
"""Variance of predictions, of that of the true values, below which they tell nothing."""

Rows = Iterator[tuple[int, str, str, float]]


def label_of(replicate: int) -> str:
    """Return the name of a replicate's files."""
    return f"replicate-{replicate}"


class Valuer:
    """Gives each generation the values that parents are chosen by.

    Parameters
    ----------
    model
        Name of a predictor, or of a control.
    programme
        Whose youngest animals are valued.
    watch
        Measures what it costs.
    threads
        Of the predictor.
    """

    def __init__(self, model: str, programme: Programme, watch: Stopwatch, *, threads: int) -> None:
        self._model, self._programme, self._watch, self._threads = model, programme, watch, threads
        self._learned_from = range(0)

    @property
    def is_model(self) -> bool:
        """Whether it learns from records."""
        return self._model not in CONTROLS

    def values(self) -> FloatArray:
        """Return values of the youngest on the scale of the records, shape (animals, traits).

        A model learns anew only where there are new records: base animals are chosen, and their children valued, by
        the same one.
        """
        programme = self._programme
        if self._model == "truth":
            return programme.true_values(programme.youngest)
        if self._model == "random":
            rng = self._rng(_RANDOM, len(programme.generations))
            return rng.standard_normal(programme.youngest.records.shape)
        if programme.training_generations() != self._learned_from:
            self._learn()
        with self._watch.stage("predict"):
            predicted = self._fitted.predict(programme.candidates())
        wrong = int(np.sum(~np.isfinite(predicted)))
        if wrong:
            raise GenialearnError(f"model {self._model}", expected="finite predictions", found=f"{wrong:,} that aren't")
        return predicted

    def _learn(self) -> None:
        seed = int(self._rng(_MODEL, 0).integers(2**31 - 1))
        with self._watch.stage("fit"):
            self._fitted = make_predictor(self._model, seed=seed, threads=self._threads)
            self._fitted.fit(self._programme.training())
        self._learned_from = self._programme.training_generations()

    def _rng(self, purpose: int, generation: int) -> np.random.Generator:
        return random_stream(self._programme.design, self._programme.replicate, purpose, generation)


def bred(model: str, design: SelectionDesign, replicate: int, watch: Stopwatch, *, threads: int = 1) -> pd.DataFrame:
    """Return what becomes of one replicate under one model: `generation trait figure value`.

    Parameters
    ----------
    model
        Name of a predictor, or of a control.
    design
        Sizes and selection.
    replicate
        Its number, from 1.
    watch
        Measures what it costs.
    threads
        How many.
    """
    with watch.stage("base"):
        programme = Programme(design, replicate, base_of(design, replicate, threads=threads), threads=threads)
        standard = Standard.of(programme)
    valuer = Valuer(model, programme, watch, threads=threads)
    rows = list(_figures_of_values(programme, standard))
    for generation in range(1, design.generations + 1):
        values = valuer.values()
        if generation > 1 and valuer.is_model:
            rows += _figures_of_predictions(programme, values)
        with watch.stage("breed"):
            programme.breed(programme.index(values))
            rows += _figures_of_values(programme, standard)
    if valuer.is_model:
        rows += _figures_of_predictions(programme, valuer.values())
    rows += _inbreeding(programme)
    table = pd.DataFrame(rows, columns=COLUMNS[2:]).sort_values(["generation"], kind="stable", ignore_index=True)
    return table.assign(value=table["value"].round(_DECIMALS) + 0.0)  # + 0.0 turns -0.0 into 0.0


@dataclass(frozen=True, eq=False)
class Standard:
    """What figures are measured against: the base.

    Parameters
    ----------
    index_mean, index_deviation
        Of the true index.
    heterozygosity
        Expected at the markers, by their frequencies.
    """

    index_mean: float
    index_deviation: float
    heterozygosity: float

    @classmethod
    def of(cls, programme: Programme) -> Standard:
        """Return the standard of a programme that has just begun."""
        base = programme.youngest
        index = programme.index(programme.true_values(base))
        frequencies = allele_frequencies(programme.candidates().genotypes)
        return cls(float(index.mean()), float(index.std()), float(np.mean(2 * frequencies * (1 - frequencies))))


def _figures_of_values(programme: Programme, standard: Standard) -> Rows:
    """Yield what the youngest animals are: generation, trait, figure, value."""
    born, place = programme.youngest, len(programme.generations) - 1
    for column, trait in enumerate(programme.design.traits):
        genetic = born.values.genetic[:, column]
        yield place, trait.name, "gain", float(genetic.mean())
        yield place, trait.name, "genetic_variance", float(genetic.var())
        yield place, trait.name, "breeding_value_variance", float(born.values.breeding[:, column].var())
    index = (programme.index(programme.true_values(born)) - standard.index_mean) / standard.index_deviation
    yield place, INDEX, "gain", float(index.mean())
    yield place, INDEX, "genetic_variance", float(index.var())
    yield place, ALL, "genomic_inbreeding", 1 - _heterozygosity(programme) / standard.heterozygosity
    yield place, ALL, "fixed_qtl", _fixed(programme, born)
    if place:
        yield place, ALL, "sires", float(len(np.unique(born.couples.sires)))


def _heterozygosity(programme: Programme) -> float:
    """Return the share of heterozygous genotypes at the markers of the youngest."""
    genotypes = programme.candidates().genotypes
    found = sum(int(np.sum(block == 1)) for _, block in genotypes.blocks())
    return found / (genotypes.shape[0] * genotypes.shape[1])


def _fixed(programme: Programme, born: Generation) -> float:
    """Return the share of QTL of which one allele is lost."""
    copies = programme.lineage.qtl_dosages(born.animals).sum(axis=0, dtype=np.int64)
    return float(np.mean((copies == 0) | (copies == 2 * len(born.animals))))


def _figures_of_predictions(programme: Programme, predicted: FloatArray) -> Rows:
    """Yield how good values of the youngest were before any of them had a record."""
    place, true = len(programme.generations) - 1, programme.true_values(programme.youngest)
    columns = [(trait.name, true[:, t], predicted[:, t]) for t, trait in enumerate(programme.design.traits)]
    for name, known, guessed in [*columns, (INDEX, programme.index(true), programme.index(predicted))]:
        accuracy, slope = accuracy_and_slope(known, guessed)
        yield place, name, "accuracy", accuracy
        yield place, name, "b1", slope


def accuracy_and_slope(true: FloatArray, predicted: FloatArray) -> tuple[float, float]:
    """Return r of true and predicted values, and the regression of the true on the predicted ones; NaN where constant.

    Parameters
    ----------
    true, predicted
        Shape (animals,).
    """
    covariance = np.cov(true, predicted)
    if covariance[1, 1] <= _CONSTANT * covariance[0, 0] or covariance[0, 0] == 0:
        return float("nan"), float("nan")
    slope = covariance[0, 1] / covariance[1, 1]
    return float(slope * np.sqrt(covariance[1, 1] / covariance[0, 0])), float(slope)


def _inbreeding(programme: Programme) -> Rows:
    pedigree = programme.pedigree()
    coefficients = inbreeding_coefficients(pedigree.sires, pedigree.dams)
    for place, born in enumerate(programme.generations):
        yield place, ALL, "inbreeding", float(coefficients[born.animals].mean())


def run_selection_cell(folder: RunFolder, key: CellKey, watch: Stopwatch) -> None:
    """Breed one replicate by one model, and leave its table and its costs."""
    settings: dict[str, Any] = folder.read_state()["settings"]
    design, replicate = SelectionDesign(**settings["design"]), int(key.split.rpartition("-")[2])
    table = bred(key.model, design, replicate, watch, threads=settings["threads_of_a_cell"])
    watch.announce("write")
    _files.write_parquet(folder.cell(key, "parquet"), table.assign(model=key.model, replicate=replicate)[COLUMNS])
    _files.write_json(folder.cell(key, "json"), {"stages": summed(watch.stages)})


def summed(stages: list[dict[str, float | str]]) -> list[dict[str, Any]]:
    """Return the costs of stages that came many times, summed: peaks are the highest."""
    table = pd.DataFrame(stages).groupby("stage", sort=False)
    costs = table.agg({"wall_s": "sum", "cpu_s": "sum", "peak_rss_mib": "max"}).round(6).reset_index()
    return costs.to_dict("records")  # type: ignore[return-value]


def main() -> int:
    """Run the cell that the command line names: FOLDER MODEL REPLICATE."""
    return cell.main(run_selection_cell)
