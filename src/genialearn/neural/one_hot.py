"""Alleles and genotypes as states: int8 until a batch is used, then one-hot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genialearn._arrays import FloatArray, Int8Array

_BLOCK = 2048


@dataclass(frozen=True, eq=False)
class StateTensor:
    """What every haplotype or animal shows at every marker.

    Parameters
    ----------
    values
        States 0 to n_states - 1, int8, shape (rows, markers): alleles of haplotypes, or dosages of animals.
    n_states
        2 for alleles, 3 for dosages.
    """

    values: Tensor
    n_states: int

    @classmethod
    def of(cls, values: Int8Array, n_states: int, device: torch.device) -> StateTensor:
        """Return the states of an array (rows, markers) without a missing one."""
        return cls(torch.from_numpy(np.ascontiguousarray(values)).to(device), n_states)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_markers(self) -> int:
        """How many columns there are."""
        return self.values.shape[1]

    def one_hot(self, rows: Tensor) -> Tensor:
        """Return 1 where a row has a state and 0 elsewhere, float32, shape (rows, markers, states)."""
        return one_hot(self.values[rows], self.n_states)

    def frequencies(self) -> FloatArray:
        """Return how often each state stands at each marker, shape (markers, states)."""
        counts = torch.zeros((self.n_markers, self.n_states), dtype=torch.float64, device=self.values.device)
        for start in range(0, len(self), _BLOCK):
            block = self.values[start : start + _BLOCK]
            for state in range(self.n_states):
                counts[:, state] += (block == state).sum(dim=0)
        return np.asarray((counts / len(self)).cpu().numpy(), dtype=np.float64)


def one_hot(states: Tensor, n_states: int) -> Tensor:
    """Return states (...) as float32 of shape (..., n_states)."""
    kinds = torch.arange(n_states, dtype=states.dtype, device=states.device)
    return (states.unsqueeze(-1) == kinds).float()


def expected_dosages(probabilities: Tensor) -> Tensor:
    """Return sum_k k p_k, shape (rows, markers), of probabilities or one-hot states (rows, markers, states)."""
    kinds = torch.arange(probabilities.shape[-1], dtype=probabilities.dtype, device=probabilities.device)
    return probabilities @ kinds
