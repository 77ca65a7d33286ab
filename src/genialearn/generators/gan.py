"""Artificial genotypes from generative adversarial networks, logistic and Wasserstein."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from genialearn._arrays import Int8Array
from genialearn._checks import check_at_least, check_between
from genialearn.errors import SettingError
from genialearn.generators.deep import DeepGenerator, Layout, Rows, doubling, widths

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genialearn.neural.adversarial import AdversarialSettings, StateCritic, StateGenerator
    from genialearn.neural.checkpoints import Checkpoint
    from genialearn.neural.windows import WindowCritics

_MOST_EPOCHS, _ROWS_SEEN = 1000, 1_000_000
_WIDEST, _NARROWEST = 4096, 64
_MANY_MARKERS = 20_000

_ARRAYS, _WINDOW_ARRAYS, _PAIR_ARRAYS = 30, 6, 5
"""Arrays of a step: (rows of a batch, markers times states), the same of windows, and (rows, pairs of markers)."""


class _Adversarial(DeepGenerator):
    """What the logistic and the Wasserstein generator share."""

    latent: int | None
    hidden: Sequence[int] | None
    critic_hidden: Sequence[int] | None
    first_temperature: float
    last_temperature: float

    def _check(self) -> None:
        check_between(f"{self._name} last_temperature", self.last_temperature, 0.01, 10)
        check_between(f"{self._name} first_temperature", self.first_temperature, self.last_temperature, 10)
        if self.latent is not None:
            check_at_least(f"{self._name} latent", self.latent, 1)

    def _learn(self, rows: Rows, conditions: Tensor, checkpoint: Checkpoint | None) -> None:
        from genialearn.neural.adversarial import AdversarialTraining
        from genialearn.neural.one_hot import StateTensor
        from genialearn.neural.windows import MomentTargets

        data = StateTensor.of(rows.states, rows.n_states, conditions.device)
        layout = self._layout(rows, conditions)
        generator = self._generator(layout).to(conditions.device)
        critic = self._critic(layout).to(conditions.device)
        settings = self._training(len(rows.states))
        targets = MomentTargets.of(data, layout.chromosomes) if settings.compares else None
        training = AdversarialTraining(
            generator, critic, data, conditions, targets=targets, settings=settings, seed=self.seed
        )
        self.network_, self.history_ = training.run(checkpoint)

    def _generator(self, layout: Layout) -> StateGenerator:
        from genialearn.neural.adversarial import StateGenerator

        return StateGenerator(
            layout.n_markers,
            layout.n_states,
            latent=self.latent or (256 if layout.n_markers > _MANY_MARKERS else 128),
            hidden=widths(self.hidden, f"{self._name} hidden", lambda: self._default_hidden(layout.size)),
            n_conditions=layout.n_conditions,
        )

    def _critic(self, layout: Layout) -> StateCritic:
        from genialearn.neural.adversarial import StateCritic

        return StateCritic(
            layout.n_markers,
            layout.n_states,
            hidden=widths(self.critic_hidden, f"{self._name} critic_hidden", lambda: self._default_critic(layout.size)),
            n_conditions=layout.n_conditions,
            windows=self._window_critics(layout),
        )

    def _training_bytes(self, layout: Layout, n_rows: int) -> int:
        from genialearn.neural.memory import row_bytes, trained_bytes
        from genialearn.neural.windows import LAGS

        settings, critic = self._training(n_rows), self._critic(layout)
        batch = min(self.batch, n_rows)
        step = row_bytes(batch, layout.size, arrays=_ARRAYS)
        if critic.windows is not None:
            step += row_bytes(batch, critic.windows.n_seen, arrays=_WINDOW_ARRAYS)
        if settings.compares:
            step += row_bytes(batch, len(LAGS) * layout.n_markers, arrays=_PAIR_ARRAYS)
        averaged = 1 if settings.average else 0
        return trained_bytes(self._generator(layout), critic, further=averaged) + step

    def _draw(self, conditions: Tensor, generator: torch.Generator) -> Int8Array:
        from genialearn.neural.gumbel import draw_states

        drawn: Int8Array = draw_states(self.network_(conditions, generator), generator).cpu().numpy()
        return drawn

    @abstractmethod
    def _default_hidden(self, size: int) -> Sequence[int]:
        """Return the widths of the generator for one-hot rows of a size."""

    @abstractmethod
    def _default_critic(self, size: int) -> Sequence[int]:
        """Return the widths of the critic for one-hot rows of a size."""

    @abstractmethod
    def _training(self, n_rows: int) -> AdversarialSettings:
        """Return how both are trained on so many rows."""

    def _passes(self, n_rows: int) -> int:
        """Return the number of epochs."""
        return min(_MOST_EPOCHS, -(-_ROWS_SEEN // n_rows)) if self.epochs is None else self.epochs

    def _window_critics(self, layout: Layout) -> WindowCritics | None:
        return None


class GAN(_Adversarial):
    """A generative adversarial network whose states are Gumbel-softmax draws, conditional on records.

    The generator is a residual perceptron with batch normalisation, the critic one without; both see the conditions
    before every block; loss by cross-entropy. After Xie et al. (2026, GigaScience, doi:10.1093/gigascience/giag044).
    No epoch is chosen: the last one is taken. A sample is a draw by the generator's probabilities.

    Parameters
    ----------
    unit
        "haplotype", "animal", or "auto": haplotypes where the cohort has them.
    latent
        Dimensions of the noise; None for 128, of more than 20,000 markers 256.
    hidden, critic_hidden
        Widths; None for a sixth and a third, and a fifth and a tenth, of markers times states, within 64 and 4096.
    first_temperature, last_temperature
        Of the Gumbel-softmax, falling on a straight line.
    epochs, batch
        Passes over the data, None for 1,000, of more than 1,000 rows as many as see a million; and rows a step.
    learning_rate, critic_learning_rate
        Adam's.
    condition_dropout
        Share of rows that train without their conditions.
    seed, threads, device
        Of all randomness in training; 0 for all cores; "auto" for a GPU where there is one.
    """

    _name = "gan"

    def __init__(
        self,
        *,
        unit: str = "auto",
        latent: int | None = None,
        hidden: Sequence[int] | None = None,
        critic_hidden: Sequence[int] | None = None,
        first_temperature: float = 1.0,
        last_temperature: float = 0.1,
        epochs: int | None = None,
        batch: int = 256,
        learning_rate: float = 5e-4,
        critic_learning_rate: float = 1e-4,
        condition_dropout: float = 0.15,
        seed: int = 1,
        threads: int = 0,
        device: str = "auto",
    ) -> None:
        self.unit = unit
        self.latent = latent
        self.hidden = hidden
        self.critic_hidden = critic_hidden
        self.first_temperature = first_temperature
        self.last_temperature = last_temperature
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.critic_learning_rate = critic_learning_rate
        self.condition_dropout = condition_dropout
        self.seed = seed
        self.threads = threads
        self.device = device

    def _check(self) -> None:
        super()._check()
        check_between("gan critic_learning_rate", self.critic_learning_rate, 1e-7, 1)

    def _default_hidden(self, size: int) -> Sequence[int]:
        return doubling(min(size / 3, _WIDEST), 2, least=_NARROWEST)

    def _default_critic(self, size: int) -> Sequence[int]:
        return doubling(min(size / 5, _WIDEST), 2, least=_NARROWEST)[::-1]

    def _training(self, n_rows: int) -> AdversarialSettings:
        from genialearn.neural.adversarial import AdversarialSettings

        return AdversarialSettings(
            wasserstein=False,
            epochs=self._passes(n_rows),
            batch=self.batch,
            learning_rate=self.learning_rate,
            critic_learning_rate=self.critic_learning_rate,
            critic_steps=1,
            penalty=0.0,
            first_temperature=self.first_temperature,
            last_temperature=self.last_temperature,
            average=0.0,
            frequency_weight=0.0,
            linkage_weight=0.0,
            condition_dropout=self.condition_dropout,
        )


class WassersteinGAN(_Adversarial):
    """A Wasserstein network with gradient penalty whose states are Gumbel-softmax draws, conditional on records.

    Generator and critic are residual perceptrons that see the conditions before every block; the critic takes five
    steps for each of the generator. After Xie et al. (2026, GigaScience, doi:10.1093/gigascience/giag044): the networks
    have three hidden layers of 1/24, 1/12 and 1/6 of the one-hot size for a few thousand markers (critic 1/8, 1/16,
    1/32) and narrower shares for 50,000. No epoch is chosen: the last one is taken.

    What isn't part of that recipe is off: an average of the generator's weights, distances of allele frequencies and of
    neighbours' correlations in its loss, and critics of marker windows.

    Parameters
    ----------
    unit
        "haplotype", "animal", or "auto": haplotypes where the cohort has them.
    latent
        Dimensions of the noise; None for 128, of more than 20,000 markers 256.
    hidden, critic_hidden
        Widths; None for those above, within 64 and 4096.
    penalty, critic_steps
        Weight of the gradient penalty, and steps of the critic for each of the generator.
    first_temperature, last_temperature
        Of the Gumbel-softmax, falling on a straight line.
    average
        Decay of the moving average of the generator, 0 for none.
    frequency_weight, linkage_weight
        Of the mean squared distances of standardised allele frequencies and of correlations between markers of a
        chromosome that are up to 21 places apart.
    window, window_hidden
        Markers a window, 0 for no critics of windows, and the width of their hidden layers.
    epochs, batch, learning_rate
        Passes over the data, None as for `GAN`; rows a step; and Adam's rate for both.
    condition_dropout
        Share of rows that train without their conditions.
    seed, threads, device
        Of all randomness in training; 0 for all cores; "auto" for a GPU where there is one.
    """

    _name = "wgan-gp"

    def __init__(
        self,
        *,
        unit: str = "auto",
        latent: int | None = None,
        hidden: Sequence[int] | None = None,
        critic_hidden: Sequence[int] | None = None,
        penalty: float = 10.0,
        critic_steps: int = 5,
        first_temperature: float = 1.0,
        last_temperature: float = 0.1,
        average: float = 0.0,
        frequency_weight: float = 0.0,
        linkage_weight: float = 0.0,
        window: int = 0,
        window_hidden: int = 32,
        epochs: int | None = None,
        batch: int = 128,
        learning_rate: float = 1e-4,
        condition_dropout: float = 0.15,
        seed: int = 1,
        threads: int = 0,
        device: str = "auto",
    ) -> None:
        self.unit = unit
        self.latent = latent
        self.hidden = hidden
        self.critic_hidden = critic_hidden
        self.penalty = penalty
        self.critic_steps = critic_steps
        self.first_temperature = first_temperature
        self.last_temperature = last_temperature
        self.average = average
        self.frequency_weight = frequency_weight
        self.linkage_weight = linkage_weight
        self.window = window
        self.window_hidden = window_hidden
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.condition_dropout = condition_dropout
        self.seed = seed
        self.threads = threads
        self.device = device

    def _check(self) -> None:
        super()._check()
        check_between(f"{self._name} penalty", self.penalty, 0, 1e6)
        check_between(f"{self._name} average", self.average, 0, 0.99999)
        check_between(f"{self._name} frequency_weight", self.frequency_weight, 0, 1e6)
        check_between(f"{self._name} linkage_weight", self.linkage_weight, 0, 1e6)
        check_at_least(f"{self._name} critic_steps", self.critic_steps, 1)
        check_at_least(f"{self._name} window_hidden", self.window_hidden, 1)
        if self.window == 1:
            raise SettingError(f"{self._name} window", expected="0, or at least 2 markers", found="1")
        check_at_least(f"{self._name} window", self.window, 0)

    def _default_hidden(self, size: int) -> Sequence[int]:
        return doubling(min(size / 6, _WIDEST), 3, least=_NARROWEST)

    def _default_critic(self, size: int) -> Sequence[int]:
        return doubling(min(size / 8, _WIDEST), 3, least=_NARROWEST)[::-1]

    def _window_critics(self, layout: Layout) -> WindowCritics | None:
        if not self.window:
            return None
        from genialearn.neural.windows import WindowCritics, window_columns

        columns = window_columns(layout.chromosomes, self.window)
        return WindowCritics(columns, layout.n_states, layout.n_conditions, self.window_hidden)

    def _training(self, n_rows: int) -> AdversarialSettings:
        from genialearn.neural.adversarial import AdversarialSettings

        return AdversarialSettings(
            wasserstein=True,
            epochs=self._passes(n_rows),
            batch=self.batch,
            learning_rate=self.learning_rate,
            critic_learning_rate=self.learning_rate,
            critic_steps=self.critic_steps,
            penalty=self.penalty,
            first_temperature=self.first_temperature,
            last_temperature=self.last_temperature,
            average=self.average,
            frequency_weight=self.frequency_weight,
            linkage_weight=self.linkage_weight,
            condition_dropout=self.condition_dropout,
        )


class LocalWassersteinGAN(WassersteinGAN):
    """A Wasserstein network with what its published recipe lacks: see `WassersteinGAN` for all settings.

    Critics of marker windows, an average of the generator's weights, and distances of allele frequencies and of
    neighbours' correlations in its loss are on.
    """

    _name = "wgan-gp-local"

    def __init__(
        self,
        *,
        unit: str = "auto",
        latent: int | None = None,
        hidden: Sequence[int] | None = None,
        critic_hidden: Sequence[int] | None = None,
        penalty: float = 10.0,
        critic_steps: int = 5,
        first_temperature: float = 1.0,
        last_temperature: float = 0.1,
        average: float = 0.999,
        frequency_weight: float = 1.0,
        linkage_weight: float = 10.0,
        window: int = 64,
        window_hidden: int = 32,
        epochs: int | None = None,
        batch: int = 128,
        learning_rate: float = 1e-4,
        condition_dropout: float = 0.15,
        seed: int = 1,
        threads: int = 0,
        device: str = "auto",
    ) -> None:
        super().__init__(
            unit=unit,
            latent=latent,
            hidden=hidden,
            critic_hidden=critic_hidden,
            penalty=penalty,
            critic_steps=critic_steps,
            first_temperature=first_temperature,
            last_temperature=last_temperature,
            average=average,
            frequency_weight=frequency_weight,
            linkage_weight=linkage_weight,
            window=window,
            window_hidden=window_hidden,
            epochs=epochs,
            batch=batch,
            learning_rate=learning_rate,
            condition_dropout=condition_dropout,
            seed=seed,
            threads=threads,
            device=device,
        )
