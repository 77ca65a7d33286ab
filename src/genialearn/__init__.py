"""Genomic prediction of many traits at once: GBLUP, ensembles, deep networks and hybrids, compared honestly."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genialearn.cohorts import Cohort, CohortFiles, read_cohort
    from genialearn.contracts import Predictor
    from genialearn.errors import GenialearnError
    from genialearn.experiments import compare, plan_comparison
    from genialearn.predictors import make_predictor
    from genialearn.predictors.gblup import GBLUP
    from genialearn.predictors.trait_map import TraitMap
    from genialearn.report import render_report

_HOMES = {
    "GBLUP": "genialearn.predictors.gblup",
    "Cohort": "genialearn.cohorts",
    "CohortFiles": "genialearn.cohorts",
    "GenialearnError": "genialearn.errors",
    "Predictor": "genialearn.contracts",
    "TraitMap": "genialearn.predictors.trait_map",
    "compare": "genialearn.experiments",
    "make_predictor": "genialearn.predictors",
    "plan_comparison": "genialearn.experiments",
    "read_cohort": "genialearn.cohorts",
    "render_report": "genialearn.report",
}

__all__ = [
    "GBLUP",
    "Cohort",
    "CohortFiles",
    "GenialearnError",
    "Predictor",
    "TraitMap",
    "compare",
    "make_predictor",
    "plan_comparison",
    "read_cohort",
    "render_report",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import genialearn` itself imports nothing heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'genialearn' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
