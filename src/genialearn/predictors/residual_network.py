"""A network that learns what GBLUP leaves, and is added where the data prove that it's worth it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn._checks import check_at_least, check_between, check_known
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError
from genialearn.estimator import Estimator
from genialearn.genotypes import GenotypeMatrix
from genialearn.mixed_models.adjustment import AdjustedRecords
from genialearn.mixed_models.memory import Sizes
from genialearn.predictors.additive import AdditiveFit, additive_fit
from genialearn.predictors.gates import gate_notes, gates
from genialearn.predictors.gblup import within_bounds
from genialearn.predictors.memory import joint_bytes, packed_bytes
from genialearn.predictors.torch_library import torch_library
from genialearn.validation.splits import blocks

if TYPE_CHECKING:
    from torch import nn

    from genialearn.neural.batches import PackedAnimals
    from genialearn.neural.ensemble import Build, Members
    from genialearn.neural.training import Targets

_DEVICES = ("auto", "cpu", "cuda")

_STEPS = 4096
"""Targets are rounded to so many parts of a standard deviation, so that rounding in GBLUP doesn't grow in training."""


class ResidualNetwork(Estimator):
    """GBLUP plus a gated network that was trained on its out-of-fold errors.

    1. Every training animal gets the breeding values that it would have without the records of its own fold.
    2. The errors that these leave in the records are what networks learn, one for each fold: it trains without that
       fold, stops by the next one, and is then trained again on all but its own (`refit`). They have no linear path:
       that is GBLUP's part.
    3. Each predicts the errors of its own fold. The regression of the errors on these predictions gives each trait's
       gate, from 0 (pure GBLUP) to 1, and 0 unless it is significant, corrected for all traits.
    4. Animals are predicted by GBLUP of all records plus the gate times the networks' average.

    Parameters
    ----------
    base, heritability, relationships, solver
        As in `Hybrid`.
    body, body_settings, width, dropout, marker_dropout
        The networks, as in `Network`.
    learning_rate, weight_decay, batch_animals, max_epochs, patience, huber, refit
        Their training, as in `Network`.
    folds
        How many parts the training animals are divided into, and how many networks there are.
    gate_level
        Probability that any gate opens where no correction is worth anything; sires' families count as dependent.
    device
        "cpu", "cuda", or "auto" for a GPU where there is one.
    threads
        0 for all cores.
    seed
        Of folds, first weights, the order of animals and dropout.

    Attributes
    ----------
    gate_
        Share of the networks' average that is added, shape (traits,).
    base_
        The GBLUP, which `heritability_` and `heritability_se_` are of.
    out_of_fold_corrections_
        What each training animal's network predicts of its errors, in the traits' units, shape (animals, traits).
    networks_
        One a fold.
    history_
        One entry an epoch of the first network: "epoch", "training_loss", "validation_loss".
    notes_
        Which gates are open.

    References
    ----------
    Cross-fitting: Wolpert 1992, Neural Netw 5:241 (stacked generalization).
    """

    requires = frozenset({"genotypes"})
    _name = "network-residual"

    def __init__(
        self,
        *,
        base: str = "auto",
        heritability: float | list[float] | None = None,
        relationships: str = "vanraden1",
        solver: str = "auto",
        body: str = "perceptron",
        body_settings: dict[str, Any] | None = None,
        width: int = 64,
        dropout: float = 0.5,
        marker_dropout: float = 0.8,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.1,
        batch_animals: int = 128,
        max_epochs: int = 120,
        patience: int = 6,
        huber: float | None = None,
        refit: bool = True,
        folds: int = 5,
        gate_level: float = 0.05,
        device: str = "auto",
        threads: int = 0,
        seed: int = 1,
    ) -> None:
        self.base = base
        self.heritability = heritability
        self.relationships = relationships
        self.solver = solver
        self.body = body
        self.body_settings = body_settings
        self.width = width
        self.dropout = dropout
        self.marker_dropout = marker_dropout
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_animals = batch_animals
        self.max_epochs = max_epochs
        self.patience = patience
        self.huber = huber
        self.refit = refit
        self.folds = folds
        self.gate_level = gate_level
        self.device = device
        self.threads = threads
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Fit GBLUP, the networks and the gates."""
        self._check()
        torch_library(self.threads, self._name)
        cohort = cohort.canonical()
        common = {"relationships": self.relationships, "solver": self.solver, "seed": self.seed}
        first = additive_fit(cohort, self.base, model=self._name, heritability=self.heritability, **common)
        self.base_, self.mean_, self.scale_ = first.model, first.means, first.model.scale_
        self.heritability_, self.heritability_se_ = first.model.heritability_, first.model.heritability_se_
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        records = AdjustedRecords(*first.adjusted_by_animal())
        self.standard_deviation_ = records.standard_deviations
        self._learn(cohort, first, records)
        self.notes_ = first.model.notes_ + gate_notes([trait.name for trait in cohort.traits], self.gate_)
        return self

    def _check(self) -> None:
        check_at_least(f"{self._name} folds", self.folds, 3)
        check_at_least(f"{self._name} batch_animals", self.batch_animals, 1)
        check_at_least(f"{self._name} max_epochs", self.max_epochs, 1)
        check_between(f"{self._name} marker_dropout", self.marker_dropout, 0, 0.95)
        check_between(f"{self._name} gate_level", self.gate_level, 0, 0.5)
        check_known(f"{self._name} device", self.device, _DEVICES)

    def _learn(self, cohort: Cohort, first: AdditiveFit, records: AdjustedRecords) -> None:
        """Set `networks_`, `history_`, `gate_` and what they rest on."""
        folds = np.random.default_rng(self.seed).permutation(len(cohort)) % self.folds
        errors = records.values - first.means - first.out_of_fold(folds)
        inputs = self._inputs(cohort.genotypes)
        members = self._trained(cohort, inputs, self._targets(errors, records, inputs), folds)
        self.networks_: list[nn.Module] = list(members.networks)
        self.history_ = members.histories[0]
        self.out_of_fold_corrections_ = self._out_of_fold(inputs, folds)
        self.gate_ = gates(
            errors, self.out_of_fold_corrections_, records.weights, self.gate_level, blocks=blocks(cohort)
        )

    def _targets(self, values: FloatArray, records: AdjustedRecords, inputs: PackedAnimals) -> Targets:
        """Return deviations from means or predictions, in standard deviations of the records."""
        from genialearn.neural.training import Targets

        units = np.where(self.standard_deviation_ > 0, self.standard_deviation_, 1.0)
        rounded = np.round(values / units * _STEPS) / _STEPS
        return Targets.of(rounded, records.standardised().weights, inputs.device)

    def _trained(self, cohort: Cohort, inputs: PackedAnimals, targets: Targets, folds: IntArray) -> Members:
        from genialearn.neural.ensemble import InnerPart, train_members

        recorded = targets.weights.cpu().numpy().any(axis=1)
        nexts = [(fold + 1) % self.folds for fold in range(self.folds)]
        return train_members(
            self._build(cohort),
            inputs,
            targets,
            parts=[
                InnerPart(
                    np.flatnonzero(recorded & (folds != fold) & (folds != after)),
                    np.flatnonzero(recorded & (folds == after)),
                )
                for fold, after in enumerate(nexts)
            ],
            settings=self._settings(),
            seed=self.seed,
            refit=self.refit,
        )

    def _build(self, cohort: Cohort) -> Build:
        """Return what makes networks whose linear path stays at 0."""
        from genialearn.neural.bodies import Genome, learned_settings, make_body
        from genialearn.neural.trait_network import TraitNetwork

        genome, n_traits = Genome.of(self.scale_.markers), len(cohort.traits)
        learned = learned_settings(self.body, cohort.genotypes, self.scale_.frequencies, seed=self.seed)
        own = learned | (self.body_settings or {})

        def build(member: int) -> TraitNetwork:
            body = make_body(self.body, genome, width=self.width, dropout=self.dropout, **own)
            network = TraitNetwork(body, genome.n_markers, n_traits)
            network.linear.requires_grad_(False)
            return network

        return build

    def _settings(self) -> Any:
        from genialearn.neural.training import TrainingSettings

        return TrainingSettings(
            self.learning_rate,
            self.weight_decay,
            self.batch_animals,
            self.max_epochs,
            self.patience,
            marker_share=1 - self.marker_dropout,
            huber=self.huber,
        )

    def _out_of_fold(self, inputs: PackedAnimals, folds: IntArray) -> FloatArray:
        from genialearn.neural.training import predict

        out = np.empty((len(folds), len(self.standard_deviation_)))
        for fold, network in enumerate(self.networks_):
            rows = np.flatnonzero(folds == fold)
            out[rows] = predict(network, inputs, rows).mean(dim=1).numpy()
        return self.standard_deviation_ * out

    def _inputs(self, genotypes: GenotypeMatrix) -> PackedAnimals:
        from genialearn.neural.batches import PackedAnimals, chosen_device

        return PackedAnimals.of(genotypes, self.scale_.frequencies, chosen_device(self.device))

    def corrections(self, cohort: Cohort) -> FloatArray:
        """Return the networks' average in the traits' units, before the gates, shape (animals, traits)."""
        self._check_fitted()
        torch_library(self.threads, self._name)
        from genialearn.neural.training import predict

        inputs = self._inputs(self.scale_.read_through(cohort.genotypes))
        members = [predict(network, inputs).mean(dim=1).numpy() for network in self.networks_]
        return np.asarray(self.standard_deviation_ * np.mean(members, axis=0))

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return GBLUP's breeding values plus what the gates let through, shape (animals, traits)."""
        self._check_fitted()
        additive = self.base_.breeding_values(cohort)
        return additive + self.gate_ * self.corrections(cohort) if self.gate_.any() else additive

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs."""
        return joint_bytes(sizes, solver, out_of_fold=True) + packed_bytes(sizes)

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return mean plus genetic value, shape (animals, traits); of a binary trait within 0 and 1."""
        genetic = self.breeding_values(cohort)
        return within_bounds(self.mean_ + genetic, self.binary_)

    def _check_fitted(self) -> None:
        if not hasattr(self, "gate_"):
            raise NotFittedError(self._name, expected="fit before predict", found="a model that saw no data")
