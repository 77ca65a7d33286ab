"""Which parts of the genome a network's prediction comes from, by integrated gradients."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from genialearn._arrays import FloatArray, IntArray
from genialearn.neural.batches import PackedAnimals
from genialearn.neural.trait_network import TraitNetwork

_STEPS = 16
"""Points of a Gauss-Legendre rule: smooth networks are integrated to about 1e-6 of a prediction."""

_ANIMALS_TOGETHER = 64


def integrated_gradients(network: TraitNetwork, inputs: PackedAnimals, windows: IntArray) -> FloatArray:
    """Return how much each window adds to the prediction of each animal, shape (animals, windows, traits).

    x_j times the mean gradient at x_j on the straight way from an average animal (all standardised dosages 0), summed
    within windows: the sum over windows is the prediction less that of the average animal (Sundararajan et al. 2017,
    ICML, arXiv:1703.01365).

    Parameters
    ----------
    network
        The mean of its members is explained.
    inputs
        The animals.
    windows
        Window of each marker, counted from 0, shape (markers,).
    """
    network = copy.deepcopy(network).double().eval()
    chosen = torch.from_numpy(windows).to(inputs.device)
    parts = [
        _of_batch(network, inputs.standardised(rows, dtype=torch.float64), chosen)
        for rows in np.array_split(np.arange(len(inputs)), -(-len(inputs) // _ANIMALS_TOGETHER))
    ]
    return np.asarray(torch.cat(parts).cpu().numpy())


def _of_batch(network: TraitNetwork, markers: Tensor, windows: Tensor) -> Tensor:
    """Return the contributions (animals, windows, traits) of standardised dosages (animals, markers)."""
    nodes, shares = np.polynomial.legendre.leggauss(_STEPS)
    total = torch.zeros(len(markers), int(windows.max()) + 1, network.n_traits, dtype=markers.dtype).to(markers.device)
    for node, share in zip((1 + nodes) / 2, shares / 2, strict=True):
        at = (float(node) * markers).requires_grad_(True)
        predicted = network(at).mean(dim=1)
        for trait in range(network.n_traits):
            gradient = torch.autograd.grad(predicted[:, trait].sum(), at, retain_graph=True)[0]
            total[:, :, trait].index_add_(1, windows, float(share) * gradient * markers)
    return total
