"""Hidden parts of multi-trait networks, each another assumption of how markers act.

Nothing here imports torch before a body is made, so that names can be checked where it isn't installed.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least, check_between, check_known
from genialearn.entry import Entry
from genialearn.errors import SettingError
from genialearn.genotypes import GenotypeMatrix
from genialearn.neural.bodies.genome import Genome

if TYPE_CHECKING:
    from genialearn.neural.bodies.body import Body

__all__ = ["BODIES", "Genome", "learned_settings", "make_body"]


def _entry(module: str, attribute: str, family: str, summary: str) -> Entry[Body]:
    return Entry(f"{__name__}.{module}", attribute, family, summary, library="torch", extra="deep")


BODIES: Mapping[str, Entry[Body]] = {
    "perceptron": _entry("perceptron", "Perceptron", "dense", "two hidden layers on all markers"),
    "local": _entry(
        "local", "Local", "local", "locally connected: weights of its own for each stretch of a chromosome"
    ),
    "convolution": _entry("convolution", "Convolution", "local", "residual convolutions along chromosomes"),
    "attention": _entry("attention", "Attention", "local", "attention among windows of chromosomes"),
    "tabm": _entry("tabm", "TabM", "dense", "an ensemble of perceptrons that share their weights but for scales"),
    "projection": _entry("projection", "Projection", "scores", "two hidden layers on principal or local scores"),
    "relationship": _entry(
        "relationship", "Relationship", "scores", "two hidden layers on kernels of distances to anchor animals"
    ),
}


def make_body(name: str, genome: Genome, *, width: int, dropout: float, **own: Any) -> Body:
    """Return a body with random first weights, drawn from torch's global generator.

    Parameters
    ----------
    name
        One of `BODIES`.
    genome
        The markers, in the order of the dosages that it will see.
    width, dropout
        Size of the output, and share of hidden values dropped in training.
    own
        Settings of its class, among them those of `learned_settings`.

    Raises
    ------
    SettingError
        Where the name or a setting is unknown or out of range, or a needed setting isn't given.
    """
    check_at_least("body width", width, 1)
    check_between("body dropout", dropout, 0, 0.95)
    common = {"genome": genome, "width": width, "dropout": dropout}
    _check_given(name, {*common, *own})
    return BODIES[name].make(f"body {name}", own, common)


def _class_of(name: str) -> type[Body]:
    return cast("type[Body]", BODIES[check_known("network body", name, BODIES)].load())


def _check_given(name: str, given: set[str]) -> None:
    """Raise `SettingError` where a body lacks a setting that has no default."""
    parameters = inspect.signature(_class_of(name)).parameters.values()
    for parameter in parameters:
        if parameter.default is inspect.Parameter.empty and parameter.name not in given:
            raise SettingError(
                f"body {name}",
                expected=f"the setting {parameter.name}",
                found="none",
                advice="learned_settings makes it of the training animals.",
            )


def learned_settings(name: str, genotypes: GenotypeMatrix, frequencies: FloatArray, *, seed: int) -> dict[str, Any]:
    """Return the settings of a body that must come from its training animals; for most bodies none.

    Parameters
    ----------
    name
        One of `BODIES`.
    genotypes
        Of the training animals, in canonical form.
    frequencies
        Those that standardise dosages, shape (markers,).
    seed
        Of what is drawn.
    """
    return _class_of(name).learned_settings(genotypes, frequencies, seed=seed)
