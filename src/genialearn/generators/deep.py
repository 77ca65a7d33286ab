"""What generators with networks share: rows to learn from, conditions, and the way back to genotypes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray, Int8Array, IntArray
from genialearn._checks import check_at_least, check_between, check_known
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, MissingExtraError, SettingError, nearest_advice
from genialearn.generators.generator import Generator, haplotypes_of
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix, dosages
from genialearn.mixed_models.adjustment import adjusted_records

if TYPE_CHECKING:
    import torch
    from torch import Tensor

UNITS = ("auto", "haplotype", "animal")
_DRAWN_TOGETHER = 1024


@dataclass(frozen=True, eq=False)
class Rows:
    """What a network learns from: haplotypes with 2 states, or animals with 3.

    Parameters
    ----------
    states
        Alleles or dosages without a missing one, int8, shape (rows, markers).
    n_states
        2 or 3.
    animals
        Which animal each row is of, shape (rows,).
    values
        Standardised records of that animal, 0 where unknown, shape (rows, traits).
    known
        Where they are known, shape (rows, traits).
    """

    states: Int8Array
    n_states: int
    animals: IntArray
    values: FloatArray
    known: BoolArray

    @property
    def n_markers(self) -> int:
        """How many columns there are."""
        return int(self.states.shape[1])

    @property
    def size(self) -> int:
        """Numbers in a one-hot row: markers times states."""
        return self.n_markers * self.n_states

    def held_out(self, share: float, seed: int) -> tuple[IntArray, IntArray]:
        """Return the rows to train on and those to stop by; the haplotypes of an animal stay together."""
        n_animals = int(self.animals.max()) + 1
        chosen = np.random.default_rng(seed).permutation(n_animals)[: round(share * n_animals)]
        is_held = np.isin(self.animals, chosen)
        return np.flatnonzero(~is_held), np.flatnonzero(is_held)


class DeepGenerator(Generator, ABC):
    """A generator with a network: reads rows and conditions, draws states, and returns them as genotypes.

    Learns from haplotypes where the cohort has them, else from dosages; `unit` says otherwise. An artificial animal is
    two haplotypes drawn independently (under the same conditions), so its genotypes are in Hardy-Weinberg
    proportions given the conditions; from dosages it's one row. Missing dosages are filled by the marker's most
    frequent genotype. Conditions are the animals' records, adjusted for fixed effects by least squares, averaged and
    standardised; traits without any record can't be asked for.

    Attributes
    ----------
    markers_
        The canonical map.
    n_states_
        2 where it learned from haplotypes, 3 from dosages.
    trait_names_
        What conditions may name.
    condition_means_, condition_deviations_
        By which conditions are standardised, shape (traits,).
    history_
        One entry an epoch.
    """

    conditional: bool = True
    _name: str

    unit: str
    epochs: int
    batch: int
    learning_rate: float
    condition_dropout: float
    seed: int
    threads: int
    device: str

    history_: list[dict[str, float]]

    @property
    def needs_haplotypes(self) -> bool:  # type: ignore[override]
        """Whether it has learned from haplotypes; before it is fitted, whether it is told to."""
        return self.n_states_ == 2 if hasattr(self, "n_states_") else self.unit == "haplotype"

    def fit(self, cohort: Cohort) -> Self:
        """Learn from the cohort's haplotypes or genotypes, and from its records."""
        self._check_common()
        self._check()
        torch = _torch(self.threads, self._name)
        device = _device(self.device)
        cohort = cohort.canonical()
        rows = self._rows(cohort)
        self.markers_, self.n_states_ = cohort.genotypes.markers, rows.n_states
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            self._learn(rows, _encoded(rows.values, rows.known, device), device)
        return self

    def sample(
        self, n_animals: int, *, conditions: pd.DataFrame | None = None, rng: np.random.Generator
    ) -> GenotypeMatrix | HaplotypeMatrix:
        """Return artificial animals named artificial1, artificial2, ... on the canonical markers of the training.

        Parameters
        ----------
        n_animals
            How many.
        conditions
            Values asked for in the units of the records, one row an animal, columns among the training traits; NaN and
            traits left out aren't asked for. None for animals like all.
        rng
            Source of all randomness.
        """
        self._asked(n_animals, conditions)
        torch = _torch(self.threads, self._name)
        device = _device(self.device)
        values, known = self._standardised(n_animals, conditions)
        per_animal = 2 if self.n_states_ == 2 else 1
        encoded = _encoded(np.repeat(values, per_animal, axis=0), np.repeat(known, per_animal, axis=0), device)
        generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
        with torch.no_grad():
            parts = [self._draw(some, generator) for some in _pieces(encoded)]
        states = np.asarray(np.concatenate(parts), dtype=np.int8)
        return self._as_animals(np.asfortranarray(states))

    @abstractmethod
    def _check(self) -> None:
        """Raise `SettingError` for settings of this generator that are out of range."""

    @abstractmethod
    def _learn(self, rows: Rows, conditions: Tensor, device: torch.device) -> None:
        """Train on rows and their encoded conditions (rows, 2 traits)."""

    @abstractmethod
    def _draw(self, conditions: Tensor, generator: torch.Generator) -> Int8Array:
        """Return states (rows, markers), one row for each of the encoded conditions (rows, 2 traits)."""

    def _check_common(self) -> None:
        check_known(f"{self._name} unit", self.unit, UNITS)
        check_known(f"{self._name} device", self.device, ("auto", "cpu", "cuda"))
        check_at_least(f"{self._name} epochs", self.epochs, 0)
        check_at_least(f"{self._name} batch", self.batch, 2)
        check_at_least(f"{self._name} threads", self.threads, 0)
        check_between(f"{self._name} learning_rate", self.learning_rate, 1e-7, 1)
        check_between(f"{self._name} condition_dropout", self.condition_dropout, 0, 1)

    def _rows(self, cohort: Cohort) -> Rows:
        """Return what a cohort in canonical form gives to learn from, and keep how its records were standardised."""
        if len(cohort) < 2 or not len(cohort.genotypes.markers):
            raise AlignmentError(
                f"generator {self._name}",
                expected="2 animals and 1 marker at least",
                found=f"{len(cohort)} and {len(cohort.genotypes.markers)}",
            )
        values, known = self._records(cohort)
        if self.unit == "animal" or (self.unit == "auto" and cohort.haplotypes is None):
            return Rows(_filled(dosages(cohort.genotypes)), 3, np.arange(len(cohort)), values, known)
        animals = np.repeat(np.arange(len(cohort)), 2)
        return Rows(np.ascontiguousarray(haplotypes_of(cohort).alleles()), 2, animals, values[animals], known[animals])

    def _records(self, cohort: Cohort) -> tuple[FloatArray, BoolArray]:
        """Return standardised records (animals, traits) of traits that have any, 0 where unknown, and where known."""
        recorded = np.flatnonzero(cohort.records.n_records > 0)
        self.trait_names_ = [cohort.traits[column].name for column in recorded]
        if not len(recorded):
            self.condition_means_, self.condition_deviations_ = np.empty((2, 0))
            return np.zeros((len(cohort), 0)), np.zeros((len(cohort), 0), dtype=bool)
        adjusted = adjusted_records(_with_traits(cohort, recorded))
        self.condition_means_ = adjusted.means
        spread = adjusted.standard_deviations
        self.condition_deviations_ = np.where(spread > 0, spread, 1.0)
        known = adjusted.weights > 0
        standardised = (adjusted.values - self.condition_means_) / self.condition_deviations_
        return np.where(known, standardised, 0.0), known

    def _standardised(self, n_animals: int, conditions: pd.DataFrame | None) -> tuple[FloatArray, BoolArray]:
        """Return standardised values that are asked for, and which are, each (animals, traits)."""
        values = np.full((n_animals, len(self.trait_names_)), np.nan)
        if conditions is not None:
            _check_conditions(conditions, n_animals, self.trait_names_)
            for name in conditions.columns:
                column = self.trait_names_.index(name)
                values[:, column] = pd.to_numeric(conditions[name]).to_numpy(dtype=np.float64)
            values = (values - self.condition_means_) / self.condition_deviations_
        known = np.isfinite(values)
        return np.where(known, values, 0.0), known


def widths(given: Sequence[int] | None, where: str, default: Callable[[], Sequence[int]]) -> tuple[int, ...]:
    """Return the widths of hidden layers that the user gave, else the default ones."""
    chosen = tuple(default() if given is None else given)
    if not chosen:
        raise SettingError(where, expected="the width of one hidden layer at least", found="none")
    return tuple(check_at_least(where, width, 1) for width in chosen)


def doubling(widest: float, n_layers: int, *, least: int) -> tuple[int, ...]:
    """Return widths that double from layer to layer up to `widest`, none below `least`."""
    return tuple(max(least, round(widest / 2**layer)) for layer in reversed(range(n_layers)))


def _filled(values: Int8Array) -> Int8Array:
    """Return dosages whose missing ones are the marker's most frequent genotype, the lowest where some are level."""
    counts = np.stack([(values == dosage).sum(axis=0) for dosage in range(3)])
    return np.ascontiguousarray(np.where(values < 0, counts.argmax(axis=0).astype(np.int8), values))


def _with_traits(cohort: Cohort, columns: IntArray) -> Cohort:
    records = cohort.records
    chosen = replace(
        records,
        traits=tuple(records.traits[column] for column in columns),
        values=records.values[:, columns],
        weights=records.weights[:, columns],
    )
    return replace(cohort, records=chosen)


def _check_conditions(conditions: pd.DataFrame, n_animals: int, known: list[str]) -> None:
    for name in conditions.columns:
        if name not in known:
            raise SettingError(
                "conditions",
                expected="traits with records of the training animals",
                found=repr(name),
                advice=nearest_advice(str(name), known),
            )
    if len(set(conditions.columns)) < len(conditions.columns):
        raise SettingError("conditions", expected="every trait once", found="repeated columns")
    if len(conditions) != n_animals:
        raise SettingError(
            "conditions", expected=f"one row an animal, {n_animals:,}", found=f"{len(conditions):,} rows"
        )
    for name in conditions.columns:
        if not pd.api.types.is_numeric_dtype(conditions[name]) or np.isinf(conditions[name].to_numpy(float)).any():
            raise SettingError(f"conditions {name}", expected="finite numbers or NaN", found="others")


def _encoded(values: FloatArray, known: BoolArray, device: torch.device) -> Tensor:
    import torch

    from genialearn.neural.conditions import encoded

    return encoded(torch.from_numpy(values).float(), torch.from_numpy(known)).to(device)


def _pieces(encoded: Tensor) -> list[Tensor]:
    """Return conditions (rows, 2 traits) in pieces of so many rows as are drawn together."""
    return [encoded[start : start + _DRAWN_TOGETHER] for start in range(0, len(encoded), _DRAWN_TOGETHER)]


def _device(name: str) -> torch.device:
    import torch

    from genialearn.neural.batches import best_device

    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("device", expected="a GPU that torch can use", found="none", advice="Set device to auto.")
    return best_device() if name == "auto" else torch.device(name)


def _torch(threads: int, name: str) -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError.for_extra("torch", "deep", f"generator {name}") from error
    if threads:
        torch.set_num_threads(threads)
    return torch
