"""The report's plotly figures, each made from results alone; importing this package imports plotly."""

from __future__ import annotations

from genialearn.report.figures.canvas import Choice, Picture
from genialearn.report.figures.cohort import (
    allele_frequency_picture,
    component_picture,
    hole_picture,
    relationship_picture,
)
from genialearn.report.figures.costs import cost_picture
from genialearn.report.figures.curves import curve_picture
from genialearn.report.figures.dots import accuracy_picture, dispersion_picture
from genialearn.report.figures.gains import gain_picture
from genialearn.report.figures.observations import observation_picture
from genialearn.report.figures.palette import model_colours

__all__ = [
    "Choice",
    "Picture",
    "accuracy_picture",
    "allele_frequency_picture",
    "component_picture",
    "cost_picture",
    "curve_picture",
    "dispersion_picture",
    "gain_picture",
    "hole_picture",
    "model_colours",
    "observation_picture",
    "relationship_picture",
]
