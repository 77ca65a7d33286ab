"""DLGBLUP: a network from the breeding values of all traits to all traits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError
from genialearn.estimator import Estimator
from genialearn.mixed_models.adjustment import AdjustedRecords
from genialearn.mixed_models.memory import Sizes
from genialearn.predictors.additive import AdditiveFit, additive_fit
from genialearn.predictors.gblup import within_bounds
from genialearn.predictors.inner_parts import inner_parts
from genialearn.predictors.memory import joint_bytes
from genialearn.predictors.torch_library import torch_library

if TYPE_CHECKING:
    from genialearn.neural.ensemble import InnerPart

_HELD_OUT = 9
"""One of so many animals is held out where the method is as it was published."""

_PUBLISHED_RATE, _CORRECTED_RATE = 1e-4, 1e-3


class DLGBLUP(Estimator):
    """GBLUP of all traits, then a network that reads each trait from the breeding values of all.

    As published (`out_of_fold=False`) the network is trained on breeding values in which the animals' own records
    are: it learns how records look like themselves, and predictions of other animals are too spread. The corrected
    form learns from the breeding values that animals have without the records of their fold, adds what it learns to
    an animal's own breeding values, sees standardised inputs in random order, and averages several members.

    Records are in standard deviations in both forms, where the publication has raw ones: else Huber's loss would
    depend on the traits' units. Fixed effects are GBLUP's.

    Parameters
    ----------
    out_of_fold
        Whether the corrected form is trained.
    base, heritability, relationships, solver
        As in `Hybrid`.
    folds
        How many parts the training animals are divided into, in the corrected form.
    learning_rate
        Of Adam; None for 1e-4 as published, and 1e-3 in the corrected form, which then takes a third of the epochs.
    batch_animals, max_epochs, patience
        The training loop's settings, as published.
    members
        How many networks are averaged in the corrected form; as published it is one.
    threads
        0 for all cores.
    seed
        Of folds, first weights, order of animals and those held out.

    Attributes
    ----------
    base_
        The GBLUP, which `heritability_` and `heritability_se_` are of.
    mean_
        Of predictions, shape (traits,).
    networks_
        The members.
    history_
        One entry an epoch of the first member: "epoch", "training_loss", "validation_loss".

    References
    ----------
    Shokor et al. 2025, J Dairy Sci 108:6174; github.com/fshokor/DLGBLUP.
    """

    requires = frozenset({"genotypes"})

    def __init__(
        self,
        *,
        out_of_fold: bool = True,
        base: str = "auto",
        heritability: float | list[float] | None = None,
        relationships: str = "vanraden1",
        solver: str = "auto",
        folds: int = 5,
        learning_rate: float | None = None,
        batch_animals: int = 200,
        max_epochs: int = 100,
        patience: int = 10,
        members: int = 5,
        threads: int = 0,
        seed: int = 1,
    ) -> None:
        self.out_of_fold = out_of_fold
        self.base = base
        self.heritability = heritability
        self.relationships = relationships
        self.solver = solver
        self.folds = folds
        self.learning_rate = learning_rate
        self.batch_animals = batch_animals
        self.max_epochs = max_epochs
        self.patience = patience
        self.members = members
        self.threads = threads
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Fit GBLUP, then the network on its breeding values."""
        self._check()
        torch_library(self.threads, "dlgblup")
        cohort = cohort.canonical()
        common = {"relationships": self.relationships, "solver": self.solver, "seed": self.seed}
        first = additive_fit(cohort, self.base, model="dlgblup", heritability=self.heritability, **common)
        self.base_, self.mean_, self.notes_ = first.model, first.means, first.model.notes_
        self.heritability_, self.heritability_se_ = first.model.heritability_, first.model.heritability_se_
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        self._learn(cohort, first)
        return self

    def _check(self) -> None:
        check_at_least("dlgblup folds", self.folds, 2)
        check_at_least("dlgblup batch_animals", self.batch_animals, 1)
        check_at_least("dlgblup max_epochs", self.max_epochs, 1)
        check_at_least("dlgblup members", self.members, 1)
        if self.learning_rate is not None:
            check_between("dlgblup learning_rate", self.learning_rate, 1e-8, 1)

    def _learn(self, cohort: Cohort, first: AdditiveFit) -> None:
        from genialearn.neural.trait_to_trait import train_trait_to_trait

        records = AdjustedRecords(*first.adjusted_by_animal())
        self.standard_deviation_ = records.standard_deviations
        inputs = self._inputs(cohort, first)
        trained = [
            train_trait_to_trait(
                inputs,
                self._targets(records),
                training=part.training,
                held_out=part.held_out,
                settings=self._settings(),
                scale=_scale_of(inputs) if self.out_of_fold else None,
                seed=self.seed + member,
            )
            for member, part in enumerate(self._parts(cohort, records))
        ]
        self.networks_, self.history_ = [network for network, _ in trained], trained[0][1]

    @property
    def _units(self) -> FloatArray:
        return np.where(self.standard_deviation_ > 0, self.standard_deviation_, 1.0)

    def _inputs(self, cohort: Cohort, first: AdditiveFit) -> FloatArray:
        """Return the breeding values that the network is trained on, shape (animals, traits)."""
        if not self.out_of_fold:
            return self.base_.breeding_values(cohort) / self._units
        folds = np.random.default_rng(self.seed).permutation(len(cohort)) % self.folds
        return first.out_of_fold(folds) / self._units

    def _targets(self, records: AdjustedRecords) -> Any:
        import torch

        from genialearn.neural.training import Targets

        values = np.nan_to_num((records.values - self.mean_) / self._units)
        return Targets(torch.from_numpy(values), torch.from_numpy(records.standardised().weights))

    def _parts(self, cohort: Cohort, records: AdjustedRecords) -> list[InnerPart]:
        from genialearn.neural.ensemble import InnerPart

        recorded = np.asarray(np.any(records.weights > 0, axis=1))
        if self.out_of_fold:
            return inner_parts(cohort, recorded, self.members, seed=self.seed)
        rows = np.flatnonzero(recorded)
        is_held_out = np.random.default_rng(self.seed).permutation(len(rows)) % _HELD_OUT == 0
        return [InnerPart(rows[~is_held_out], rows[is_held_out])]

    def _settings(self) -> Any:
        from genialearn.neural.held_out import LoopSettings

        usual = _CORRECTED_RATE if self.out_of_fold else _PUBLISHED_RATE
        return LoopSettings(
            epochs=self.max_epochs,
            patience=self.patience,
            warm_up=0,
            batch=self.batch_animals,
            learning_rate=usual if self.learning_rate is None else self.learning_rate,
            average=0.0,
            schedule="constant",
            shuffled=self.out_of_fold,
        )

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return what the network makes of GBLUP's breeding values, shape (animals, traits)."""
        if not hasattr(self, "networks_"):
            raise NotFittedError("dlgblup", expected="fit before predict", found="a model that saw no data")
        torch_library(self.threads, "dlgblup")
        from genialearn.neural.trait_to_trait import traits_of

        return self.standard_deviation_ * traits_of(self.networks_, self.base_.breeding_values(cohort) / self._units)

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs."""
        return joint_bytes(sizes, solver, out_of_fold=True)

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return mean plus genetic value, shape (animals, traits); of a binary trait within 0 and 1."""
        genetic = self.breeding_values(cohort)
        return within_bounds(self.mean_ + genetic, self.binary_)


def _scale_of(inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return centre and spread of breeding values (animals, traits), inf where they don't vary, shape (traits,)."""
    spread = inputs.std(axis=0)
    return inputs.mean(axis=0), np.where(spread > 1e-9, spread, np.inf)
