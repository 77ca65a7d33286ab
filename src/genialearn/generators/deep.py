"""What generators with networks share: rows to learn from, conditions, and the way back to genotypes."""

from __future__ import annotations

import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray, Int8Array, IntArray, StrArray
from genialearn._checks import check_at_least, check_between, check_known
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, MissingExtraError, SettingError
from genialearn.generators.conditions import AskedTraits
from genialearn.generators.generator import Generator, haplotypes_of
from genialearn.generators.memory import Sizes
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix, dosages
from genialearn.neural.checkpoints import digest

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genialearn.neural.checkpoints import Checkpoint, Checkpoints

UNITS = ("auto", "haplotype", "animal")
_DRAWN_TOGETHER = 1024

_ARRAYS_OF_A_DRAW = 5
"""Arrays (rows, markers times states) while states are drawn."""


@dataclass(frozen=True, eq=False)
class Layout:
    """What the layers of a network follow from.

    Parameters
    ----------
    n_states
        2 of haplotypes, 3 of animals.
    n_conditions
        Numbers that describe what is asked for.
    chromosomes
        Of each marker, shape (markers,).
    """

    n_states: int
    n_conditions: int
    chromosomes: StrArray

    @property
    def n_markers(self) -> int:
        """How many columns there are."""
        return len(self.chromosomes)

    @property
    def size(self) -> int:
        """Numbers in a one-hot row: markers times states."""
        return self.n_markers * self.n_states


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

    def held_out(self, share: float, seed: int) -> tuple[IntArray, IntArray]:
        """Return the rows to train on and those to stop by; the haplotypes of an animal stay together."""
        n_animals = int(self.animals.max()) + 1
        chosen = np.random.default_rng(seed).permutation(n_animals)[: round(share * n_animals)]
        is_held = np.isin(self.animals, chosen)
        return np.flatnonzero(~is_held), np.flatnonzero(is_held)

    def digest(self, chromosomes: StrArray) -> str:
        """Return the start of a SHA-256 of all that is learned from, with the chromosome of each marker (markers,)."""
        return digest("\n".join(map(str, chromosomes)), self.states, self.animals, self.values, self.known)


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
    asked_traits_
        What conditions may name, and how they are standardised.
    history_
        One entry an epoch.
    """

    conditional: bool = True
    _name: str

    unit: str
    epochs: int | None
    batch: int
    learning_rate: float
    condition_dropout: float
    seed: int
    threads: int
    device: str

    history_: list[dict[str, float]]
    asked_traits_: AskedTraits

    @property
    def needs_haplotypes(self) -> bool:  # type: ignore[override]
        """Whether it has learned from haplotypes; before it is fitted, whether it is told to."""
        return self.n_states_ == 2 if hasattr(self, "n_states_") else self.unit == "haplotype"

    def fit(self, cohort: Cohort) -> Self:
        """Learn from the cohort's haplotypes or genotypes, and from its records."""
        return self._fit(cohort, None)

    def fit_resumably(self, cohort: Cohort, checkpoints: Checkpoints) -> Self:
        """Learn what `fit` does, to the byte, going on from the state that an earlier training kept."""
        return self._fit(cohort, checkpoints)

    def _fit(self, cohort: Cohort, checkpoints: Checkpoints | None) -> Self:
        self._check_common()
        self._check()
        torch = _torch(self.threads, self._name)
        device = _device(self.device)
        cohort = cohort.canonical()
        rows = self._rows(cohort)
        self.markers_, self.n_states_ = cohort.genotypes.markers, rows.n_states
        checkpoint = None if checkpoints is None else checkpoints(self._identity(rows, device))
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            self._learn(rows, _encoded(rows.values, rows.known, device), checkpoint)
        return self

    def _identity(self, rows: Rows, device: torch.device) -> dict[str, str]:
        """Return all that the bytes of a training depend on; threads and device are those that are used."""
        import torch

        return {
            "generator": self._name,
            **{name: str(value) for name, value in self.get_params().items()},
            "threads": str(torch.get_num_threads()),
            "device": device.type,
            "data": rows.digest(self.markers_.chromosomes),
            "genialearn": importlib.metadata.version("genialearn"),
            "torch": importlib.metadata.version("torch"),
        }

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
        values, known = self.asked_traits_.standardised(n_animals, conditions)
        per_animal = 2 if self.n_states_ == 2 else 1
        encoded = _encoded(np.repeat(values, per_animal, axis=0), np.repeat(known, per_animal, axis=0), device)
        generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
        with torch.no_grad():
            parts = [self._draw(some, generator) for some in _pieces(encoded)]
        states = np.asarray(np.concatenate(parts), dtype=np.int8)
        return self._as_animals(np.asfortranarray(states))

    def needed_bytes(self, sizes: Sizes) -> int:
        """Return about the bytes of the host's memory that torch, the rows, and training or a draw take together."""
        self._check_common()
        self._check()
        torch = _torch(self.threads, self._name)
        from genialearn.neural.memory import LIBRARY, row_bytes

        by_haplotype = sizes.phased if self.unit == "auto" else self.unit == "haplotype"
        of_each = np.repeat(np.arange(len(sizes.chromosomes)), sizes.chromosomes).astype(object)
        layout = Layout(2 if by_haplotype else 3, 2 * sizes.n_traits, of_each)
        n_rows = sizes.n_training * (2 if by_haplotype else 1)
        n_drawn = sizes.n_drawn * (2 if by_haplotype else 1)
        held = LIBRARY + n_rows * layout.n_markers
        drawing = row_bytes(min(n_drawn, _DRAWN_TOGETHER), layout.size, arrays=_ARRAYS_OF_A_DRAW)
        if _device(self.device).type != "cpu":
            return held + 2 * n_drawn * layout.n_markers
        with torch.device("meta"):
            return held + max(self._training_bytes(layout, n_rows), drawing + 2 * n_drawn * layout.n_markers)

    @abstractmethod
    def _training_bytes(self, layout: Layout, n_rows: int) -> int:
        """Return about the bytes of the networks in training on so many rows; torch makes tensors without numbers."""

    @abstractmethod
    def _check(self) -> None:
        """Raise `SettingError` for settings of this generator that are out of range."""

    @abstractmethod
    def _learn(self, rows: Rows, conditions: Tensor, checkpoint: Checkpoint | None) -> None:
        """Train on rows and their encoded conditions (rows, 2 traits), which are on the device to be used."""

    @abstractmethod
    def _draw(self, conditions: Tensor, generator: torch.Generator) -> Int8Array:
        """Return states (rows, markers), one row for each of the encoded conditions (rows, 2 traits)."""

    def _layout(self, rows: Rows, conditions: Tensor) -> Layout:
        return Layout(rows.n_states, conditions.shape[1], self.markers_.chromosomes)

    def _check_common(self) -> None:
        check_known(f"{self._name} unit", self.unit, UNITS)
        check_known(f"{self._name} device", self.device, ("auto", "cpu", "cuda"))
        if self.epochs is not None:
            check_at_least(f"{self._name} epochs", self.epochs, 0)
        check_at_least(f"{self._name} batch", self.batch, 2)
        check_at_least(f"{self._name} threads", self.threads, 0)
        check_between(f"{self._name} learning_rate", self.learning_rate, 1e-7, 1)
        check_between(f"{self._name} condition_dropout", self.condition_dropout, 0, 1)

    def _rows(self, cohort: Cohort) -> Rows:
        """Return what a cohort in canonical form gives to learn from, and keep what conditions may name."""
        if len(cohort) < 2 or not len(cohort.genotypes.markers):
            raise AlignmentError(
                f"generator {self._name}",
                expected="2 animals and 1 marker at least",
                found=f"{len(cohort)} and {len(cohort.genotypes.markers)}",
            )
        self.asked_traits_, values, known = AskedTraits.of(cohort)
        if self.unit == "animal" or (self.unit == "auto" and cohort.haplotypes is None):
            return Rows(_filled(dosages(cohort.genotypes)), 3, np.arange(len(cohort)), values, known)
        animals = np.repeat(np.arange(len(cohort)), 2)
        return Rows(np.ascontiguousarray(haplotypes_of(cohort).alleles()), 2, animals, values[animals], known[animals])


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


def _encoded(values: FloatArray, known: BoolArray, device: torch.device) -> Tensor:
    import torch

    from genialearn.neural.conditions import encoded

    return encoded(torch.from_numpy(values).float(), torch.from_numpy(known)).to(device)


def _pieces(encoded: Tensor) -> list[Tensor]:
    """Return conditions (rows, 2 traits) in pieces of so many rows as are drawn together."""
    return [encoded[start : start + _DRAWN_TOGETHER] for start in range(0, len(encoded), _DRAWN_TOGETHER)]


def _device(name: str) -> torch.device:
    from genialearn.neural.batches import chosen_device

    return chosen_device(name)


def _torch(threads: int, name: str) -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError.for_extra("torch", "deep", f"generator {name}") from error
    if threads:
        torch.set_num_threads(threads)
    return torch
