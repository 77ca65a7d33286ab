"""Pretraining of a body by masked genotypes, which needs no records.

Of each batch other runs of markers are hidden; a linear decoder must tell some of them from the body's values. That is
denoising (Vincent et al. 2008, ICML, doi:10.1145/1390156.1390294), with the loss on hidden values only (Devlin et al.
2019, NAACL, arXiv:1810.04805). Predicting allele frequencies has a loss near 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from genialearn._arrays import IntArray
from genialearn.neural.batches import PackedAnimals
from genialearn.neural.bodies.body import Body
from genialearn.neural.bodies.genome import Genome
from genialearn.neural.bodies.windows import Windows
from genialearn.neural.checkpoints import Checkpoint, State
from genialearn.neural.held_out import HeldOutTraining, LoopSettings
from genialearn.neural.layers import masked_loss
from genialearn.neural.pretraining import Pretraining
from genialearn.neural.training import own_randomness

_HELD_OUT_SHARE = 0.1
_WEIGHT_DECAY = 0.01
_CLIP = 10.0
_RUN_AWAY = 20.0
"""How many times the loss of allele frequencies a training's loss may be."""


class MarkerDecoder(nn.Module):
    """A body, and a linear layer from its values to standardised dosages; it starts by predicting their mean, 0.

    Parameters
    ----------
    body
        What is pretrained.
    n_markers
        How many there are to tell.
    """

    def __init__(self, body: Body, n_markers: int) -> None:
        super().__init__()
        self.body = body
        self.weight = nn.Parameter(torch.zeros(n_markers, body.n_out))
        self.bias = nn.Parameter(torch.zeros(n_markers))

    def forward(self, markers: Tensor, seen: Tensor | None, asked: Tensor) -> Tensor:
        """Return what is expected at markers asked for, of every member of the body.

        Parameters
        ----------
        markers
            Standardised dosages, shape (animals, seen markers).
        seen
            Which markers these are; None for all.
        asked
            Which markers to tell, shape (asked,).

        Returns
        -------
        Tensor
            Shape (animals, members, asked).
        """
        values = self.body(markers, seen)
        values = values[:, None] if values.ndim == 2 else values
        return nn.functional.linear(values, self.weight[asked], self.bias[asked])


class Hidden(NamedTuple):
    """Markers that a batch sees and some of those that it doesn't, ascending, shape (seen,) and (asked,)."""

    seen: Tensor
    asked: Tensor


class MaskedLoss:
    """Squared errors of standardised dosages that a batch can't see; missing ones have weight 0.

    Parameters
    ----------
    inputs
        All animals.
    genome
        Of their markers.
    settings
        What is hidden.
    """

    def __init__(self, inputs: PackedAnimals, genome: Genome, settings: Pretraining) -> None:
        self._inputs, self._settings = inputs, settings
        self._known = PackedAnimals(inputs.genotypes.with_missing(np.nan), inputs.device)
        windows = Windows.of(genome.chromosomes, settings.run)
        self._n_windows = len(windows)
        numbers = np.repeat(np.arange(len(windows)), windows.lengths)
        self._window_of = torch.from_numpy(numbers).to(inputs.device)
        self._n_hidden = min(max(1, round(len(windows) * settings.hidden_share)), max(len(windows) - 1, 1))

    def __call__(self, network: nn.Module, rows: Tensor, *, warmth: float, generator: torch.Generator) -> Tensor:
        """Return the mean loss of some rows; `warmth` changes nothing."""
        hidden, numbers = self.hide(generator), _on_host(rows)
        known = self._known.standardised(numbers, _on_host(hidden.asked))
        markers, seen = self._shown(network, numbers, hidden)
        with torch.autocast(markers.device.type, dtype=torch.bfloat16, enabled=markers.device.type == "cuda"):
            told = network(markers, seen, hidden.asked)
        there = torch.isfinite(known)[:, None].to(known.dtype)
        return masked_loss(told.float(), known[:, None], there)

    def hide(self, generator: torch.Generator) -> Hidden:
        """Return markers that a batch sees and is asked for: random runs are hidden, the same for all its animals."""
        order = torch.randperm(self._n_windows, generator=generator, device=generator.device)
        is_hidden = torch.zeros(self._n_windows, dtype=torch.bool, device=order.device)
        is_hidden[order[: self._n_hidden]] = True
        by_marker = is_hidden[self._window_of]
        candidates = torch.nonzero(by_marker)[:, 0]
        drawn = torch.randperm(len(candidates), generator=generator, device=generator.device)[: self._settings.asked]
        return Hidden(torch.nonzero(~by_marker)[:, 0], candidates[drawn].sort().values)

    def _shown(self, network: nn.Module, rows: IntArray, hidden: Hidden) -> tuple[Tensor, Tensor | None]:
        """Return what is seen: that part, or all markers with 0 where they are hidden if a body needs all."""
        part = self._inputs.standardised(rows, _on_host(hidden.seen))
        if getattr(network, "body", network).sees_part:
            return part, hidden.seen
        whole = part.new_zeros(len(rows), self._inputs.n_markers)
        return whole.index_copy(1, hidden.seen, part), None


def pretrained(
    build: Callable[[], Body],
    inputs: PackedAnimals,
    genome: Genome,
    settings: Pretraining,
    *,
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> State:
    """Return the weights of a body ("body") that was pretrained on all animals, and the history of its losses.

    The generator of random numbers outside is left as it was.

    Parameters
    ----------
    build
        Makes a body with random weights.
    inputs, genome
        The animals and their markers.
    settings
        How.
    seed
        Of all that is random.
    checkpoint
        Where the state is kept; what it holds is gone on from, to the same bytes.
    """
    order = np.random.default_rng(seed).permutation(len(inputs))
    n_held_out = round(len(inputs) * _HELD_OUT_SHARE)
    with own_randomness(inputs.device, seed):
        loop = HeldOutTraining(
            MarkerDecoder(build(), genome.n_markers).to(inputs.device),
            MaskedLoss(inputs, genome, settings),
            _loop(settings),
            seed,
            most=_RUN_AWAY,
        )
        network, history = loop.run(np.sort(order[n_held_out:]), np.sort(order[:n_held_out]), checkpoint)
    return {"body": network.body.state_dict(), "history": history}


def _loop(settings: Pretraining) -> LoopSettings:
    return LoopSettings(
        epochs=settings.max_epochs,
        patience=settings.patience,
        warm_up=0,
        batch=settings.batch_animals,
        learning_rate=settings.learning_rate,
        average=0.0,
        schedule="cosine",
        weight_decay=_WEIGHT_DECAY,
        clip=_CLIP,
    )


def _on_host(indices: Tensor) -> IntArray:
    found: IntArray = indices.cpu().numpy()
    return found
