"""A network as what another one starts from: transfer from one population to another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from genialearn._arrays import IntArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError

if TYPE_CHECKING:
    from genialearn.neural.batches import PackedAnimals
    from genialearn.neural.starts import Transfer
    from genialearn.predictors.networks import Network


class Source(NamedTuple):
    """A fitted network that another one starts from; with `heads_only`, body and linear path stay as they are."""

    network: Network
    heads_only: bool

    def seen_by_it(self, cohort: Cohort) -> Cohort:
        """Return a cohort with genotypes on its map."""
        return replace(cohort, genotypes=self.network.scale_.read_through(cohort.genotypes), haplotypes=None)

    def start(self, inputs: PackedAnimals, rows: IntArray) -> Transfer:
        """Return what members start from, given all new animals and those with records."""
        from genialearn.neural.starts import Transfer

        return Transfer.of(self.network.networks_, inputs, rows, heads_only=self.heads_only)


def check_same_output(model: Network, source: Network, cohort: Cohort) -> None:
    """Raise `AlignmentError` where outputs of two networks don't mean the same."""
    pairs = {
        "traits": ("those", ", ".join(source.trait_names_), ", ".join(cohort.records.trait_names)),
        "binary_loss": ("that", source.binary_loss, model.binary_loss),
    }
    for what, (which, expected, found) in pairs.items():
        if expected != found:
            raise AlignmentError(f"network {what}", expected=f"{which} of the source, {expected}", found=found)
