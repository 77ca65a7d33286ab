"""Bodies of networks: hidden layers between markers and the heads of the traits."""

from __future__ import annotations

from genialearn._checks import check_known
from genialearn.neural.bodies.body import Body
from genialearn.neural.bodies.genome import Genome
from genialearn.neural.bodies.perceptron import Perceptron

__all__ = ["BODIES", "Body", "Genome", "Perceptron", "make_body"]

BODIES = {"perceptron": Perceptron}


def make_body(name: str, genome: Genome, *, width: int, dropout: float) -> Body:
    """Return a body with new random weights."""
    return BODIES[check_known("network body", name, BODIES)](genome, width=width, dropout=dropout)
