"""Traits that a design file describes: changes to one of the catalogue, or a new one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from genialearn.cohorts.simulate.design_table import Table
from genialearn.cohorts.simulate.scales import simulated_heritability, simulated_repeatability
from genialearn.cohorts.simulate.trait_catalogue import BINARY, CATALOGUE, QUANTITATIVE, TraitDesign
from genialearn.errors import SettingError

TRAIT_KEYS = (
    "heritability", "mean", "deviation", "prevalence", "unit", "group", "direction", "recording", "kind", "dominance",
    "epistasis", "repeatability", "records",
)  # fmt: skip

DEFAULT_RECORDING = "milk_recording"
"""Whose records a new trait shares if it doesn't say: those of all cows."""

LEAST_PREVALENCE = 0.001
MOST_RECORDS = 20.0

_DIRECTIONS = ("higher", "lower", "optimum", "")
_KINDS = (QUANTITATIVE, BINARY)


def designed_trait(name: str, table: Table) -> TraitDesign:
    """Return the trait of the catalogue with the table's values instead of its own, or a new one.

    Raises
    ------
    SettingError
        Where a value is missing, of the wrong type, out of range or contradicts another one.
    """
    known = {trait.name: trait for trait in CATALOGUE}.get(name)
    kind = table.text("kind", _KINDS) or (known.kind if known else QUANTITATIVE)
    if known is None:
        table.required("heritability", "The catalogue has no trait of this name, so the design must say it.")
    before = known if known is not None and known.kind == kind else None
    others: dict[str, Any] = _texts(table) | _numbers(table)
    trait = replace(_on_its_scale(name, kind, before, table), **others)
    _check_shares(trait, table.where)
    return trait


def _on_its_scale(name: str, kind: str, before: TraitDesign | None, table: Table) -> TraitDesign:
    """Return the trait with mean and deviation, or with its prevalence, and what else was known of it."""
    trait = before or _blank(name, kind)
    if kind == BINARY:
        for key in ("mean", "deviation"):
            table.refused(key, "A binary trait has a prevalence instead.")
        if before is None:
            table.required("prevalence", "A binary trait has a prevalence, the share of its records that are 1.")
        prevalence = table.number("prevalence", LEAST_PREVALENCE, 1 - LEAST_PREVALENCE)
        return trait if prevalence is None else replace(trait, mean=prevalence)
    table.refused("prevalence", 'Only a trait of kind = "binary" has a prevalence.')
    if before is None:
        for key in ("mean", "deviation"):
            table.required(key, "A quantitative trait has a mean and a standard deviation within herd-years.")
    mean, deviation = table.number("mean"), table.number("deviation", 0.0)
    if deviation == 0:
        raise SettingError(f"{table.where} deviation", expected="a number above 0", found="0")
    return replace(
        trait,
        mean=trait.mean if mean is None else mean,
        deviation=trait.deviation if deviation is None else deviation,
    )


def _blank(name: str, kind: str) -> TraitDesign:
    old = {trait.name: trait for trait in CATALOGUE}.get(name)
    unit = "0/1" if kind == BINARY else ""
    if old is not None:
        return replace(old, unit=unit, kind=kind, mean=0.0, deviation=0.0)
    return TraitDesign(name, "", unit, 0.0, 0.0, 0.0, "", DEFAULT_RECORDING, kind)


def _texts(table: Table) -> dict[str, Any]:
    found = {key: table.text(key) for key in ("unit", "group", "recording")}
    found["direction"] = table.text("direction", _DIRECTIONS)
    return {key: value for key, value in found.items() if value is not None}


def _numbers(table: Table) -> dict[str, Any]:
    shares = ("heritability", "dominance", "epistasis", "repeatability")
    found = {key: table.number(key, 0.0, 1.0) for key in shares}
    found["records"] = table.number("records", 1.0, MOST_RECORDS)
    return {key: value for key, value in found.items() if value is not None}


def _check_shares(trait: TraitDesign, where: str) -> None:
    """Raise an error where shares of variance don't fit each other."""
    if trait.dominance + trait.epistasis > 1:
        raise SettingError(
            where,
            expected="shares of dominance and epistasis that add up to at most 1",
            found=f"{trait.dominance + trait.epistasis:g}",
        )
    if trait.is_repeated and trait.repeatability is None:
        raise SettingError(
            where,
            expected="a repeatability, since cows have several records",
            found="none",
            advice=f"Give one of at least the heritability of {trait.heritability:g}.",
        )
    if trait.repeatability is not None and trait.repeatability < trait.heritability:
        raise SettingError(
            f"{where} repeatability",
            expected=f"at least the heritability of {trait.heritability:g}",
            found=f"{trait.repeatability:g}",
        )
    if trait.is_binary:
        _check_liability(trait, where)


def _check_liability(trait: TraitDesign, where: str) -> None:
    """Raise an error where the liability behind a binary trait would have a share of variance above 1."""
    for name, share, simulated in (
        ("heritability", trait.heritability, simulated_heritability(trait)),
        ("repeatability", trait.repeatability or 0.0, simulated_repeatability(trait)),
    ):
        if simulated > 1:
            raise SettingError(
                f"{where} {name}",
                expected=f"at most {share / simulated:.3f} on the 0/1 scale at a prevalence of {trait.mean:g}",
                found=f"{share:g}",
                advice="The liability can't be more than wholly inherited.",
            )
