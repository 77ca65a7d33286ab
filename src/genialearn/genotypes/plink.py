"""PLINK 1 filesets (.bed, .bim, .fam), read as they are and written in one step each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genialearn import _files
from genialearn._arrays import FloatArray, IntArray, StrArray, as_ids
from genialearn.errors import FileFormatError, examples
from genialearn.genotypes import _bits
from genialearn.genotypes.markers import MarkerMap
from genialearn.genotypes.matrix import GenotypeMatrix, PackedGenotypes

SEX_CODES = {"male": "1", "female": "2"}


@dataclass(frozen=True, eq=False)
class FamTable:
    """The animals of a .fam file: `id`, `sire`, `dam` ("0" = unknown) and `sex` (1 male, 2 female, 0 unknown)."""

    ids: StrArray
    sires: StrArray
    dams: StrArray
    sexes: StrArray


def fileset(prefix: Path | str) -> tuple[Path, Path, Path]:
    """Return the paths of the .bed, .bim and .fam files of a prefix; a name that ends in .bed is its own prefix."""
    text = str(prefix)
    stem = text[:-4] if text.endswith((".bed", ".bim", ".fam")) else text
    return Path(f"{stem}.bed"), Path(f"{stem}.bim"), Path(f"{stem}.fam")


def read_plink(prefix: Path | str) -> PackedGenotypes:
    """Return the genotypes of a PLINK 1 fileset, memory-mapped: nothing but the two text files is read.

    Raises
    ------
    FileFormatError
        Where the three files contradict each other or one isn't what its name says.
    """
    bed, bim, fam = fileset(prefix)
    animals, markers = read_fam(fam).ids, read_bim(bim)
    return PackedGenotypes.whole(animals, markers, _map_bed(bed, len(animals), len(markers)))


def _map_bed(path: Path, n_animals: int, n_markers: int) -> np.memmap[tuple[int, int], np.dtype[np.uint8]]:
    width = _bits.bytes_per_marker(n_animals)
    expected = len(_bits.MAGIC) + n_markers * width
    try:
        found = path.stat().st_size
        with path.open("rb") as handle:
            magic = handle.read(len(_bits.MAGIC))
    except OSError as error:
        raise _files.os_error(error, path) from error
    if magic != _bits.MAGIC:
        raise FileFormatError(
            str(path),
            expected=f"a file that begins with the bytes {_bits.MAGIC.hex(' ')}",
            found=magic.hex(" ") or "an empty file",
            advice="Write it as a marker-major PLINK 1 fileset (plink --make-bed).",
        )
    if found != expected:
        raise FileFormatError(
            str(path),
            expected=f"{expected:,} bytes for {n_animals:,} animals x {n_markers:,} markers",
            found=f"{found:,} bytes",
            advice="Was the file truncated, or does it belong to another .bim or .fam file?",
        )
    if not n_animals or not n_markers:
        raise FileFormatError(str(path), expected="at least one animal and one marker", found="none")
    try:
        return np.memmap(path, dtype=np.uint8, mode="r", offset=len(_bits.MAGIC), shape=(n_markers, width))
    except OSError as error:
        raise _files.os_error(error, path) from error


def read_fam(path: Path | str) -> FamTable:
    """Return the animals of a .fam file; `id` is its second column (IID)."""
    columns = _read_columns(path, 6, "animals")
    _refuse_duplicates(path, columns[1], "animal")
    return FamTable(as_ids(columns[1]), as_ids(columns[2]), as_ids(columns[3]), as_ids(columns[4]))


def read_bim(path: Path | str) -> MarkerMap:
    """Return the marker map of a .bim file; its fifth column (A1) is the counted allele."""
    columns = _read_columns(path, 6, "markers")
    _refuse_duplicates(path, columns[1], "marker")
    return MarkerMap(
        as_ids(columns[1]),
        as_ids(columns[0]),
        _numbers(path, columns[2], "a position in cM"),
        _numbers(path, columns[3], "a position in base pairs").astype(np.int64),
        as_ids(columns[4]),
        as_ids(columns[5]),
    )


def _read_columns(path: Path | str, n_columns: int, what: str) -> list[tuple[str, ...]]:
    rows = []
    for number, line in enumerate(_files.read_text(path).splitlines(), start=1):
        fields = line.split()
        if len(fields) != n_columns:
            raise FileFormatError(
                f"{path}: line {number}",
                expected=f"{n_columns} columns",
                found=str(len(fields)),
                advice="Was the file saved by a spreadsheet?",
            )
        rows.append(fields)
    if not rows:
        raise FileFormatError(str(path), expected=f"one line for each of the {what}", found="an empty file")
    return list(zip(*rows, strict=True))


def _refuse_duplicates(path: Path | str, ids: Sequence[str], what: str) -> None:
    repeated = [name for name, count in Counter(ids).items() if count > 1]
    if repeated:
        raise FileFormatError(
            str(path),
            expected=f"every {what} once",
            found=f"{len(repeated)} repeated: {examples(repeated)}",
            advice=f"Give each {what} a name of its own.",
        )


def _numbers(path: Path | str, texts: Sequence[str], what: str) -> FloatArray:
    try:
        return np.array(texts, dtype=np.float64)
    except ValueError:
        line, text = next((i, t) for i, t in enumerate(texts, start=1) if not _is_number(t))
        raise FileFormatError(f"{path}: line {line}", expected=what, found=repr(text)) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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
    unknown = as_ids(["0"] * genotypes.shape[0])
    columns = [genotypes.animals, sires if sires is not None else unknown, dams if dams is not None else unknown]
    codes = [SEX_CODES.get(sex, "0") for sex in (sexes if sexes is not None else unknown)]
    with _files.writing(fam) as handle:
        for animal, sire, dam, code in zip(*columns, codes, strict=True):
            handle.write(f"{animal}\t{animal}\t{sire}\t{dam}\t{code}\t-9\n")
    write_bim(bim, genotypes.markers)
    with _files.writing(bed, "wb") as handle:
        handle.write(_bits.MAGIC)
        for _, block in genotypes.blocks():
            handle.write(_bits.pack(block).tobytes())


def write_bim(path: Path | str, markers: MarkerMap) -> None:
    """Write a marker map as a .bim file."""
    positions: IntArray = markers.positions
    with _files.writing(path) as handle:
        for i in range(len(markers)):
            handle.write(
                f"{markers.chromosomes[i]}\t{markers.names[i]}\t{markers.centimorgans[i]:.10g}\t{positions[i]}\t"
                f"{markers.counted_alleles[i]}\t{markers.other_alleles[i]}\n"
            )
