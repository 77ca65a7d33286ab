"""Deep networks of all traits at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.errors import MissingExtraError, NotFittedError
from genialearn.estimator import Estimator
from genialearn.mixed_models.adjustment import adjusted_records
from genialearn.predictors.gblup import within_bounds
from genialearn.relationships import GenomicScale

if TYPE_CHECKING:
    from torch import nn


class Network(Estimator):
    """A multi-trait network on dosages: hidden layers shared by all traits, a linear path beside them.

    Records that don't exist have weight 0 in the loss. Several members are averaged; each holds out another part of
    the training animals and stops when its loss there stops falling. Fixed effects are removed by least squares.

    Parameters
    ----------
    width, dropout, marker_dropout
        Size of the hidden layers, and the shares of units and of markers dropped in training. Few animals and many
        markers need much of both: with a fifth of the markers dropped a network overfits within three epochs.
    learning_rate, weight_decay, batch_animals, max_epochs, patience
        The training loop's settings.
    members
        How many networks are averaged.
    threads
        0 for all cores.
    seed
        Of the first weights, the order of animals, dropout and the inner parts.

    Attributes
    ----------
    history_
        One entry an epoch of the first member: "epoch", "training_loss", "validation_loss".
    """

    requires = frozenset({"genotypes"})

    def __init__(
        self,
        *,
        width: int = 64,
        dropout: float = 0.5,
        marker_dropout: float = 0.8,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.1,
        batch_animals: int = 128,
        max_epochs: int = 120,
        patience: int = 6,
        members: int = 4,
        threads: int = 0,
        seed: int = 1,
    ) -> None:
        self.width = width
        self.dropout = dropout
        self.marker_dropout = marker_dropout
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_animals = batch_animals
        self.max_epochs = max_epochs
        self.patience = patience
        self.members = members
        self.threads = threads
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Train every member."""
        self._check()
        torch = _torch(self.threads)
        from genialearn.neural.batches import DosageTensor, best_device
        from genialearn.neural.training import Targets, train

        cohort = cohort.canonical()
        records = adjusted_records(cohort)
        self.scale_ = GenomicScale.of(cohort.genotypes)
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        self.mean_, self.standard_deviation_ = records.means, records.standard_deviations
        inputs = DosageTensor.of(cohort.genotypes, self.scale_.frequencies, best_device())
        known, device = records.standardised(), inputs.values.device
        arrays = np.nan_to_num(known.values), known.weights
        targets = Targets(*(torch.from_numpy(array).float().to(device) for array in arrays))
        folds = np.random.default_rng(self.seed).permutation(len(cohort)) % max(self.members, 5)
        trained = [
            train(
                lambda: self._build(len(self.scale_.frequencies), len(cohort.traits)),
                inputs,
                targets,
                training=np.flatnonzero(folds != member),
                validation=np.flatnonzero(folds == member),
                settings=self._settings(),
                seed=self.seed + member,
            )
            for member in range(self.members)
        ]
        self.networks_ = [network for network, _ in trained]
        self.history_ = trained[0][1]
        return self

    def _check(self) -> None:
        check_at_least("network members", self.members, 1)
        check_at_least("network width", self.width, 1)
        check_between("network dropout", self.dropout, 0, 0.95)
        check_between("network marker_dropout", self.marker_dropout, 0, 0.95)

    def _build(self, n_markers: int, n_traits: int) -> nn.Module:
        from genialearn.neural.layers import SkipPerceptron

        return SkipPerceptron(
            n_markers, n_traits, width=self.width, dropout=self.dropout, marker_dropout=self.marker_dropout
        )

    def _settings(self) -> Any:
        from genialearn.neural.training import TrainingSettings

        return TrainingSettings(
            self.learning_rate, self.weight_decay, self.batch_animals, self.max_epochs, self.patience
        )

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return the members' average, shape (animals, traits); of a binary trait within 0 and 1."""
        if not hasattr(self, "networks_"):
            raise NotFittedError("network", expected="fit before predict", found="a model that saw no data")
        _torch(self.threads)
        from genialearn.neural.batches import DosageTensor, best_device
        from genialearn.neural.training import predict

        genotypes = self.scale_.read_through(cohort.genotypes)
        inputs = DosageTensor.of(genotypes, self.scale_.frequencies, best_device())
        standardised = np.mean([predict(network, inputs).numpy() for network in self.networks_], axis=0)
        return within_bounds(self.mean_ + self.standard_deviation_ * standardised, self.binary_)


def _torch(threads: int) -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError.for_extra("torch", "deep", "model network") from error
    if threads:
        torch.set_num_threads(threads)
    return torch
