"""From genotypes to tensors: two bits a genotype until a batch is used, on whatever device it's used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from genialearn._arrays import FloatArray, IntArray
from genialearn.errors import SettingError
from genialearn.genotypes import GenotypeMatrix
from genialearn.genotypes.by_animal import GenotypesByAnimal

_NUMPY_TYPES = {torch.float32: np.float32, torch.float64: np.float64}
_SHARE_OF_MEMORY = 1 / 3
"""Of a GPU's free memory that genotypes may take."""


@dataclass(frozen=True, eq=False)
class PackedAnimals:
    """The animals that a network learns from or predicts.

    A GPU gets the packed genotypes once, and batches are decoded there where a third of its memory holds them all; else
    on the host, and then moved: a byte of packed genotypes is read, and sixteen are written.

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
        if self._on_device is not None:
            return self._on_device.standardised(rows, markers, dtype)
        batch = self.genotypes.standardised(rows, markers, _NUMPY_TYPES[dtype])
        return torch.from_numpy(batch).to(self.device)

    @cached_property
    def _on_device(self) -> DeviceGenotypes | None:
        """Return the genotypes on a GPU that has room for them, None where there's no such one."""
        if self.device.type != "cuda":
            return None
        free, _ = torch.cuda.mem_get_info(self.device)
        fits = self.genotypes.packed.nbytes < free * _SHARE_OF_MEMORY
        return DeviceGenotypes(self.genotypes, self.device) if fits else None


class DeviceGenotypes:
    """Genotypes at two bits on a device, decoded there to the same numbers as `GenotypesByAnimal.standardised`.

    Parameters
    ----------
    genotypes
        On the host.
    device
        Where they are copied to.
    """

    def __init__(self, genotypes: GenotypesByAnimal, device: torch.device) -> None:
        self._packed = torch.from_numpy(genotypes.packed).to(device)
        self._values = torch.from_numpy(genotypes.values).to(device)
        self._device = device

    def standardised(self, rows: IntArray, markers: IntArray | None, dtype: torch.dtype) -> Tensor:
        """Return standardised genotypes of some animals, at some markers or (None) all, shape (rows, markers)."""
        held = self._packed[torch.as_tensor(rows, device=self._device)]
        values = self._values.to(dtype)
        columns = torch.arange(len(values), device=self._device)
        if markers is not None:
            columns = torch.as_tensor(markers, device=self._device)
            values = values[columns]
        codes = held[:, columns // 4] >> (columns % 4 * 2).to(torch.uint8) & 3
        # The table as one row, four values a marker.
        return values.reshape(-1)[codes.to(torch.int64) + 4 * torch.arange(len(columns), device=self._device)]


def best_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def chosen_device(name: str) -> torch.device:
    """Return the device that a user named: "auto", "cpu" or "cuda"."""
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("device", expected="a GPU that torch can use", found="none", advice="Set device to auto.")
    return best_device() if name == "auto" else torch.device(name)
