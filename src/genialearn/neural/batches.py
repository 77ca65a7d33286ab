"""From genotypes to tensors: dosages stay int8 until a batch is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genialearn._arrays import FloatArray
from genialearn.genotypes import GenotypeMatrix, dosages


@dataclass(frozen=True, eq=False)
class DosageTensor:
    """Dosages as int8 and what standardises them.

    Parameters
    ----------
    values
        0, 1, 2, or -1 where missing, int8, shape (animals, markers).
    means, scales
        Twice the allele frequencies, and standard deviations 2p(1 - p) raised to one half, shape (markers,).
    """

    values: Tensor
    means: Tensor
    scales: Tensor

    @classmethod
    def of(cls, genotypes: GenotypeMatrix, frequencies: FloatArray, device: torch.device) -> DosageTensor:
        """Return the tensor of genotypes whose columns are those of the frequencies."""
        spread = np.sqrt(2 * frequencies * (1 - frequencies))
        return cls(
            torch.from_numpy(np.ascontiguousarray(dosages(genotypes))).to(device),
            torch.from_numpy(2 * frequencies).float().to(device),
            torch.from_numpy(np.where(spread > 0, spread, np.inf)).float().to(device),
        )

    def __len__(self) -> int:
        return len(self.values)

    def standardised(self, rows: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return (d - mean) / scale of some animals, missing ones as 0, shape (animals, markers)."""
        chosen = self.values[rows]
        centred = (chosen.to(dtype) - self.means.to(dtype)) / self.scales.to(dtype)
        return torch.where(chosen < 0, torch.zeros((), dtype=dtype, device=centred.device), centred)


def best_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
