"""Designs: which traits, and how genes and herds make their records, as a TOML file says it.

A `Design` holds what the file says, checked as far as each table allows; `plan` puts it together with the catalogue.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from genialearn import _files
from genialearn.cohorts.simulate.architecture import FUNCTIONS, Link
from genialearn.cohorts.simulate.calling import Calling
from genialearn.cohorts.simulate.demography import OTHER_BREEDS
from genialearn.cohorts.simulate.design_table import Table
from genialearn.cohorts.simulate.designed_traits import TRAIT_KEYS, designed_trait
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign
from genialearn.errors import FileFormatError, SettingError

_TABLES = (
    "summarise", "traits", "genetic_correlations", "residual_correlations", "recordings", "herds", "links", "genes",
    "environments", "population", "chip",
)  # fmt: skip
LEAST_RECORDED = 0.001
"""Share of cows; a trait without any record couldn't be read back."""

_NAME = re.compile(r"[A-Za-z]\w*")
_TAKEN = ("id", "environment", "herd_year")
"""Columns that no trait may be."""


@dataclass(frozen=True)
class AskedCorrelations:
    """Correlations asked of pairs of traits.

    Parameters
    ----------
    where
        File and table, for messages.
    pairs
        By pair of names.
    nearest
        Take the nearest possible ones where these contradict each other.
    """

    where: str
    pairs: Mapping[tuple[str, str], float]
    nearest: bool = False


@dataclass(frozen=True)
class GeneDesign:
    """QTL: their number, whether they are on the chip, the major gene and its correlations; None for the usual."""

    qtl: int | None = None
    on_chip: bool | None = None
    major_gene: bool | None = None
    loadings: Mapping[str, float] | None = None


@dataclass(frozen=True)
class HerdVariances:
    """Records that share a herd-year, and variances of herd-years of quantitative and binary traits; None for usual."""

    records_per_herd_year: float | None = None
    variance: float | None = None
    binary_variance: float | None = None


@dataclass(frozen=True)
class EnvironmentDesign:
    """Environments between which genetic values differ.

    Parameters
    ----------
    n
        Their number.
    correlation
        Genetic correlation between the two extreme ones, or None.
    slope_variance
        Share of the slopes in the genetic variance, or None; one of the two is there.
    traits
        Names, None for all.
    """

    n: int
    correlation: float | None = None
    slope_variance: float | None = None
    traits: tuple[str, ...] | None = None


@dataclass(frozen=True)
class PopulationDesign:
    """Accuracy of selection, and crossing as `HerdSettings` has it; None for the usual."""

    selection: float | None = None
    crossing: tuple[tuple[str, float], ...] | None = None


@dataclass(frozen=True)
class ChipDesign:
    """The file of the chip's map, and how true genotypes become called ones; None for the usual."""

    chip_map: str | None = None
    calling: Calling | None = None


@dataclass(frozen=True, eq=False)
class Design:
    """What a design file says; what it doesn't is None or empty.

    Parameters
    ----------
    where
        The file, for messages.
    only
        Names of the traits, None for the catalogue and new ones.
    traits
        Those that have a table, by name: of the catalogue with other values, or new.
    genetic, residual
        Correlations asked.
    recordings
        Share of cows recorded, by recording.
    herds, genes, environments, population, chip
        As their classes say.
    links
        Nonlinear dependences; None for those of the architecture.
    summarise
        Whether repeated records are summarised as one with a weight.
    content
        The file as read, for the record.
    """

    where: str
    only: tuple[str, ...] | None = None
    traits: Mapping[str, TraitDesign] = field(default_factory=dict)
    genetic: AskedCorrelations | None = None
    residual: AskedCorrelations | None = None
    recordings: Mapping[str, float] = field(default_factory=dict)
    herds: HerdVariances = field(default_factory=HerdVariances)
    links: tuple[Link, ...] | None = None
    genes: GeneDesign = field(default_factory=GeneDesign)
    environments: EnvironmentDesign | None = None
    population: PopulationDesign = field(default_factory=PopulationDesign)
    chip: ChipDesign = field(default_factory=ChipDesign)
    summarise: bool = False
    content: Mapping[str, Any] = field(default_factory=dict)


def read_design(path: Path | str) -> Design:
    """Return the design of a TOML file.

    Raises
    ------
    FileFormatError
        Where it isn't TOML.
    SettingError
        Where a key is unknown, or a value of the wrong type or out of range.
    """
    try:
        content = tomllib.loads(_files.read_text(path))
    except tomllib.TOMLDecodeError as error:
        found = str(error)[:1].lower() + str(error)[1:]
        raise FileFormatError(
            str(path), expected="TOML", found=found, advice="docs/simulation.md shows a whole design."
        ) from error
    return design_of(content, str(path))


def design_of(content: Mapping[str, Any], where: str = "design") -> Design:
    """Return the design that a dictionary says, laid out as the TOML file is."""
    top = Table.of(where, dict(content), _TABLES)
    only, traits = _traits(Table.of(f"{where}: [traits]", content.get("traits", {})))
    return Design(
        where=where,
        only=only,
        traits=traits,
        genetic=_correlations(where, "genetic_correlations", content),
        residual=_correlations(where, "residual_correlations", content),
        recordings=_shares(Table.of(f"{where}: [recordings]", content.get("recordings", {})), LEAST_RECORDED),
        herds=_herds(where, content.get("herds", {})),
        links=_links(where, content["links"]) if "links" in content else None,
        genes=_genes(where, content.get("genes", {})),
        environments=_environments(where, content["environments"]) if "environments" in content else None,
        population=_population(where, content.get("population", {})),
        chip=_chip(where, content.get("chip", {})),
        summarise=bool(top.flag("summarise")),
        content=content,
    )


def _traits(table: Table) -> tuple[tuple[str, ...] | None, dict[str, TraitDesign]]:
    only, traits = table.texts("only"), {}
    for name, entry in table.content.items():
        if name == "only":
            continue
        where = table.where.replace("[traits]", f"[traits.{name}]")
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise SettingError(
                where,
                expected="a name of letters, digits and _ that isn't that of another column",
                found=repr(name),
                advice="Rename the trait.",
            )
        traits[name] = designed_trait(name, Table.of(where, entry, TRAIT_KEYS))
    return only, traits


def _correlations(where: str, name: str, content: Mapping[str, Any]) -> AskedCorrelations | None:
    if name not in content:
        return None
    table = Table.of(f"{where}: [{name}]", content[name])
    pairs: dict[tuple[str, str], float] = {}
    for key in table.content:
        if key == "nearest":
            continue
        pair = tuple(key.split())
        if len(pair) != 2 or pair[0] == pair[1]:
            raise SettingError(
                table.where,
                expected='two names of traits, such as "milk_yield height" = 0.3',
                found=repr(key),
                advice="Put both between one pair of quotes, with a space between them.",
            )
        if pair in pairs or pair[::-1] in pairs:
            raise SettingError(table.where, expected="every pair once", found=f"{pair[0]} with {pair[1]} twice")
        pairs[pair] = _value(table, key, -1.0)
    return AskedCorrelations(table.where, pairs, bool(table.flag("nearest")))


def _shares(table: Table, low: float) -> dict[str, float]:
    return {key: _value(table, key, low) for key in table.content}


def _value(table: Table, key: str, low: float) -> float:
    value = table.number(key, low, 1.0)
    assert value is not None, "the key is there"
    return value


def _herds(where: str, content: object) -> HerdVariances:
    table = Table.of(f"{where}: [herds]", content, ("records_per_herd_year", "variance", "binary_variance"))
    return HerdVariances(
        table.number("records_per_herd_year", 1.0), table.number("variance", 0.0), table.number("binary_variance", 0.0)
    )


def _genes(where: str, content: object) -> GeneDesign:
    table = Table.of(f"{where}: [genes]", content, ("qtl", "on_chip", "major_gene", "loadings"))
    loadings = None
    if "loadings" in table.content:
        loadings = _shares(Table.of(f"{where}: [genes.loadings]", table.content["loadings"]), -1.0)
    return GeneDesign(table.whole("qtl", 1), table.flag("on_chip"), table.flag("major_gene"), loadings)


def _population(where: str, content: object) -> PopulationDesign:
    table = Table.of(f"{where}: [population]", content, ("selection", "crossing"))
    crossing = None
    if "crossing" in table.content:
        shares = _shares(Table.of(f"{where}: [population] crossing", table.content["crossing"], OTHER_BREEDS), 0.0)
        crossing = tuple(shares.items())
    return PopulationDesign(table.number("selection", 0.0, 1.0), crossing)


def _chip(where: str, content: object) -> ChipDesign:
    names = [item.name for item in fields(Calling)]
    table = Table.of(f"{where}: [chip]", content, ("map", *names))
    said = {name: value for name in names if (value := table.number(name, 0.0, 1.0)) is not None}
    beside = table.text("map")
    return ChipDesign(
        None if beside is None else str(Path(where).parent / beside),
        Calling(**said) if said else None,
    )


def _links(where: str, content: object) -> tuple[Link, ...]:
    if not isinstance(content, list):
        raise SettingError(
            f"{where}: links", expected="a list of tables", found=repr(content), advice="Head each with [[links]]."
        )
    return tuple(_link(f"{where}: [[links]] {number}", entry) for number, entry in enumerate(content, start=1))


def _link(where: str, content: object) -> Link:
    table = Table.of(where, content, ("target", "driver", "share", "function"))
    for key in ("target", "driver", "share"):
        table.required(key, "A link has a target, a driver and a share.")
    target, driver = table.text("target"), table.text("driver")
    assert target is not None, "required"
    assert driver is not None, "required"
    return Link(target, driver, _value(table, "share", 0.0), table.text("function", FUNCTIONS) or "quadratic")


def _environments(where: str, content: object) -> EnvironmentDesign:
    table = Table.of(f"{where}: [environments]", content, ("n", "correlation", "slope_variance", "traits"))
    table.required("n", "Say how many environments there are.")
    n = table.whole("n", 2)
    assert n is not None, "required"
    correlation, variance = table.number("correlation", -1.0, 1.0), table.number("slope_variance", 0.0, 1.0)
    if (correlation is None) == (variance is None):
        raise SettingError(
            table.where,
            expected="either correlation or slope_variance",
            found="neither" if correlation is None else "both",
            advice="One follows from the other.",
        )
    return EnvironmentDesign(n, correlation, variance, table.texts("traits"))
