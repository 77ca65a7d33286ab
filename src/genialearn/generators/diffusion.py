"""Artificial genotypes from diffusion in the space of principal components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genialearn._arrays import Float32Array, FloatArray, Int8Array
from genialearn._checks import check_at_least, check_between, check_known
from genialearn.generators.components import (
    Thresholds,
    chromosome_components,
    component_bytes,
    exceedances,
    expected_components,
    rounded,
)
from genialearn.generators.deep import DeepGenerator, Layout, Rows, widths

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genialearn.neural.checkpoints import Checkpoint
    from genialearn.neural.denoising import Denoiser, NoiseSchedule

_FIRST_BETA, _LAST_BETA = 1e-4, 0.02
_NARROWEST, _WIDEST = 256, 8192
_CALIBRATION_ROWS = 1000

_ARRAYS = 20
"""Arrays (rows of a batch, components) of a step, or of draws for the thresholds while all of training is kept."""


class PCADiffusion(DeepGenerator):
    """Principal components of every chromosome, a denoising diffusion of their scores, and the way back, conditional.

    After Xie et al. (2026, GigaScience, doi:10.1093/gigascience/giag044): components with 90 % of each chromosome's
    variance, a perceptron with layer normalisation and a linear path, 1500 steps of noise on a linear schedule. The
    scores are standardised, and the network learns the velocity: before its first step it draws scores from the normal
    distribution that has the training data's covariance within chromosomes.

    The way back: y = mean + loadings times scores. As published ("round") the nearest state is taken. "sample" adds
    noise with the correlations of the components left out, of the size s of largest likelihood in a threshold model of
    the training data, x = number of k with y + s e > t_k; so heterozygosity isn't lost.

    The best epoch is chosen on a tenth of the training animals, which the network never trains on (`held_out`). The
    components and thresholds are those of all.

    Parameters
    ----------
    unit
        "haplotype", "animal", or "auto": haplotypes where the cohort has them.
    variance
        Share of each chromosome's variance that the components hold.
    hidden
        Widths; None for three of 1.7, 1.7 and 1.3 times the number of components, within 256 and 8192.
    target
        "velocity", or "noise" as published.
    noise_steps
        T, steps from a row to noise.
    sampling_steps
        Steps back at most.
    churn
        0 for the deterministic way back, 1 for the ancestral one, which needs all steps.
    guidance
        1 takes conditions as they were learned; more exaggerates them at the cost of variety.
    decode
        "sample" or "round".
    calibrate
        Whether the thresholds of "sample" are set so that draws without conditions have the training data's frequencies
        of states; else so that the training data's own components do.
    epochs, patience, held_out
        Passes over the data at most, passes without improvement, and the share of animals that tell; with none held
        out the last epoch is taken.
    batch, learning_rate
        Rows a step, and Adam's rate.
    average
        Decay of the moving average of the weights.
    condition_dropout
        Share of rows that train without their conditions.
    seed, threads, device
        Of all randomness in training; 0 for all cores; "auto" for a GPU where there is one.
    """

    _name = "pca-diffusion"

    def __init__(
        self,
        *,
        unit: str = "auto",
        variance: float = 0.9,
        hidden: Sequence[int] | None = None,
        target: str = "velocity",
        noise_steps: int = 1500,
        sampling_steps: int = 100,
        churn: float = 0.0,
        guidance: float = 1.0,
        decode: str = "sample",
        calibrate: bool = True,
        epochs: int = 1000,
        patience: int = 100,
        held_out: float = 0.1,
        batch: int = 256,
        learning_rate: float = 5e-4,
        average: float = 0.99,
        condition_dropout: float = 0.15,
        seed: int = 1,
        threads: int = 0,
        device: str = "auto",
    ) -> None:
        self.unit = unit
        self.variance = variance
        self.hidden = hidden
        self.target = target
        self.noise_steps = noise_steps
        self.sampling_steps = sampling_steps
        self.churn = churn
        self.guidance = guidance
        self.decode = decode
        self.calibrate = calibrate
        self.epochs: int = epochs
        self.patience = patience
        self.held_out = held_out
        self.batch = batch
        self.learning_rate = learning_rate
        self.average = average
        self.condition_dropout = condition_dropout
        self.seed = seed
        self.threads = threads
        self.device = device

    def _check(self) -> None:
        check_known("pca-diffusion target", self.target, ("velocity", "noise"))
        check_known("pca-diffusion decode", self.decode, ("sample", "round"))
        check_between("pca-diffusion variance", self.variance, 0.01, 1)
        check_between("pca-diffusion churn", self.churn, 0, 1)
        check_between("pca-diffusion guidance", self.guidance, 0, 100)
        check_between("pca-diffusion held_out", self.held_out, 0, 0.5)
        check_between("pca-diffusion average", self.average, 0, 0.99999)
        check_at_least("pca-diffusion noise_steps", self.noise_steps, 2)
        check_at_least("pca-diffusion sampling_steps", self.sampling_steps, 2)
        check_at_least("pca-diffusion patience", self.patience, 1)

    def _learn(self, rows: Rows, conditions: Tensor, checkpoint: Checkpoint | None) -> None:
        import torch

        from genialearn.neural.denoising import DenoisingLoss
        from genialearn.neural.held_out import HeldOutTraining, LoopSettings

        self.components_ = chromosome_components(rows.states, self.markers_.chromosomes, self.variance)
        scores = np.concatenate([part.scores(rows.states) for part in self.components_], axis=1)
        self.schedule_ = self._schedule(conditions.device)
        network = self._network(scores.shape[1], conditions.shape[1], self.schedule_).to(conditions.device)
        loss = DenoisingLoss(
            torch.from_numpy(scores).to(conditions.device),
            conditions,
            self.schedule_,
            self.target == "velocity",
            self.condition_dropout,
        )
        settings = LoopSettings(self.epochs, self.patience, 0, self.batch, self.learning_rate, self.average)
        training = HeldOutTraining(network, loss, settings, self.seed)
        self.network_, self.history_ = training.run(*rows.held_out(self.held_out, self.seed), checkpoint)
        if self.decode == "sample":
            self.thresholds_ = self._thresholds(rows, scores, conditions)

    def _schedule(self, device: torch.device) -> NoiseSchedule:
        from genialearn.neural.denoising import NoiseSchedule

        return NoiseSchedule.linear(self.noise_steps, _FIRST_BETA, _LAST_BETA, device)

    def _network(self, n_components: int, n_conditions: int, schedule: NoiseSchedule) -> Denoiser:
        from genialearn.neural.denoising import Denoiser

        return Denoiser(
            n_components,
            hidden=widths(self.hidden, "pca-diffusion hidden", lambda: _default_hidden(n_components)),
            n_conditions=n_conditions,
            schedule=schedule,
        )

    def _training_bytes(self, layout: Layout, n_rows: int) -> int:
        import torch

        from genialearn.neural.memory import BEST, row_bytes, trained_bytes

        sizes = np.unique(layout.chromosomes, return_counts=True)[1].tolist()
        n_components = sum(expected_components(size, n_rows, self.variance) for size in sizes)
        network = self._network(n_components, layout.n_conditions, self._schedule(torch.device("meta")))
        calibrates = self.decode == "sample" and self.calibrate
        n_together = max(min(self.batch, n_rows), _CALIBRATION_ROWS if calibrates else 0)
        step = row_bytes(n_together, n_components, arrays=_ARRAYS)
        scores = row_bytes(n_rows, n_components, arrays=2)
        return (
            trained_bytes(network, further=BEST + (1 if self.average else 0))
            + step
            + scores
            + component_bytes(sizes, n_rows)
        )

    def _thresholds(self, rows: Rows, scores: Float32Array, conditions: Tensor) -> list[Thresholds]:
        """Return the thresholds of every chromosome, from at most 1,000 rows of the training data and as many draws."""
        import torch

        chosen = np.random.default_rng(self.seed).permutation(len(scores))[:_CALIBRATION_ROWS]
        fitted = []
        for part, known in zip(self.components_, self._parts(scores[chosen]), strict=True):
            states = rows.states[chosen, part.start : part.end]
            deviations = part.residual_deviations()
            fitted.append(Thresholds.fitted(part.expected(known), states, rows.n_states, deviations))
        if not self.calibrate:
            return fitted
        generator = torch.Generator(conditions.device).manual_seed(self.seed)
        drawn = self._draw_scores(torch.zeros_like(conditions[:1]).expand(_CALIBRATION_ROWS, -1), generator)
        return [
            own.matched(part.expected(known), exceedances(rows.states[:, part.start : part.end], rows.n_states))
            for own, part, known in zip(fitted, self.components_, self._parts(drawn), strict=True)
        ]

    def _draw(self, conditions: Tensor, generator: torch.Generator) -> Int8Array:
        import torch

        scores = self._draw_scores(conditions, generator)
        seed = int(torch.randint(2**62, (1,), generator=generator, device=conditions.device))
        rng = np.random.default_rng(seed)
        out = np.empty((len(scores), len(self.markers_)), dtype=np.int8)
        for number, (part, known) in enumerate(zip(self.components_, self._parts(scores), strict=True)):
            expected = part.expected(known)
            if self.decode == "round":
                states = rounded(expected, self.n_states_)
            else:
                states = self.thresholds_[number].states(expected, part.residuals(len(scores), rng))
            out[:, part.start : part.end] = states
        return out

    def _draw_scores(self, conditions: Tensor, generator: torch.Generator) -> Float32Array:
        """Return standardised scores (rows, components of all chromosomes)."""
        import torch

        from genialearn.neural.denoising import denoise

        size = sum(part.loadings.shape[1] for part in self.components_)
        noise = torch.randn((len(conditions), size), generator=generator, device=conditions.device)
        drawn: Float32Array = (
            denoise(
                self.network_,
                noise,
                conditions,
                schedule=self.schedule_,
                settings=self._sampling(),
                generator=generator,
            )
            .cpu()
            .numpy()
        )
        return drawn

    def _sampling(self) -> Any:
        from genialearn.neural.denoising import SamplingSettings

        return SamplingSettings(self.sampling_steps, self.churn, self.guidance, self.target == "velocity")

    def _parts(self, scores: Float32Array) -> list[Float32Array]:
        """Return the scores of each chromosome."""
        edges = np.cumsum([part.loadings.shape[1] for part in self.components_])[:-1]
        return np.split(scores, edges, axis=1)


def _default_hidden(n_components: int) -> Sequence[int]:
    shares: FloatArray = np.array([1.7, 1.7, 1.3])
    return [int(width) for width in np.clip(shares * n_components, _NARROWEST, _WIDEST)]
