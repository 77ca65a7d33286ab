"""Experiments: models x splits, each cell in its own process, into a run folder."""

from genialearn.experiments.comparison import compare
from genialearn.experiments.plan import Plan, plan_comparison

__all__ = ["Plan", "compare", "plan_comparison"]
