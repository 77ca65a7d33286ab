"""Artificial genotypes from a variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genialearn._arrays import Int8Array
from genialearn._checks import check_at_least, check_between, check_known
from genialearn.generators.deep import DeepGenerator, Layout, Rows, widths

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genialearn.neural.checkpoints import Checkpoint
    from genialearn.neural.variational import VariationalAutoencoder

_MANY_MARKERS = 20_000

_ARRAYS = 6
"""Arrays (rows of a batch, markers times states) of a step."""


class VAE(DeepGenerator):
    """A variational autoencoder of haplotypes or genotypes, conditional on records.

    Encoder and decoder are perceptrons with batch normalisation and leaky rectifiers, the loss is categorical
    cross-entropy plus beta times the divergence from the prior, which is warmed up linearly. After Xie et al. (2026,
    GigaScience, doi:10.1093/gigascience/giag044; 2025, arXiv:2508.09212). Given the latent point markers are
    independent, so that linkage disequilibrium over short distances comes out weaker than it is.

    The best epoch is chosen on a tenth of the training animals, which the network never trains on (`held_out`).

    Parameters
    ----------
    unit
        "haplotype", "animal", or "auto": haplotypes where the cohort has them.
    latent
        Dimensions of the latent space; None for 128, of more than 20,000 markers 256.
    hidden
        Widths of the encoder, which the decoder has in reverse; None for 1024, 512, 256, of more than 20,000 markers
        4096, 2048, 1024, 512.
    beta, warm_up
        Weight of the divergence, and the epochs in which it rises to that from 0.
    decode
        "sample" draws every state by its probability. "argmax", as published, takes the most probable one: it loses
        heterozygous genotypes and rare alleles.
    epochs, patience, held_out
        Passes over the data at most, passes without improvement, and the share of animals that tell; with none held
        out the last epoch is taken.
    batch, learning_rate
        Rows a step, and Adam's rate.
    condition_dropout
        Share of rows that train without their conditions.
    seed, threads, device
        Of all randomness in training; 0 for all cores; "auto" for a GPU where there is one.
    """

    _name = "vae"

    def __init__(
        self,
        *,
        unit: str = "auto",
        latent: int | None = None,
        hidden: Sequence[int] | None = None,
        beta: float = 1.0,
        warm_up: int = 50,
        decode: str = "sample",
        epochs: int = 500,
        patience: int = 50,
        held_out: float = 0.1,
        batch: int = 256,
        learning_rate: float = 5e-4,
        condition_dropout: float = 0.15,
        seed: int = 1,
        threads: int = 0,
        device: str = "auto",
    ) -> None:
        self.unit = unit
        self.latent = latent
        self.hidden = hidden
        self.beta = beta
        self.warm_up = warm_up
        self.decode = decode
        self.epochs: int = epochs
        self.patience = patience
        self.held_out = held_out
        self.batch = batch
        self.learning_rate = learning_rate
        self.condition_dropout = condition_dropout
        self.seed = seed
        self.threads = threads
        self.device = device

    def _check(self) -> None:
        check_known("vae decode", self.decode, ("sample", "argmax"))
        check_between("vae beta", self.beta, 0, 1000)
        check_between("vae held_out", self.held_out, 0, 0.5)
        check_at_least("vae warm_up", self.warm_up, 0)
        check_at_least("vae patience", self.patience, 1)
        if self.latent is not None:
            check_at_least("vae latent", self.latent, 1)

    def _learn(self, rows: Rows, conditions: Tensor, checkpoint: Checkpoint | None) -> None:
        from genialearn.neural.held_out import HeldOutTraining, LoopSettings
        from genialearn.neural.one_hot import StateTensor
        from genialearn.neural.variational import EvidenceLoss

        network = self._network(self._layout(rows, conditions)).to(conditions.device)
        data = StateTensor.of(rows.states, rows.n_states, conditions.device)
        loss = EvidenceLoss(data, conditions, self.beta, self.condition_dropout)
        settings = LoopSettings(self.epochs, self.patience, self.warm_up, self.batch, self.learning_rate, average=0.0)
        training = HeldOutTraining(network, loss, settings, self.seed)
        self.network_, self.history_ = training.run(*rows.held_out(self.held_out, self.seed), checkpoint)

    def _network(self, layout: Layout) -> VariationalAutoencoder:
        from genialearn.neural.variational import VariationalAutoencoder

        many = layout.n_markers > _MANY_MARKERS
        default = (4096, 2048, 1024, 512) if many else (1024, 512, 256)
        return VariationalAutoencoder(
            layout.n_markers,
            layout.n_states,
            latent=self.latent or (256 if many else 128),
            hidden=widths(self.hidden, "vae hidden", lambda: default),
            n_conditions=layout.n_conditions,
        )

    def _training_bytes(self, layout: Layout, n_rows: int) -> int:
        from genialearn.neural.memory import BEST, row_bytes, trained_bytes

        step = row_bytes(min(self.batch, n_rows), layout.size, arrays=_ARRAYS)
        return trained_bytes(self._network(layout), further=BEST) + step

    def _draw(self, conditions: Tensor, generator: torch.Generator) -> Int8Array:
        import torch

        from genialearn.neural.gumbel import draw_states

        latent = torch.randn((len(conditions), self.network_.latent), generator=generator, device=conditions.device)
        logits = self.network_.decode(latent, conditions)
        states = draw_states(logits, generator) if self.decode == "sample" else logits.argmax(dim=-1)
        drawn: Int8Array = states.to(torch.int8).cpu().numpy()
        return drawn
