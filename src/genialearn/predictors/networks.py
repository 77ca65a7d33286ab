"""Deep networks of all traits at once."""

from __future__ import annotations

import importlib.metadata
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import expit, logit

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least, check_between, check_known
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError
from genialearn.estimator import Estimator
from genialearn.genotypes import GenotypeMatrix
from genialearn.mixed_models.adjustment import AdjustedRecords, adjusted_records
from genialearn.mixed_models.memory import PROCESS, Sizes, exact_bytes
from genialearn.neural.pretraining import Pretraining
from genialearn.predictors.attributions import Attributions, windows_of
from genialearn.predictors.gblup import within_bounds
from genialearn.predictors.inner_parts import inner_parts
from genialearn.predictors.memory import packed_bytes
from genialearn.predictors.network_source import Source, check_same_output
from genialearn.predictors.torch_library import torch_library
from genialearn.predictors.uncertainty import Intervals, Uncertainty, around, genetic_variances
from genialearn.relationships import GenomicScale

if TYPE_CHECKING:
    import torch

    from genialearn.neural.batches import PackedAnimals
    from genialearn.neural.checkpoints import Checkpoint, Checkpoints, Stages
    from genialearn.neural.ensemble import Members
    from genialearn.neural.starts import Fresh
    from genialearn.neural.training import Targets, TrainingSettings

_DEVICES = ("auto", "cpu", "cuda")
_BINARY_LOSSES = ("squared", "logistic")
_RAREST = 1e-4
"""Share of a binary trait's animals that log odds are started from at least."""

_RELATED, _SPREAD = 3_000, 2_000
"""Animals that genetic variances, and the usual spread between members, are found from at most."""


class Network(Estimator):
    """A multi-trait network on dosages: hidden layers shared by all traits, a linear path beside them.

    Records that don't exist have weight 0 in the loss. Several members are averaged; each stops when its loss on
    animals held out stops falling: on the youngest where birth years are known, else on another random part each.
    Fixed effects are removed by least squares. Genotypes stay packed at two bits; a batch is decoded when it is used.

    Parameters
    ----------
    body, body_settings
        The hidden layers, by name, one of `genialearn.neural.bodies.BODIES`; and settings of its class.
    width, dropout, marker_dropout
        Size of the hidden layers, and the shares of units and of markers dropped in training. Few animals and many
        markers need much of both: with a fifth of the markers dropped a network overfits within three epochs.
    learning_rate, weight_decay, batch_animals, max_epochs, patience
        The training loop's settings.
    schedule
        Of the learning rate: "constant", or "cosine", which rises in the first epoch and falls over `max_epochs`.
    average
        Decay of a moving average of the weights, which then predicts; 0 for none.
    huber
        Standard deviations from which errors count linearly; None for squared errors.
    binary_loss
        Of binary traits: "squared", as of others, or "logistic", whose predictions are probabilities by themselves.
    members
        How many networks are averaged.
    refit
        Whether each member is trained again on all animals, for as many epochs as were best.
    pretraining
        How the body is pretrained on all genotypes of the cohort, those of animals without records too; None for not.
    log_folder
        Where event files for TensorBoard are written; None for nowhere.
    device
        "cpu", "cuda", or "auto" for a GPU where there is one.
    threads
        0 for all cores.
    seed
        Of the first weights, the order of animals, dropout and the inner parts.

    Attributes
    ----------
    history_
        One entry an epoch of the first member: "epoch", "training_loss", "validation_loss".
    pretraining_history_
        The same of pretraining, whose losses are near 1 where allele frequencies are predicted; empty without.
    networks_
        The members.
    uncertainty_
        Error variances of each trait, as the animals held out show them.
    """

    requires = frozenset({"genotypes"})

    def __init__(
        self,
        *,
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
        schedule: str = "constant",
        average: float = 0.0,
        huber: float | None = None,
        binary_loss: str = "squared",
        members: int = 4,
        refit: bool = True,
        pretraining: Pretraining | None = None,
        log_folder: str | Path | None = None,
        device: str = "auto",
        threads: int = 0,
        seed: int = 1,
    ) -> None:
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
        self.schedule = schedule
        self.average = average
        self.huber = huber
        self.binary_loss = binary_loss
        self.members = members
        self.refit = refit
        self.pretraining = pretraining
        self.log_folder = log_folder
        self.device = device
        self.threads = threads
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Train every member."""
        return self._fit(cohort, None)

    def fit_resumably(self, cohort: Cohort, checkpoints: Checkpoints) -> Self:
        """Learn what `fit` does, to the byte, going on from the state that an earlier training kept."""
        return self._fit(cohort, checkpoints)

    def fit_from(self, source: Network, cohort: Cohort, *, heads_only: bool = False) -> Self:
        """Train on from what a network has learned of other animals, such as those of a larger breed.

        Members start from those of `source`, with their bodies, on its marker map and with its allele frequencies; how
        they are trained is the model's own. Predictions are first centred on the new animals.

        Parameters
        ----------
        source
            A fitted network of the same traits in the same order.
        cohort
            The new animals with their records.
        heads_only
            Train the heads alone, which combine the body's values; body and linear path stay as they are.
        """
        source._check_fitted()
        check_same_output(self, source, cohort)
        return self._fit(cohort, None, Source(source, heads_only))

    def _fit(self, cohort: Cohort, checkpoints: Checkpoints | None, source: Source | None = None) -> Self:
        self._check()
        torch = torch_library(self.threads, "network")
        from genialearn.neural.batches import PackedAnimals, chosen_device

        cohort = cohort.canonical() if source is None else source.seen_by_it(cohort.canonical())
        records = adjusted_records(cohort)
        self.trait_names_ = cohort.records.trait_names
        self.scale_: GenomicScale = GenomicScale.of(cohort.genotypes) if source is None else source.network.scale_
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        self.mean_, self.standard_deviation_ = records.means, records.standard_deviations
        self.log_odds_ = self._starting_log_odds()
        inputs = PackedAnimals.of(cohort.genotypes, self.scale_.frequencies, chosen_device(self.device))
        checkpoint = None if checkpoints is None else checkpoints(self._identity(inputs, records, torch))
        members = self._trained(cohort, inputs, records, checkpoint, source)
        self.networks_, self.history_ = members.networks, members.histories[0]
        self._learn_uncertainty(cohort, inputs, records.standardised(), members)
        return self

    def _trained(
        self,
        cohort: Cohort,
        inputs: PackedAnimals,
        records: AdjustedRecords,
        checkpoint: Checkpoint | None,
        source: Source | None,
    ) -> Members:
        from genialearn.neural.checkpoints import Stages, Unkept
        from genialearn.neural.ensemble import train_members

        recorded, stages = np.asarray(np.any(records.weights > 0, axis=1)), Stages(checkpoint or Unkept())
        self.pretraining_history_: list[dict[str, float]] = []
        return train_members(
            self._fresh(cohort, inputs, stages) if source is None else source.start(inputs, np.flatnonzero(recorded)),
            inputs,
            self._targets(records, inputs.device),
            parts=inner_parts(cohort, recorded, self.members, seed=self.seed),
            settings=self._settings(),
            seed=self.seed,
            refit=self.refit,
            checkpoint=stages,
            log_folder=self.log_folder,
        )

    def _check(self) -> None:
        check_at_least("network members", self.members, 1)
        check_at_least("network width", self.width, 1)
        check_at_least("network batch_animals", self.batch_animals, 1)
        check_at_least("network max_epochs", self.max_epochs, 1)
        check_between("network dropout", self.dropout, 0, 0.95)
        check_between("network marker_dropout", self.marker_dropout, 0, 0.95)
        check_between("network average", self.average, 0, 0.9999)
        if self.huber is not None:
            check_between("network huber", self.huber, 0.1, 100)
        check_known("network schedule", self.schedule, ("constant", "cosine"))
        check_known("network binary_loss", self.binary_loss, _BINARY_LOSSES)
        check_known("network device", self.device, _DEVICES)

    def _starting_log_odds(self) -> FloatArray:
        """Return the log odds of the mean of each trait with a logistic loss, NaN for others, shape (traits,)."""
        is_logistic = self.binary_ & (self.binary_loss == "logistic")
        return np.where(is_logistic, logit(np.clip(self.mean_, _RAREST, 1 - _RAREST)), np.nan)

    def _targets(self, records: AdjustedRecords, device: torch.device) -> Targets:
        from genialearn.neural.training import Targets

        known = records.standardised()
        values = np.where(np.isfinite(self.log_odds_), records.values, known.values)
        return Targets.of(values, known.weights, device, log_odds=self.log_odds_)

    def _body_settings(self, genotypes: GenotypeMatrix) -> dict[str, Any]:
        """Return what the body learns from training animals, which may be none, and what the user set."""
        from genialearn.neural.bodies import learned_settings

        learned = learned_settings(self.body, genotypes, self.scale_.frequencies, seed=self.seed)
        return learned | (self.body_settings or {})

    def _fresh(self, cohort: Cohort, inputs: PackedAnimals, stages: Stages) -> Fresh:
        """Return what makes networks with new bodies, pretrained ones where that is asked for."""
        from genialearn.neural.bodies import Genome, make_body
        from genialearn.neural.masked_genotypes import pretrained
        from genialearn.neural.starts import Fresh

        genome, own, settings = Genome.of(self.scale_.markers), self._body_settings(cohort.genotypes), self.pretraining
        body = partial(make_body, self.body, genome, width=self.width, dropout=self.dropout, **own)
        weights = None
        if settings is not None:
            found = stages.run(lambda kept: pretrained(body, inputs, genome, settings, seed=self.seed, checkpoint=kept))
            self.pretraining_history_, weights = found["history"], found["body"]
        return Fresh(body, genome.n_markers, len(cohort.traits), weights)

    def _settings(self) -> TrainingSettings:
        from genialearn.neural.training import TrainingSettings

        return TrainingSettings(
            self.learning_rate,
            self.weight_decay,
            self.batch_animals,
            self.max_epochs,
            self.patience,
            marker_share=1 - self.marker_dropout,
            schedule=self.schedule,  # type: ignore[arg-type]  # checked
            huber=self.huber,
            average=self.average,
        )

    def _identity(self, inputs: PackedAnimals, records: AdjustedRecords, torch: Any) -> dict[str, str]:
        """Return all that the bytes of a training depend on; threads and device are those that are used."""
        from genialearn.neural.checkpoints import digest

        settings = {name: str(value) for name, value in self.get_params().items() if name != "log_folder"}
        return {
            "model": "network",
            **settings,
            "threads": str(torch.get_num_threads()),
            "device": inputs.device.type,
            "data": digest(inputs.genotypes.packed, inputs.genotypes.values, records.values, records.weights),
            "genialearn": importlib.metadata.version("genialearn"),
            "torch": importlib.metadata.version("torch"),
        }

    def _learn_uncertainty(
        self, cohort: Cohort, inputs: PackedAnimals, known: AdjustedRecords, members: Members
    ) -> None:
        """Keep error variances by trait, and the usual spread between members."""
        rng = np.random.default_rng(self.seed)
        units = np.where(self.standard_deviation_ > 0, self.standard_deviation_, 1.0)
        genetic = genetic_variances(cohort, _RELATED, seed=self.seed) / units**2
        held_out = [(each.rows, self._standardised(each.predicted)) for each in members.held_out]
        self.uncertainty_ = Uncertainty.of(known.values, known.weights, held_out, np.minimum(genetic, 1.0))
        some = cohort.genotypes.select(animals=np.sort(rng.permutation(len(cohort))[:_SPREAD]))
        spread = self._of_members(some)
        self.usual_spread_ = spread.var(axis=0, ddof=1).mean(axis=0) if len(spread) > 1 else np.zeros(spread.shape[2])

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs."""
        return PROCESS + sizes.file_bytes + packed_bytes(sizes) + exact_bytes(sizes.of_some(_RELATED))

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return the members' average, shape (animals, traits); of a binary trait within 0 and 1."""
        self._check_fitted()
        members = self._of_members(self.scale_.read_through(cohort.genotypes))
        return self._in_units(self._standardised(members.mean(axis=0)))

    def interval(self, cohort: Cohort, level: float = 0.9) -> Intervals:
        """Return bounds that hold an animal's genetic value plus mean with probability `level`.

        Error variances are those of the animals held out, on average, more where members disagree more than usual.
        They rest on genetic variances by REML of up to 3,000 animals, and may be a little too large where members were
        trained again.
        """
        self._check_fitted()
        check_between("interval level", level, 0.01, 0.999)
        members = self._of_members(self.scale_.read_through(cohort.genotypes))
        centre = self._standardised(members.mean(axis=0))
        bounds = around(centre, self.uncertainty_.standard_deviations(members, self.usual_spread_), level)
        return Intervals(*(self._in_units(bound) for bound in bounds))

    def attributions(self, cohort: Cohort, window_bp: int = 1_000_000) -> Attributions:
        """Return what each window of so many base pairs adds to each prediction, by integrated gradients.

        Time and memory grow with animals x windows x traits: a few hundred animals tell what the network uses.
        """
        self._check_fitted()
        check_at_least("attributions window_bp", window_bp, 1)
        from genialearn.neural.attributions import integrated_gradients

        windows, table = windows_of(self.scale_.markers, window_bp)
        inputs = self._inputs(self.scale_.read_through(cohort.genotypes))
        values = np.mean([integrated_gradients(network, inputs, windows) for network in self.networks_], axis=0)
        units = np.where(np.isfinite(self.log_odds_), 1.0, self.standard_deviation_)
        return Attributions(table, values * units)

    def _inputs(self, genotypes: GenotypeMatrix) -> PackedAnimals:
        torch_library(self.threads, "network")
        from genialearn.neural.batches import PackedAnimals, chosen_device

        return PackedAnimals.of(genotypes, self.scale_.frequencies, chosen_device(self.device))

    def _of_members(self, genotypes: GenotypeMatrix) -> FloatArray:
        """Return what networks give for genotypes on the model's map, shape (members, animals, traits)."""
        inputs = self._inputs(genotypes)
        from genialearn.neural.ensemble import predict_members

        return predict_members(self.networks_, inputs)

    def _standardised(self, output: FloatArray) -> FloatArray:
        """Return standardised traits of a network's output: log odds become probabilities first."""
        probabilities = expit(np.nan_to_num(self.log_odds_) + output)
        units = np.where(self.standard_deviation_ > 0, self.standard_deviation_, 1.0)
        return np.where(np.isfinite(self.log_odds_), (probabilities - self.mean_) / units, output)

    def _in_units(self, standardised: FloatArray) -> FloatArray:
        units = np.where(np.isfinite(self.log_odds_) & (self.standard_deviation_ == 0), 1.0, self.standard_deviation_)
        return within_bounds(self.mean_ + units * standardised, self.binary_)

    def _check_fitted(self) -> None:
        if not hasattr(self, "networks_"):
            raise NotFittedError("network", expected="fit before predict", found="a model that saw no data")
