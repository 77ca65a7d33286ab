"""The only place where names stand for models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genialearn._checks import check_known
from genialearn.entry import Entry

if TYPE_CHECKING:
    from genialearn.contracts import Predictor


REFERENCE = "gblup"
"""What everything else is compared with."""

REFERENCES = (REFERENCE, "gblup-multi")
"""What models are compared with where it is run: one that only borrows from other traits beats the first alone."""

CATALOGUE: Mapping[str, Entry[Predictor]] = {
    "gblup": Entry("genialearn.predictors.gblup", "GBLUP", "GBLUP", "one mixed model a trait, exact: the reference"),
    "gblup-multi": Entry(
        "genialearn.predictors.gblup_multi",
        "GBLUPMulti",
        "GBLUP",
        "one mixed model of all traits, with their genetic and residual covariances",
    ),
    "pedigree": Entry(
        "genialearn.predictors.pedigree",
        "PedigreeBLUP",
        "pedigree",
        "one mixed model a trait on pedigree relationships, without markers",
    ),
    "parent-average": Entry(
        "genialearn.predictors.pedigree",
        "ParentAverage",
        "pedigree",
        "half the sum of the parents' breeding values by pedigree",
    ),
    "lightgbm": Entry(
        "genialearn.predictors.ensembles",
        "LightGBM",
        "ensemble",
        "gradient-boosted trees on the markers, one model a trait",
        library="lightgbm",
        extra="trees",
    ),
    "network": Entry(
        "genialearn.predictors.networks",
        "Network",
        "network",
        "a multi-trait network on the markers, averaged over members",
        library="torch",
        extra="deep",
    ),
    "hybrid": Entry(
        "genialearn.predictors.hybrids",
        "Hybrid",
        "hybrid",
        "GBLUP of all traits, and curves between traits, gated trait by trait",
    ),
    "network-residual": Entry(
        "genialearn.predictors.residual_network",
        "ResidualNetwork",
        "hybrid",
        "GBLUP and a network of the markers that learns what it leaves, gated trait by trait",
        library="torch",
        extra="deep",
    ),
    "dlgblup": Entry(
        "genialearn.predictors.dlgblup",
        "DLGBLUP",
        "hybrid",
        "a network from GBLUP's breeding values of all traits to all traits",
        library="torch",
        extra="deep",
    ),
    "deepgblup": Entry(
        "genialearn.predictors.deepgblup",
        "DeepGBLUP",
        "hybrid",
        "GBLUP and a locally connected network, gated trait by trait",
        library="torch",
        extra="deep",
    ),
    "super-learner": Entry(
        "genialearn.predictors.super_learner",
        "SuperLearner",
        "stack",
        "GBLUP stacked with gblup-multi, trees and a network, gated trait by trait",
        library="torch",
        extra="all",
    ),
}


def make_predictor(name: str, **common: Any) -> Predictor:
    """Return an unfitted model; of the common settings (seed, threads) it takes those that it knows."""
    return CATALOGUE[check_known("model", name, CATALOGUE)].make(f"model {name}", {}, common)
