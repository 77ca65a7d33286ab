"""All metrics of artificial animals: what they say, what is good, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from genialearn.judging.classifier import classifier
from genialearn.judging.frequencies import allele_frequency, fixation, genotype_frequency
from genialearn.judging.kinship import homozygosity, nearest_relationship, relationships
from genialearn.judging.linkage import linkage, three_point
from genialearn.judging.neighbours import (
    adversarial_accuracy,
    adversarial_accuracy_training,
    precision_recall,
    privacy_loss,
)
from genialearn.judging.privacy import (
    copied_segments,
    copies,
    duplicates,
    membership,
    nearest_distance,
    nearest_ratio,
)
from genialearn.judging.samples import Against, Samples
from genialearn.judging.structure import principal_components

_NONE = float("nan")


@dataclass(frozen=True)
class Part:
    """One figure of a metric.

    Parameters
    ----------
    ideal
        Its value between two endless samples of one distribution, NaN where only real against real tells.
    worse
        Which values are worse than real against real: "lower", "higher", or those "away" from it on either side.
    """

    ideal: float
    worse: Literal["lower", "higher", "away"]


@dataclass(frozen=True)
class Metric:
    """A way to judge artificial animals.

    Parameters
    ----------
    name
        As in the table of `judge`.
    kind
        "faithful" where it asks whether artificial animals are like real ones, "private" where it asks whether they
        give training animals away.
    against
        Which real animals they are compared with.
    description
        In one line.
    source
        Publication.
    parts
        Its figures by name.
    score
        From samples and a source of randomness to the figures.
    """

    name: str
    kind: Literal["faithful", "private"]
    against: Against
    description: str
    source: str
    parts: Mapping[str, Part]
    score: Callable[[Samples, np.random.Generator], dict[str, float]]


_TO_ONE, _TO_ZERO, _TO_HALF = Part(1.0, "lower"), Part(0.0, "higher"), Part(0.5, "away")
_ALIKE, _LOW, _HIGH = Part(_NONE, "away"), Part(_NONE, "lower"), Part(_NONE, "higher")

_YALE = "Yale et al. 2020, doi:10.1016/j.neucom.2019.12.136"
_COPYING = "Zhao et al. 2021, arXiv:2102.08369"
_NEI = "Nei 1973, doi:10.1073/pnas.70.12.3321"
_YELMEN = "Yelmen et al. 2021, doi:10.1371/journal.pgen.1009303"
_ACCURACY = {"mean": _TO_HALF, "real": _TO_HALF, "artificial": _TO_HALF}

_ALL = (
    Metric(
        "allele_frequency",
        "faithful",
        "holdout",
        "agreement of allele frequencies, also of rare alleles, and the share of varying markers that became fixed",
        _YELMEN,
        {"r": _TO_ONE, "rmse": _TO_ZERO, "rmse_rare": _TO_ZERO, "fixed": _TO_ZERO},
        allele_frequency,
    ),
    Metric(
        "genotype_frequency",
        "faithful",
        "holdout",
        "agreement of genotype frequencies, and mean absolute difference of F_IS, over markers",
        _NEI,
        {"r": _TO_ONE, "inbreeding": _TO_ZERO},
        genotype_frequency,
    ),
    Metric(
        "fst", "faithful", "holdout", "F_ST between hold-out and artificial animals", _NEI, {"all": _TO_ZERO}, fixation
    ),
    Metric(
        "linkage",
        "faithful",
        "holdout",
        "agreement of linkage disequilibrium on chromosomes: of r2, of signed r, and of its decay with distance",
        "Rogers and Huff 2009, doi:10.1534/genetics.108.093153; Xie et al. 2025, arXiv:2508.09212 (gamma)",
        {"r": _TO_ONE, "gamma": _TO_ONE, "decay_mae": _TO_ZERO, "decay_rmse": _TO_ZERO},
        linkage,
    ),
    Metric(
        "three_point",
        "faithful",
        "holdout",
        "agreement of three-point correlations on chromosomes, at gaps of 1 to 1024 markers",
        _YELMEN,
        {"r": _TO_ONE},
        three_point,
    ),
    Metric(
        "principal_components",
        "faithful",
        "holdout",
        "distances of distributions on the principal axes of the hold-out: each axis, and Frechet's of ten",
        "Dowson and Landau 1982, doi:10.1016/0047-259X(82)90077-X",
        {"w1_axis1": _TO_ZERO, "w1_axis2": _TO_ZERO, "w1_axis3": _TO_ZERO, "frechet": _TO_ZERO},
        principal_components,
    ),
    Metric(
        "precision_recall",
        "faithful",
        "holdout",
        "whether each set lies where the other one does, by balls that reach to the fifth neighbour",
        "Kynkaanniemi et al. 2019, arXiv:1904.06991; Naeem et al. 2020, arXiv:2002.09797 (density, coverage)",
        {"precision": _LOW, "recall": _LOW, "density": Part(1.0, "away"), "coverage": _LOW},
        precision_recall,
    ),
    Metric(
        "adversarial_accuracy",
        "faithful",
        "holdout",
        "how well nearest neighbours tell artificial from hold-out rows: AATS, and its two sides",
        _YALE,
        _ACCURACY,
        adversarial_accuracy,
    ),
    Metric(
        "duplicates",
        "faithful",
        "holdout",
        "share of artificial rows that another artificial row repeats, exactly or nearly",
        _COPYING,
        {"exact": Part(_NONE, "higher"), "near": _HIGH},
        duplicates,
    ),
    Metric(
        "relationships",
        "faithful",
        "holdout",
        "distance of the distributions of genomic relationships, between animals and with themselves",
        "VanRaden 2008, doi:10.3168/jds.2007-0980",
        {"off_diagonal": _TO_ZERO, "diagonal": _TO_ZERO},
        relationships,
    ),
    Metric(
        "homozygosity",
        "faithful",
        "holdout",
        "distance of the distributions of runs of homozygosity: their number, and their share of the genome",
        "McQuillan et al. 2008, doi:10.1016/j.ajhg.2008.08.007",
        {"number": _TO_ZERO, "length": _TO_ZERO},
        homozygosity,
    ),
    Metric(
        "classifier",
        "faithful",
        "holdout",
        "how well classifiers tell artificial from hold-out rows: area under the curve, by cross-validation",
        "Lopez-Paz and Oquab 2017, arXiv:1610.06545",
        {"logistic": Part(0.5, "higher"), "trees": Part(0.5, "higher")},
        classifier,
    ),
    Metric(
        "adversarial_accuracy_training",
        "private",
        "training",
        "how well nearest neighbours tell artificial from training rows; far below .5 they are copies",
        _YALE,
        _ACCURACY,
        adversarial_accuracy_training,
    ),
    Metric(
        "privacy_loss",
        "private",
        "both",
        "AATS against the hold-out minus AATS against the training",
        _YALE,
        {"all": _TO_ZERO},
        privacy_loss,
    ),
    Metric(
        "nearest_distance",
        "private",
        "both",
        "distance to the nearest training row, of artificial against hold-out rows, and the share that is close",
        _COPYING,
        {"median_ratio": Part(1.0, "lower"), "close": Part(0.05, "higher")},
        nearest_distance,
    ),
    Metric(
        "nearest_ratio",
        "private",
        "training",
        "distance to the nearest over that to the second nearest training row, median",
        _COPYING,
        {"median": _LOW},
        nearest_ratio,
    ),
    Metric(
        "copies",
        "private",
        "training",
        "share of artificial rows that are training rows, exactly or nearly",
        _COPYING,
        {"exact": _HIGH, "near": _HIGH},
        copies,
    ),
    Metric(
        "copied_segments",
        "private",
        "training",
        "share of pieces of artificial rows that some training row has exactly: of 64 markers, of a chromosome",
        "own definition, after the copying model of Li and Stephens 2003, doi:10.1093/genetics/165.4.2213",
        {"window": _HIGH, "chromosome": _HIGH},
        copied_segments,
    ),
    Metric(
        "membership",
        "private",
        "both",
        "how well the distance to the nearest artificial row tells training from hold-out rows",
        "Chen et al. 2020, doi:10.1145/3372297.3417238",
        {"auc": Part(0.5, "higher")},
        membership,
    ),
    Metric(
        "nearest_relationship",
        "private",
        "training",
        "largest genomic relationship of an artificial animal to a training animal, mean and maximum",
        "VanRaden 2008, doi:10.3168/jds.2007-0980",
        {"mean": _HIGH, "maximum": _HIGH},
        nearest_relationship,
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ALL})
"""All metrics by name, in the order of the table."""
