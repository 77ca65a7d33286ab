"""What `cohort.json` says of the animals and markers of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from genialearn.errors import FileFormatError
from genialearn.report.reading import part, read_object


@dataclass(frozen=True)
class Histogram:
    """Counts between edges: one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]


@dataclass(frozen=True)
class CohortResults:
    """The content of `cohort.json`; whatever is absent is None.

    Parameters
    ----------
    components
        One row an animal: animal, first, second (principal components), birth_year (missing where unknown).
    variance_explained
        Share of the variance along each component.
    diagonal, off_diagonal
        Histograms of the genomic relationships of animals with themselves and with each other.
    n_related
        Number of animals among which the relationships were taken.
    holes
        Share of the animals that have a record: traits x bins of animals.
    allele_frequencies
        Histogram of the frequency of the counted allele.
    """

    components: pd.DataFrame | None = None
    variance_explained: tuple[float, ...] = ()
    diagonal: Histogram | None = None
    off_diagonal: Histogram | None = None
    n_related: int = 0
    holes: pd.DataFrame | None = None
    allele_frequencies: Histogram | None = None


def read_cohort_results(path: Path) -> CohortResults:
    """Return the content of `cohort.json`, or nothing but None where the file is absent."""
    if not path.is_file():
        return CohortResults()
    content = read_object(path)
    pca: dict[str, Any] = part(content, "pca", {}, path)
    relationships: dict[str, Any] = part(content, "relationships", {}, path)
    return CohortResults(
        components=_components(pca, f"{path}: pca"),
        variance_explained=tuple(part(pca, "variance_explained", [], f"{path}: pca")),
        diagonal=_histogram(relationships, "diagonal", f"{path}: relationships"),
        off_diagonal=_histogram(relationships, "off_diagonal", f"{path}: relationships"),
        n_related=part(relationships, "n_animals", 0, f"{path}: relationships"),
        holes=_holes(part(content, "holes", {}, path), f"{path}: holes"),
        allele_frequencies=_histogram(content, "allele_frequencies", str(path)),
    )


def _components(pca: dict[str, Any], where: str) -> pd.DataFrame | None:
    scores: list[Any] = part(pca, "scores", [], where)
    if not scores:
        return None
    n_animals = len(scores)
    animals: list[Any] = part(pca, "animals", [""] * n_animals, where)
    years: list[Any] = part(pca, "birth_year", [None] * n_animals, where)
    _require_equal(where, {"scores": n_animals, "animals": len(animals), "birth_year": len(years)})
    firsts, seconds = ([score[axis] for score in scores] for axis in (0, 1))
    return pd.DataFrame({"animal": animals, "first": firsts, "second": seconds, "birth_year": years})


def _histogram(content: dict[str, Any], key: str, where: str) -> Histogram | None:
    entry: dict[str, Any] = part(content, key, {}, where)
    edges, counts = _lists(entry, ("edges", "counts"), f"{where}: {key}")
    if not counts:
        return None
    _require_equal(f"{where}: {key}", {"edges less one": len(edges) - 1, "counts": len(counts)})
    return Histogram(tuple(edges), tuple(counts))


def _holes(entry: dict[str, Any], where: str) -> pd.DataFrame | None:
    traits, bins, recorded = _lists(entry, ("traits", "bins", "recorded"), where)
    if not traits or not bins:
        return None
    _require_equal(where, {"traits": len(traits), "rows of recorded": len(recorded)})
    for shares in recorded:
        _require_equal(where, {"bins": len(bins), "columns of recorded": len(shares)})
    return pd.DataFrame(recorded, index=traits, columns=bins)


def _lists(entry: dict[str, Any], keys: Sequence[str], where: str) -> list[list[Any]]:
    return [part(entry, key, [], where) for key in keys]


def _require_equal(where: str, lengths: dict[str, int]) -> None:
    if len(set(lengths.values())) > 1:
        raise FileFormatError(
            where,
            expected="lists of one length",
            found=", ".join(f"{n} {name}" for name, n in lengths.items()),
            advice="Was the file edited by hand?",
        )
