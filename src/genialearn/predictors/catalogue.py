"""The only place where names stand for models."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genialearn._checks import check_known
from genialearn.entry import Entry
from genialearn.errors import SettingError

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
    "bayesr": Entry(
        "genialearn.predictors.bayesian",
        "BayesR",
        "Bayesian",
        "few large and many small marker effects, sampled; all traits in one sweep",
    ),
    "bayesc": Entry(
        "genialearn.predictors.bayesian",
        "BayesC",
        "Bayesian",
        "marker effects that are 0 or normal, the share sampled; all traits in one sweep",
    ),
    "bslmm": Entry(
        "genialearn.predictors.two_normals",
        "BSLMM",
        "Bayesian",
        "many small marker effects and some large ones, as many as predict animals held out best; no sampling",
    ),
    "elastic-net": Entry(
        "genialearn.predictors.sparse",
        "ElasticNet",
        "sparse",
        "marker effects of which many are 0, penalised by sizes and squares; all traits in one sweep",
    ),
    "lasso": Entry(
        "genialearn.predictors.sparse",
        "Lasso",
        "sparse",
        "marker effects of which most are 0, penalised by sizes alone",
    ),
    "gblup-nonadditive": Entry(
        "genialearn.predictors.nonadditive",
        "NonadditiveGBLUP",
        "kernel",
        "one mixed model a trait with additive, dominance and epistatic variance",
    ),
    "rkhs": Entry(
        "genialearn.predictors.kernels",
        "RKHS",
        "kernel",
        "a mixed model a trait on Gaussian kernels of marker distances",
    ),
    "arc-cosine": Entry(
        "genialearn.predictors.kernels",
        "ArcCosineBLUP",
        "kernel",
        "a mixed model a trait on the kernel of an infinitely wide network",
    ),
    "lightgbm": Entry(
        "genialearn.predictors.boosting",
        "LightGBM",
        "ensemble",
        "GBLUP and gradient-boosted trees that learn what it leaves, one model a trait",
        library="lightgbm",
        extra="trees",
    ),
    "xgboost": Entry(
        "genialearn.predictors.boosting",
        "XGBoost",
        "ensemble",
        "the same by another library of boosted trees",
        library="xgboost",
        extra="boost",
    ),
    "catboost": Entry(
        "genialearn.predictors.joint_boosting",
        "CatBoost",
        "ensemble",
        "GBLUP and boosted trees that learn what it leaves of all traits together",
        library="catboost",
        extra="boost",
    ),
    "random-forest": Entry(
        "genialearn.predictors.forests",
        "RandomForest",
        "ensemble",
        "a forest of deep trees, one a trait",
    ),
    "extra-trees": Entry(
        "genialearn.predictors.forests",
        "ExtraTrees",
        "ensemble",
        "a forest of trees with random thresholds, one a trait",
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
        "GBLUP stacked with models of other kinds, gated trait by trait",
        library="lightgbm",
        extra="trees",
    ),
}


def entry_of(model: str) -> tuple[str, Entry[Predictor]]:
    """Return the name in the catalogue of what a user asked for, and its entry.

    Parameters
    ----------
    model
        `NAME` or `NAME:SETTING=VALUE,...`.
    """
    name = check_known("model", model.partition(":")[0], CATALOGUE)
    return name, CATALOGUE[name]


def make_predictor(model: str, **common: Any) -> Predictor:
    """Return an unfitted model.

    Parameters
    ----------
    model
        `NAME` or `NAME:SETTING=VALUE,...`, such as "network:body=local,width=32"; values as in Python, strings without
        quotes.
    common
        Seed and threads, of which the model takes those that it knows; its own settings come first.

    Raises
    ------
    SettingError
        Where the model or a setting is unknown, or a setting has no value.
    """
    name, entry = entry_of(model)
    return entry.make(f"model {name}", _settings(model), common)


def _settings(model: str) -> dict[str, Any]:
    """Return what follows a model's name."""
    name, colon, rest = model.partition(":")
    settings: dict[str, Any] = {}
    for part in _parts(rest) if colon else ():
        key, equals, value = part.partition("=")
        if not (key.strip() and equals and value.strip()) or "/" in part:
            raise SettingError(f"model {name}", expected="SETTING=VALUE,... after the colon", found=repr(part))
        settings[key.strip()] = _value(value.strip())
    return settings


def _parts(text: str) -> list[str]:
    """Return what is between commas that are in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _value(text: str) -> Any:
    """Return a number, truth value, None, list or mapping where the text is one, else the text; 1e3 is whole."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError):
        return text
    return int(value) if isinstance(value, float) and value.is_integer() and "e" in text.lower() else value
