"""deepGBLUP: GBLUP plus a locally connected network."""

from __future__ import annotations

from typing import Any

import numpy as np

from genialearn._checks import check_at_least
from genialearn.cohorts import Cohort
from genialearn.mixed_models.adjustment import AdjustedRecords
from genialearn.predictors.additive import AdditiveFit
from genialearn.predictors.residual_network import ResidualNetwork

_RATE, _EPOCHS = 1e-3, 10
"""As published."""


class DeepGBLUP(ResidualNetwork):
    """GBLUP plus a locally connected network of the markers, one for all traits.

    As published (`corrected=False`) the network learns the records themselves, by absolute errors, with nothing held
    out, and GBLUP's breeding values are added to its predictions: what both know is counted twice, so that
    predictions are too spread. Of the publication's three GBLUP parts it has the additive one, with variances by
    REML; dominance and epistasis had variances of a tenth of the heritability by assumption. Records are in standard
    deviations, without GBLUP's fixed effects, and dosages are standardised.

    The corrected form is `ResidualNetwork` with a body of locally connected layers: it learns the errors of
    out-of-fold GBLUP, and has a gate for each trait.

    Parameters
    ----------
    corrected
        Whether the corrected form is trained.
    base, heritability, relationships, solver
        As in `Hybrid`.
    body_settings, width, dropout, marker_dropout, huber, refit, folds, gate_level
        As in `ResidualNetwork`, for the corrected form alone.
    learning_rate, weight_decay, batch_animals, max_epochs, patience
        The same; as published it is 1e-3, .01, `published_batch`, and 10 epochs.
    published_batch
        Animals a step as published; more are cheaper.
    device, threads, seed
        As in `ResidualNetwork`.

    Attributes
    ----------
    history_, out_of_fold_corrections_
        As in `ResidualNetwork`, of the corrected form alone; as published nothing is held out.

    References
    ----------
    Lee et al. 2023, Genet Sel Evol 55:56, doi:10.1186/s12711-023-00825-y; github.com/gywns6287/deepGBLUP.
    """

    _name = "deepgblup"

    def __init__(
        self,
        *,
        corrected: bool = True,
        base: str = "auto",
        heritability: float | list[float] | None = None,
        relationships: str = "vanraden1",
        solver: str = "auto",
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
        published_batch: int = 16,
        device: str = "auto",
        threads: int = 0,
        seed: int = 1,
    ) -> None:
        super().__init__(
            base=base,
            heritability=heritability,
            relationships=relationships,
            solver=solver,
            body="local",
            body_settings=body_settings,
            width=width,
            dropout=dropout,
            marker_dropout=marker_dropout,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            batch_animals=batch_animals,
            max_epochs=max_epochs,
            patience=patience,
            huber=huber,
            refit=refit,
            folds=folds,
            gate_level=gate_level,
            device=device,
            threads=threads,
            seed=seed,
        )
        self.corrected = corrected
        self.published_batch = published_batch

    def _check(self) -> None:
        super()._check()
        check_at_least("deepgblup published_batch", self.published_batch, 1)

    def _learn(self, cohort: Cohort, first: AdditiveFit, records: AdjustedRecords) -> None:
        if self.corrected:
            super()._learn(cohort, first, records)
        else:
            self._learn_as_published(cohort, first, records)

    def _learn_as_published(self, cohort: Cohort, first: AdditiveFit, records: AdjustedRecords) -> None:
        """Train one network on the records themselves, and add all that it gives."""
        from genialearn.neural.local_connections import train_local_connections

        inputs = self._inputs(cohort.genotypes)
        network, _ = train_local_connections(
            inputs,
            self._targets(records.values - first.means, records, inputs),
            np.flatnonzero(records.weights.any(axis=1)),
            learning_rate=_RATE,
            batch_animals=self.published_batch,
            epochs=_EPOCHS,
            seed=self.seed,
        )
        self.networks_ = [network]
        self.gate_ = np.ones(len(cohort.traits))
