"""Records of all traits as systems in marker effects, for whatever visits markers one after the other.

y_t = X_t b_t + Z u_t + e_t for each trait t by itself. Traits have nothing in common but the genotypes, of which a
sweep reads each block of markers twice for all traits together (`marker_blocks`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from genialearn._arrays import BoolArray, Float32Array, FloatArray
from genialearn.cohorts import Cohort
from genialearn.genotypes.marker_blocks import MarkerBlocks, add_effects, block_width, padded_columns, sums_over_animals
from genialearn.mixed_models.records import Pattern, patterns, relative_weights

Visit = Callable[[int, FloatArray, Float32Array], None]
"""What changes the effects of a block of markers: told the block's number and Z_b'D e, shape (markers of it, columns),
it writes the changes, of the same shape. Within a block it keeps account itself, by `MarkerSystem.products`."""


class MarkerSystem:
    """The records of a cohort and its genotypes in blocks.

    Parameters
    ----------
    cohort
        The training animals, canonical.

    Attributes
    ----------
    blocks
        The genotypes.
    patterns
        Records of each trait, weights relative to their mean.
    mean_weights
        Of each trait's records: residual variances are of a record of this weight, shape (traits,).
    units
        Standard deviations of records without their fixed effects, 0 where they don't vary, shape (traits,).
    values
        Records of each trait over their unit.
    weights
        D, sums of the weights of an animal's records, padded, shape (animals, traits).
    products, product_of
        Z_b'D Z_b of each block and each D that differs, and which is whose.
    diagonals
        Of these products, side by side, as most effects of a sparse model need no more, shape (products, markers).
    spread
        Sum of 2p(1 - p).
    """

    def __init__(self, cohort: Cohort) -> None:
        relative, self.mean_weights = relative_weights(cohort)
        self.patterns = patterns(relative)
        self.n_animals, self.n_traits = len(cohort), len(cohort.traits)
        self.blocks = MarkerBlocks.of(cohort.genotypes, block_width(self.n_animals, self.n_traits))
        units, values = zip(
            *(_standardised(pattern, cohort.records.values[pattern.records, t]) for t, pattern in self.enumerated()),
            strict=True,
        )
        self.units: FloatArray = np.array(units)
        self.values: tuple[FloatArray, ...] = values
        by_animal = np.column_stack([self.sums(p, p.root_weights**2) for p in self.patterns])
        kinds, self.product_of = np.unique(by_animal, axis=1, return_inverse=True)
        self.products = self.blocks.products(cohort.genotypes, kinds)
        self.diagonals = np.einsum("dbii->dbi", self.products).reshape(len(self.products), -1).astype(np.float64)
        self.weights = self.padded(by_animal)
        p = self.blocks.frequencies
        self.spread = float(np.sum(2 * p * (1 - p)))

    def enumerated(self) -> list[tuple[int, Pattern]]:
        """Return each trait's place and pattern."""
        return list(enumerate(self.patterns))

    @property
    def varies(self) -> BoolArray:
        """Which traits have records that differ, shape (traits,)."""
        return np.asarray(self.units > 0)

    def sums(self, pattern: Pattern, values: FloatArray) -> FloatArray:
        """Return sums over each animal's records, shape (animals,)."""
        return np.bincount(pattern.animals, weights=values, minlength=self.n_animals).astype(np.float64)

    def padded(self, values: FloatArray) -> Float32Array:
        """Return values (animals, traits) with rows and columns of 0 up to what blocks take."""
        out = np.zeros((self.blocks.shape[0], padded_columns(self.n_traits)), dtype=np.float32)
        out[: len(values), : values.shape[1]] = values
        return out

    def sweep(self, visit: Visit, left: Float32Array, values: FloatArray, blocks: Iterable[int] | None = None) -> None:
        """Visit blocks of markers one after the other, and follow what that does to residuals and fitted values.

        Parameters
        ----------
        visit
            Changes the effects of a block.
        left, values
            D e and Z u, padded, shape (animals, columns); changed in place.
        blocks
            Numbers of those that are visited; None for all.
        """
        genotypes = self.blocks
        sums, moved = np.empty((genotypes.width, left.shape[1])), np.zeros_like(left)
        changes = np.zeros((genotypes.width, left.shape[1]), dtype=np.float32)
        for block in range(len(genotypes.squares)) if blocks is None else blocks:
            squares = genotypes.squares[block]
            sums_over_animals(squares, left, genotypes.missing[block], genotypes.any_missing, sums)
            visit(block, sums, changes)
            if changes.any():
                add_effects(squares, changes, genotypes.by_code[block], self.weights, left, moved)
        values += moved

    def without_fixed_effects(self, fitted: FloatArray) -> tuple[list[FloatArray], FloatArray]:
        """Return each trait's records less the best fixed effects beside fitted values, and their average part.

        Parameters
        ----------
        fitted
            Z u, shape (animals, traits).
        """
        adjusted, means = [], np.zeros(self.n_traits)
        for trait, pattern in self.enumerated():
            y = self.values[trait]
            left = pattern.root_weights * (y - fitted[pattern.animals, trait])
            part = np.asarray(pattern.effects.matrix @ pattern.projection.coefficients(left[:, None])[:, 0])
            adjusted.append(y - part)
            means[trait] = np.average(part, weights=pattern.root_weights**2)
        return adjusted, means

    def weighted_residuals(self, adjusted: Sequence[FloatArray], fitted: FloatArray) -> Float32Array:
        """Return D e, sums of an animal's weighted residuals, padded, shape (animals, columns).

        Parameters
        ----------
        adjusted
            Records of each trait without their fixed part, shape (records,).
        fitted
            Z u, shape (animals, traits).
        """
        columns = [
            self.sums(pattern, pattern.root_weights**2 * (y - fitted[pattern.animals, trait]))
            for (trait, pattern), y in zip(self.enumerated(), adjusted, strict=True)
        ]
        return self.padded(np.column_stack(columns))


def _standardised(pattern: Pattern, y: FloatArray) -> tuple[float, FloatArray]:
    """Return the standard deviation of records without their fixed effects, and the records over it."""
    left = pattern.projection.remove((pattern.root_weights * y)[:, None])[:, 0]
    unit = float(np.sqrt(left @ left / max(pattern.n_contrasts, 1)))
    if unit <= 1e-12 * float(np.abs(y).max()):
        return 0.0, y
    return unit, y / unit
