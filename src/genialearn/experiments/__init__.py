"""Experiments: models x splits, each cell in its own process, into a run folder."""

from genialearn.experiments.compare import Plan, compare, plan_comparison

__all__ = ["Plan", "compare", "plan_comparison"]
