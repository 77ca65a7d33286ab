"""Phased haplotypes as a VCF: one line a marker, FORMAT GT alone, every genotype `0|0`, `0|1`, `1|0` or `1|1`.

The counted allele is ALT, the other one REF. Version 4.3: https://samtools.github.io/hts-specs/VCFv4.3.pdf
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np

from genialearn import _files
from genialearn._arrays import ByteArray, as_ids
from genialearn.errors import FileFormatError, examples
from genialearn.genotypes.haplotypes import HaplotypeMatrix
from genialearn.genotypes.markers import MarkerMap

_FIXED = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
_ZERO, _ONE, _BAR, _TAB = b"01|\t"
_UNPHASED = "Phase the genotypes first, with Beagle, Eagle, SHAPEIT or AlphaPhase, all calls filled in."


def write_vcf(path: Path | str, haplotypes: HaplotypeMatrix) -> None:
    """Write haplotypes as a VCF, compressed where the name ends in .gz; the file appears whole or not at all."""
    path = Path(path)
    with _files.writing(path, "wb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=4, mtime=0) as stream:
                _write(stream, haplotypes)
        else:
            _write(raw, haplotypes)


def _write(stream: gzip.GzipFile | IO[bytes], haplotypes: HaplotypeMatrix) -> None:
    markers = haplotypes.markers
    stream.write(b'##fileformat=VCFv4.3\n##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
    for name in dict.fromkeys(markers.chromosomes):
        stream.write(f"##contig=<ID={name}>\n".encode())
    stream.write("\t".join([*_FIXED, *haplotypes.animals]).encode() + b"\n")
    line = np.empty((haplotypes.shape[0], 4), dtype=np.uint8)
    line[:, 1], line[:, 3] = _BAR, _TAB
    line[-1:, 3] = ord("\n")
    for columns, block in haplotypes.blocks():
        for place, alleles in zip(range(columns.start, columns.stop), block.T, strict=True):
            line[:, 0], line[:, 2] = _ZERO + alleles[0::2], _ZERO + alleles[1::2]
            fixed = (
                markers.chromosomes[place],
                markers.positions[place],
                markers.names[place],
                markers.other_alleles[place],
                markers.counted_alleles[place],
            )
            stream.write("\t".join([*map(str, fixed), ".", ".", ".", "GT", ""]).encode())
            stream.write(line.tobytes())


def read_vcf(path: Path | str) -> HaplotypeMatrix:
    """Return the haplotypes of a phased VCF, plain or gzipped.

    Further fields beside GT are ignored.

    Raises
    ------
    FileFormatError
        Where the file isn't a VCF, a marker has several ALT alleles, or a genotype is missing or not phased.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            return _read(path, gzip.GzipFile(fileobj=raw) if packed else raw)
    except (gzip.BadGzipFile, EOFError) as error:
        raise FileFormatError(
            str(path), expected="a whole gzipped file", found=str(error), advice="Copy or write it again."
        ) from error
    except OSError as error:
        raise _files.os_error(error, path) from error


def _read(path: Path, stream: Iterable[bytes]) -> HaplotypeMatrix:
    animals: list[str] | None = None
    fixed: list[list[str]] = []
    rows: list[ByteArray] = []
    for number, line in enumerate(stream, start=1):
        text = line.rstrip(b"\r\n")
        if text.startswith(b"##") or not text:
            continue
        where = f"{path}: line {number}"
        if animals is None:
            animals = _animals(where, text)
            continue
        parts = text.split(b"\t", 9)
        if len(parts) != 10:
            raise FileFormatError(where, expected=f"{9 + len(animals):,} columns", found=f"{len(parts)}")
        fixed.append([part.decode(errors="replace") for part in parts[:5]])
        if "," in fixed[-1][4]:
            raise FileFormatError(
                where, expected="one ALT allele", found=fixed[-1][4], advice="Keep markers with two alleles only."
            )
        alleles = _alleles(where, parts[8], parts[9], len(animals))
        rows.append(np.packbits(alleles.astype(bool), bitorder="little"))
    if animals is None or not rows:
        raise FileFormatError(str(path), expected="a VCF with animals and markers", found="none", advice="Is it whole?")
    return HaplotypeMatrix(as_ids(animals), _markers(path, fixed), np.stack(rows))


def _animals(where: str, text: bytes) -> list[str]:
    names = text.decode(errors="replace").split("\t")
    if names[:9] != _FIXED or len(names) < 10:
        raise FileFormatError(
            where,
            expected=f"the header {' '.join(_FIXED)} and animals",
            found=examples(names[:9]),
            advice="Is it a VCF with genotypes?",
        )
    if len(set(names[9:])) < len(names[9:]):
        raise FileFormatError(
            where, expected="different animals", found="an animal twice", advice="Remove one of them."
        )
    return names[9:]


def _alleles(where: str, form: bytes, text: bytes, n_animals: int) -> ByteArray:
    """Return alleles 0 and 1 of a line, shape (2 animals,)."""
    signs = np.frombuffer(text + b"\t", dtype=np.uint8)
    if form != b"GT" or len(signs) != 4 * n_animals:
        signs = _genotypes_alone(where, form, text, n_animals)
    cells = signs.reshape(n_animals, 4)
    alleles = cells[:, [0, 2]] - np.uint8(_ZERO)
    wrong = (cells[:, 1] != _BAR) | (alleles > 1).any(axis=1)
    if wrong.any():
        found = examples([cell[:3].tobytes().decode(errors="replace") for cell in cells[wrong][:3]])
        raise FileFormatError(
            where,
            expected="phased genotypes without holes: 0|0, 0|1, 1|0 or 1|1",
            found=f"{int(wrong.sum()):,} others: {found}",
            advice=_UNPHASED,
        )
    return alleles.ravel()


def _genotypes_alone(where: str, form: bytes, text: bytes, n_animals: int) -> ByteArray:
    """Return the GT fields alone, each padded to four bytes."""
    fields, cells = form.split(b":"), text.split(b"\t")
    if fields[0] != b"GT" or len(cells) != n_animals:
        raise FileFormatError(
            where,
            expected=f"GT of {n_animals:,} animals",
            found=f"{form.decode(errors='replace')} of {len(cells):,}",
            advice="Is the line whole?",
        )
    return np.frombuffer(b"".join(cell.split(b":", 1)[0][:3].ljust(4) for cell in cells), dtype=np.uint8)


def _markers(path: Path, fixed: list[list[str]]) -> MarkerMap:
    chromosomes, positions, names, reference, counted = (as_ids(column) for column in zip(*fixed, strict=True))
    if not all(text.isdigit() for text in positions):
        wrong = [text for text in positions if not text.isdigit()]
        raise FileFormatError(
            str(path), expected="positions in base pairs", found=examples(wrong), advice="Repair POS."
        )
    known = [name if name != "." else f"{c}_{p}" for name, c, p in zip(names, chromosomes, positions, strict=True)]
    places = positions.astype(np.int64)
    return MarkerMap(as_ids(known), chromosomes, np.zeros(len(known)), places, counted, reference)
