"""What trees see of an animal: features of its markers that are learned from training animals.

Tens of thousands of markers of which none tells much are hard on trees. What GBLUP has learned makes few features of
them: an animal's breeding values, their parts from windows of the chromosomes, the markers of the largest effects.
These are made with the records, so that a training animal's features know its own record, which a later animal's don't;
they are therefore computed out of fold, from marker effects without the animal's fold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from genialearn._arrays import Float32Array, FloatArray, IntArray
from genialearn._checks import check_known
from genialearn.errors import SettingError
from genialearn.genotypes import GenotypeMatrix, MarkerMap, products
from genialearn.relationships import GenomicScale

VIEWS = ("gblup", "traits", "windows", "screened", "components", "markers")
"""What features can be of: the trait's breeding value by GBLUP, those of all traits, the parts of the trait's that
windows of the chromosomes contribute, markers of large effects on it, principal components, and all markers."""

LEARNED = ("gblup", "traits", "windows", "screened")
"""Those that are made with the records."""


def check_views(name: str, views: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of views, each once, if all are known and there is one at least.

    Parameters
    ----------
    name
        What errors call them.
    views
        A list, or names with plus signs between them.
    """
    known = [check_known(name, view, VIEWS) for view in dict.fromkeys(_names(views))]
    if not known:
        raise SettingError(name, expected=f"some of {', '.join(VIEWS)}", found="none")
    return tuple(view for view in known if view != "gblup" or "traits" not in known)


def _names(views: str | Sequence[str]) -> list[str]:
    return [view.strip() for view in views.split("+")] if isinstance(views, str) else list(views)


@dataclass(frozen=True, eq=False)
class Views:
    """Features of animals, as far as they can be told from markers alone.

    Parameters
    ----------
    names
        Which ones, of `VIEWS`.
    scale
        Markers and their frequencies among the training animals.
    effects
        Marker effects by GBLUP, shape (markers, traits).
    components
        Marker effects on principal components, shape (markers, components).
    windows
        Window of each marker, ascending from 0, shape (markers,).
    screened
        Markers of the largest effects on each trait, shape (traits, screened).
    """

    names: tuple[str, ...]
    scale: GenomicScale
    effects: FloatArray
    components: FloatArray
    windows: IntArray
    screened: IntArray

    @property
    def differ_by_trait(self) -> bool:
        """Whether traits have features of their own."""
        return any(name in ("gblup", "windows", "screened") for name in self.names)

    def with_effects(self, effects: FloatArray) -> Views:
        """Return the same features by other effects of the markers; which are screened doesn't change."""
        return replace(self, effects=effects)

    def with_screened(self, effects: FloatArray) -> Views:
        """Return the same features, but of the markers that are largest by these effects, shape (markers, traits)."""
        return replace(self, screened=largest(effects, self.scale.frequencies, self.screened.shape[1]))

    def of(self, genotypes: GenotypeMatrix) -> Features:
        """Return the features of animals whose columns are already the markers of the scale."""
        windows = self.windows if "windows" in self.names else np.zeros_like(self.windows)
        by_window = window_values(genotypes, self.scale.frequencies, self.effects, windows)
        components = products.times_marker_effects(genotypes, self.scale.frequencies, self.components)
        return Features(self, genotypes, by_window, components.astype(np.float32))

    def out_of_fold(self, genotypes: GenotypeMatrix, effects: FloatArray, folds: IntArray) -> Features:
        """Return the features of training animals, each by the effects without its fold.

        Parameters
        ----------
        genotypes
            Of the training animals.
        effects
            Marker effects without each fold, shape (markers, folds, traits).
        folds
            Of each animal, shape (animals,).
        """
        whole = self.with_effects(np.zeros_like(self.effects)).of(genotypes)
        for fold in range(effects.shape[1]):
            rows = np.flatnonzero(folds == fold)
            without = self.with_effects(effects[:, fold]).of(genotypes.select(animals=rows))
            whole.by_window[:, rows] = without.by_window
        return whole


@dataclass(frozen=True, eq=False)
class Features:
    """The features of some animals.

    Parameters
    ----------
    views
        What they are.
    genotypes
        Of the animals.
    by_window
        Part of the breeding values that each window contributes, shape (traits, animals, windows).
    components
        Shape (animals, components).
    """

    views: Views
    genotypes: GenotypeMatrix
    by_window: Float32Array
    components: Float32Array

    def breeding_values(self) -> FloatArray:
        """Return GBLUP's breeding values, shape (animals, traits)."""
        return np.asarray(self.by_window.sum(axis=2, dtype=np.float64).T)

    def matrix(self, traits: Sequence[int], screened: IntArray | None = None) -> Float32Array:
        """Return what a model of some traits sees, row-major, shape (animals, features).

        Parameters
        ----------
        traits
            Their places; breeding values, windows and screened markers are those of any of them.
        screened
            Markers in the place of those screened for them.
        """
        chosen = np.unique(self.views.screened[traits]) if screened is None else screened
        parts: dict[str, Callable[[], FloatArray | Float32Array]] = {
            "gblup": lambda: self.breeding_values()[:, traits],
            "traits": self.breeding_values,
            "windows": lambda: np.concatenate(self.by_window[traits], axis=1),
            "screened": lambda: self.dosages(chosen),
            "components": lambda: self.components,
            "markers": lambda: self.dosages(np.arange(self.genotypes.shape[1])),
        }
        columns = [parts[name]().astype(np.float32, copy=False) for name in self.views.names]
        return np.ascontiguousarray(np.concatenate(columns, axis=1))

    def dosages(self, markers: IntArray) -> Float32Array:
        """Return dosages at some markers, a missing one the mean of its marker, shape (animals, markers)."""
        chosen = self.genotypes.select(markers=markers)
        means = (2 * self.views.scale.frequencies[markers]).astype(np.float32)
        out = np.empty(chosen.shape, dtype=np.float32)
        for columns, block in chosen.blocks():
            out[:, columns] = np.where(block >= 0, block, means[columns])
        return out


def window_values(
    genotypes: GenotypeMatrix, frequencies: FloatArray, effects: FloatArray, windows: IntArray
) -> Float32Array:
    """Return sums of (M - 2p) u over each window of markers, in one pass over the genotypes.

    Parameters
    ----------
    genotypes
        M.
    frequencies
        p, shape (markers,).
    effects
        u, shape (markers, traits).
    windows
        Window of each marker, ascending, shape (markers,).

    Returns
    -------
    array, float32, shape (traits, animals, windows)
    """
    out = np.zeros((effects.shape[1], genotypes.shape[0], int(windows[-1]) + 1), dtype=np.float32)
    if not effects.any():
        return out
    for columns, block in genotypes.blocks():
        z = products.centred(block, frequencies[columns])
        for window, part in _runs(windows[columns]):
            out[:, :, window] += (z[:, part] @ effects[columns][part]).T
    return out


def _runs(windows: IntArray) -> Iterator[tuple[int, slice]]:
    """Yield each window and where its markers are, of ascending windows."""
    starts = np.flatnonzero(np.diff(windows, prepend=windows[0] - 1))
    for start, stop in zip(starts, [*starts[1:], len(windows)], strict=True):
        yield int(windows[start]), slice(int(start), int(stop))


def marker_windows(markers: MarkerMap, n_windows: int) -> IntArray:
    """Return the window of each marker of a map in order: equal numbers of markers, none on two chromosomes.

    Parameters
    ----------
    markers
        The map; markers of a chromosome are together.
    n_windows
        About how many; each chromosome has one at least.
    """
    chromosomes = np.asarray(markers.chromosomes).astype(str)
    starts = np.flatnonzero(np.append(True, chromosomes[1:] != chromosomes[:-1]))
    sizes = np.diff(np.append(starts, len(chromosomes)))
    shares = np.clip(np.rint(n_windows * sizes / len(chromosomes)), 1, sizes).astype(np.int64)
    parts = [np.arange(size) * share // size for size, share in zip(sizes, shares, strict=True)]
    return np.concatenate([part + before for part, before in zip(parts, np.cumsum(shares) - shares, strict=True)])


def largest(effects: FloatArray, frequencies: FloatArray, n_screened: int) -> IntArray:
    """Return the markers that explain most of each trait by themselves, 2p(1 - p)u^2, shape (traits, screened)."""
    explained = (2 * frequencies * (1 - frequencies))[:, None] * effects**2
    order = np.argsort(-explained, axis=0, kind="stable")[:n_screened]
    return np.sort(order, axis=0).T.astype(np.int64)
