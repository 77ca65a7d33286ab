"""From genotypes to tensors: two bits a genotype until a batch is used, on whatever device it's used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genialearn._arrays import FloatArray, IntArray
from genialearn.errors import SettingError
from genialearn.genotypes import GenotypeMatrix
from genialearn.genotypes.by_animal import GenotypesByAnimal

_NUMPY_TYPES = {torch.float32: np.float32, torch.float64: np.float64}


@dataclass(frozen=True, eq=False)
class PackedAnimals:
    """The animals that a network learns from or predicts.

    Batches are decoded on the host and then moved: a byte of packed genotypes is read, and sixteen are written.

    Parameters
    ----------
    genotypes
        Of all of them.
    device
        Where batches are needed.
    """

    genotypes: GenotypesByAnimal
    device: torch.device

    @classmethod
    def of(cls, genotypes: GenotypeMatrix, frequencies: FloatArray, device: torch.device) -> PackedAnimals:
        """Return animals whose columns are those of the frequencies of the counted alleles, shape (markers,)."""
        return cls(GenotypesByAnimal.of(genotypes, frequencies), device)

    def __len__(self) -> int:
        return len(self.genotypes)

    @property
    def n_markers(self) -> int:
        """How many columns there are."""
        return self.genotypes.shape[1]

    def standardised(
        self, rows: IntArray, markers: IntArray | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Return standardised dosages of some animals at some markers, None for all, shape (rows, markers)."""
        batch = self.genotypes.standardised(rows, markers, _NUMPY_TYPES[dtype])
        return torch.from_numpy(batch).to(self.device)


def best_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def chosen_device(name: str) -> torch.device:
    """Return the device that a user named: "auto", "cpu" or "cuda"."""
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("device", expected="a GPU that torch can use", found="none", advice="Set device to auto.")
    return best_device() if name == "auto" else torch.device(name)
