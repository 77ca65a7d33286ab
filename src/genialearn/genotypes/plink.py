"""PLINK 1 filesets (.bed, .bim, .fam), read as they are and written in one step each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn import _files
from genialearn._arrays import BoolArray, ByteArray, FloatArray, IntArray, StrArray, as_ids
from genialearn.errors import FileFormatError, SettingError, examples
from genialearn.genotypes import _bits
from genialearn.genotypes.markers import MarkerMap
from genialearn.genotypes.matrix import GenotypeMatrix, PackedGenotypes

_WORD_OF_SEX = {"1": "male", "2": "female"}
_CODE_OF_SEX = {word: code for code, word in _WORD_OF_SEX.items()}

_LARGEST_EXACT = 2**53
"""Whole numbers up to here are exact as float64."""


@dataclass(frozen=True, eq=False)
class FamTable:
    """The animals of a .fam file.

    Parameters
    ----------
    ids
        The second column (IID), shape (animals,).
    sires, dams
        Identifiers, "0" where unknown, shape (animals,).
    sexes
        "male", "female" or "" for unknown, shape (animals,).
    """

    ids: StrArray
    sires: StrArray
    dams: StrArray
    sexes: StrArray


def fileset(prefix: Path | str) -> tuple[Path, Path, Path]:
    """Return the paths of the .bed, .bim and .fam files of a prefix; the name of one of them stands for all three."""
    text = str(prefix)
    stem = text[:-4] if text.endswith((".bed", ".bim", ".fam")) else text
    return Path(f"{stem}.bed"), Path(f"{stem}.bim"), Path(f"{stem}.fam")


def read_plink(prefix: Path | str) -> PackedGenotypes:
    """Return the genotypes of a PLINK 1 fileset, memory-mapped: nothing but the two text files is read.

    Raises
    ------
    FileFormatError
        Where the three files contradict each other or one isn't what its name says.
    InputError
        Where a file is absent or can't be opened.
    """
    bed, bim, fam = fileset(prefix)
    animals, markers = read_fam(fam).ids, read_bim(bim)
    return PackedGenotypes.whole(animals, markers, map_bed(bed, len(animals), len(markers)))


def map_bed(path: Path, n_animals: int, n_markers: int) -> ByteArray:
    """Return the packed genotypes of a .bed file, memory-mapped, shape (markers, bytes).

    Raises
    ------
    FileFormatError
        Where it isn't a .bed file of so many animals and markers.
    """
    width = _bits.bytes_per_marker(n_animals)
    try:
        _check_bed(path, n_animals, n_markers)
        return np.memmap(path, dtype=np.uint8, mode="r", offset=len(_bits.MAGIC), shape=(n_markers, width))
    except OSError as error:
        raise _files.os_error(error, path) from error


def _check_bed(path: Path, n_animals: int, n_markers: int) -> None:
    with path.open("rb") as handle:
        magic = handle.read(len(_bits.MAGIC))
    if magic != _bits.MAGIC:
        raise FileFormatError(
            str(path),
            expected=f"a file that begins with the bytes {_bits.MAGIC.hex(' ')}",
            found=magic.hex(" ") or "an empty file",
            advice="Write it as a marker-major PLINK 1 fileset (plink --make-bed).",
        )
    found, expected = path.stat().st_size, len(_bits.MAGIC) + n_markers * _bits.bytes_per_marker(n_animals)
    if found != expected:
        raise FileFormatError(
            str(path),
            expected=f"{expected:,} bytes for {n_animals:,} animals x {n_markers:,} markers",
            found=f"{found:,} bytes",
            advice="Was the file truncated, or does it belong to another .bim or .fam file?",
        )


def read_fam(path: Path | str) -> FamTable:
    """Return the animals of a .fam file.

    Raises
    ------
    FileFormatError
        Where a line hasn't six columns, or an animal stands in two lines.
    """
    _, ids, sires, dams, sexes, _ = _read_columns(path, "animals")
    _refuse_duplicates(path, ids, "animal")
    return FamTable(as_ids(ids), as_ids(sires), as_ids(dams), as_ids([_WORD_OF_SEX.get(sex, "") for sex in sexes]))


def read_bim(path: Path | str) -> MarkerMap:
    """Return the marker map of a .bim file; its fifth column (A1) is the counted allele.

    Raises
    ------
    FileFormatError
        Where a line hasn't six columns, a position isn't a number, or a marker stands in two lines.
    """
    chromosomes, names, centimorgans, positions, counted, other = _read_columns(path, "markers")
    _refuse_duplicates(path, names, "marker")
    return MarkerMap(
        as_ids(names),
        as_ids(chromosomes),
        _centimorgans(path, centimorgans),
        _positions(path, positions),
        as_ids(counted),
        as_ids(other),
    )


def _read_columns(path: Path | str, what: str) -> list[tuple[str, ...]]:
    rows = [line.split() for line in _files.lines_of(_files.read_text(path).rstrip())]
    if not rows:
        raise FileFormatError(
            str(path),
            expected=f"one line for each of the {what}",
            found="an empty file",
            advice="Is this the right file, and was it written to its end?",
        )
    for number, row in enumerate(rows, start=1):
        if len(row) != 6:
            raise FileFormatError(
                f"{path}: line {number}",
                expected="6 columns",
                found=str(len(row)),
                advice="Was the file saved by a spreadsheet?",
            )
    return list(zip(*rows, strict=True))


def _refuse_duplicates(path: Path | str, ids: Sequence[str], what: str) -> None:
    repeated = [name for name, count in Counter(ids).items() if count > 1]
    if repeated:
        raise FileFormatError(
            str(path),
            expected=f"every {what} once",
            found=f"{len(repeated):,} repeated: {examples(repeated)}",
            advice=f"Give each {what} a name of its own.",
        )


def _centimorgans(path: Path | str, texts: Sequence[str]) -> FloatArray:
    values = _numbers(texts)
    _refuse_unless(np.isfinite(values), path, texts, "a position in cM")
    return values


def _positions(path: Path | str, texts: Sequence[str]) -> IntArray:
    values = _numbers(texts)
    whole = (np.abs(values) <= _LARGEST_EXACT) & (values == np.floor(values))
    _refuse_unless(whole, path, texts, "a position in whole base pairs")
    return values.astype(np.int64)


def _numbers(texts: Sequence[str]) -> FloatArray:
    """Return texts as numbers, NaN for those that are none."""
    return np.asarray(pd.to_numeric(np.array(texts, dtype=object), errors="coerce"), dtype=np.float64)


def _refuse_unless(fine: BoolArray, path: Path | str, texts: Sequence[str], expected: str) -> None:
    if not fine.all():
        row = int(np.argmin(fine))
        raise FileFormatError(
            f"{path}: line {row + 1}", expected=expected, found=repr(texts[row]), advice="Write 0 where it's unknown."
        )


def write_plink(
    prefix: Path | str,
    genotypes: GenotypeMatrix,
    *,
    sires: StrArray | None = None,
    dams: StrArray | None = None,
    sexes: StrArray | None = None,
) -> None:
    """Write genotypes as a PLINK 1 fileset, block by block; each of the three files appears whole or not at all.

    Parameters
    ----------
    prefix
        Path without ending.
    genotypes
        What to write; A1 is the counted allele.
    sires, dams
        Identifiers or "0", shape (animals,).
    sexes
        "male", "female" or anything else for unknown, shape (animals,).
    """
    bed, bim, fam = fileset(prefix)
    write_fam(fam, genotypes.animals, sires=sires, dams=dams, sexes=sexes)
    write_bim(bim, genotypes.markers)
    with writing_bed(bed) as write:
        for _, block in genotypes.blocks():
            write(_bits.pack(block))


@contextmanager
def writing_bed(path: Path | str) -> Iterator[Callable[[ByteArray], None]]:
    """Open a .bed file for markers that come piece by piece, packed; it appears whole or not at all."""
    with _files.writing(path, "wb") as handle:
        handle.write(_bits.MAGIC)

        def write(packed: ByteArray) -> None:
            handle.write(packed.tobytes())

        yield write


def write_fam(
    path: Path | str,
    animals: StrArray,
    *,
    sires: StrArray | None = None,
    dams: StrArray | None = None,
    sexes: StrArray | None = None,
) -> None:
    """Write animals as a .fam file, the family named as the animal; parameters are those of `write_plink`."""
    unknown = as_ids(["0"] * len(animals))
    parents = [unknown if given is None else given for given in (sires, dams)]
    codes = [_CODE_OF_SEX.get(sex, "0") for sex in (unknown if sexes is None else sexes)]
    _refuse_blanks(path, animals, *parents)
    with _files.writing(path) as handle:
        for animal, sire, dam, code in zip(animals, *parents, codes, strict=True):
            handle.write(f"{animal}\t{animal}\t{sire}\t{dam}\t{code}\t-9\n")


def write_bim(path: Path | str, markers: MarkerMap) -> None:
    """Write a marker map as a .bim file."""
    columns = (markers.chromosomes, markers.names, markers.counted_alleles, markers.other_alleles)
    _refuse_blanks(path, *columns)
    with _files.writing(path) as handle:
        for chromosome, name, counted, other, centimorgan, position in zip(
            *columns, markers.centimorgans, markers.positions, strict=True
        ):
            handle.write(f"{chromosome}\t{name}\t{centimorgan:.10g}\t{position}\t{counted}\t{other}\n")


def _refuse_blanks(path: Path | str, *columns: StrArray) -> None:
    """Raise `SettingError` for names that a file whose columns are separated by blanks can't hold."""
    broken = [name for column in columns for name in column if len(name.split()) != 1]
    if broken:
        raise SettingError(
            str(path),
            expected="names and alleles without blanks",
            found=f"{len(broken):,} with blanks or empty: {examples(map(repr, broken))}",
            advice="Rename them before writing PLINK files.",
        )
