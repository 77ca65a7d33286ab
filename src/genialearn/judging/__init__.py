"""Artificial animals against real ones: how faithful, how private, how useful."""

from genialearn.judging.judge import judge, worse_by
from genialearn.judging.likelihood import held_out_log_likelihood
from genialearn.judging.metrics import METRICS, Metric, Part
from genialearn.judging.nearest import nearest
from genialearn.judging.samples import Samples

__all__ = ["METRICS", "Metric", "Part", "Samples", "held_out_log_likelihood", "judge", "nearest", "worse_by"]
