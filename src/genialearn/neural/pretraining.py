"""How a body is pretrained on genotypes alone; without torch, so that it may be a setting of a model."""

from __future__ import annotations

from dataclasses import dataclass

from genialearn._checks import check_at_least, check_between


@dataclass(frozen=True)
class Pretraining:
    """Masked genotypes: some markers are hidden, and the body's values must tell them from the others.

    Parameters
    ----------
    hidden_share
        Share of the markers that are hidden from a batch of animals.
    run
        Markers side by side that are hidden together, within a chromosome; neighbours tell a single one too easily.
    asked
        Hidden markers that a batch is asked for at most, so that its cost doesn't grow with all of them.
    learning_rate, batch_animals, max_epochs, patience
        Of the training loop; a tenth of the animals is held out to stop by.
    """

    hidden_share: float = 0.5
    run: int = 8
    asked: int = 1_024
    learning_rate: float = 1e-3
    batch_animals: int = 128
    max_epochs: int = 60
    patience: int = 5

    def __post_init__(self) -> None:
        check_between("pretraining hidden_share", self.hidden_share, 0.01, 0.99)
        for name in ("run", "asked", "batch_animals", "max_epochs", "patience"):
            check_at_least(f"pretraining {name}", getattr(self, name), 1)
