"""The map of a chip from a file: where its markers are, and how frequent their alleles are in the population."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn import _files
from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts.simulate.map import CHROMOSOME_LENGTHS
from genialearn.errors import FileFormatError

COLUMNS = ("chromosome", "position_bp", "allele_frequency")


@dataclass(frozen=True, eq=False)
class ChipMap:
    """The markers of a chip, in map order.

    Parameters
    ----------
    chromosomes
        1 to 29, shape (markers,).
    positions
        Base pairs, shape (markers,).
    frequencies
        Of the rarer allele, shape (markers,).
    """

    chromosomes: IntArray
    positions: IntArray
    frequencies: FloatArray

    def __len__(self) -> int:
        return len(self.positions)

    def on(self, chromosome: int) -> ChipMap:
        """Return the markers of one chromosome."""
        chosen = self.chromosomes == chromosome
        return ChipMap(self.chromosomes[chosen], self.positions[chosen], self.frequencies[chosen])


@cache
def read_chip_map(path: Path) -> ChipMap:
    """Return the map of a chip from a table, tab-separated, packed or not.

    Parameters
    ----------
    path
        Columns `chromosome`, `position_bp` and `allele_frequency`, one row a marker; others are ignored.

    Raises
    ------
    InputError
        Where the file can't be read.
    FileFormatError
        Where a column is absent, a value isn't possible, or a chromosome has no marker.
    """
    try:
        table = pd.read_csv(path, sep="\t")
    except OSError as error:
        raise _files.os_error(error, path) from error
    except ValueError as error:
        raise FileFormatError(str(path), expected="a table of markers", found=str(error)) from error
    absent = [name for name in COLUMNS if name not in table]
    if absent:
        raise FileFormatError(str(path), expected=f"the columns {', '.join(COLUMNS)}", found=f"no {', '.join(absent)}")
    chromosomes, positions, frequencies = (
        pd.to_numeric(table[name], errors="coerce").to_numpy(float) for name in COLUMNS
    )
    known = np.isin(chromosomes, np.arange(1, 1 + len(CHROMOSOME_LENGTHS)))
    lengths = np.array(CHROMOSOME_LENGTHS)[np.where(known, chromosomes, 1).astype(np.int64) - 1]
    fine = known & (positions >= 0) & (positions < lengths) & (frequencies >= 0) & (frequencies <= 1)
    if not fine.all():
        row = int(np.argmin(fine))
        raise FileFormatError(
            f"{path}: line {row + 2}",
            expected="an autosome from 1 to 29, a position on it, and a frequency from 0 to 1",
            found=" ".join(str(table[name].iloc[row]) for name in COLUMNS),
            advice="Leave out markers of other chromosomes.",
        )
    return _complete(
        path, chromosomes.astype(np.int64), positions.astype(np.int64), np.minimum(frequencies, 1 - frequencies)
    )


def _complete(path: Path, chromosomes: IntArray, positions: IntArray, frequencies: FloatArray) -> ChipMap:
    absent = np.setdiff1d(np.arange(1, 1 + len(CHROMOSOME_LENGTHS)), chromosomes)
    if len(absent):
        raise FileFormatError(
            str(path),
            expected="markers on each of the 29 autosomes",
            found=f"none on {', '.join(map(str, absent[:3].tolist()))}",
        )
    order = np.lexsort((positions, chromosomes))
    return ChipMap(chromosomes[order], positions[order], frequencies[order])
