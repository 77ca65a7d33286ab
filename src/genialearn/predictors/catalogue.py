"""The only place where names stand for models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from genialearn._checks import check_known

if TYPE_CHECKING:
    from genialearn.contracts import Predictor


@dataclass(frozen=True)
class Entry:
    """A model that users can name.

    Parameters
    ----------
    module, attribute
        Where its class is; imported only when it is used.
    family
        "GBLUP", "pedigree", "ensemble", "network" or "hybrid".
    summary
        One line for `--help` and the report.
    library, extra
        Optional library that it needs, and the group that installs it.
    """

    module: str
    attribute: str
    family: str
    summary: str
    library: str = ""
    extra: str = ""

    def load(self) -> Callable[..., Predictor]:
        """Return the class."""
        loaded: Callable[..., Predictor] = getattr(import_module(self.module), self.attribute)
        return loaded


REFERENCE = "gblup"
"""What everything else is compared with."""

CATALOGUE: Mapping[str, Entry] = {
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
        "GBLUP corrected by a map between traits, gated trait by trait",
    ),
}


def make_predictor(name: str, **common: Any) -> Predictor:
    """Return an unfitted model; of the common settings (seed, threads) it takes those that it knows."""
    check_known("model", name, CATALOGUE)
    model = CATALOGUE[name].load()
    known = _settings_of(model)
    return model(**{key: value for key, value in common.items() if key in known})


def _settings_of(model: Callable[..., Predictor]) -> set[str]:
    import inspect

    return set(inspect.signature(model).parameters)
