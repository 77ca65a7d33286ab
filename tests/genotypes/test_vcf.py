from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from genialearn._arrays import as_ids
from genialearn.errors import FileFormatError, InputError
from genialearn.genotypes import HaplotypeMatrix, MarkerMap, read_vcf, write_vcf

TEXT = """\
##fileformat=VCFv4.3
##contig=<ID=1>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tcow1\tcow 2
1\t100\tsnp1\tA\tG\t.\tPASS\t.\tGT\t0|0\t0|1
1\t250\t.\tC\tT\t30\t.\tAC=3\tGT:DS\t1|1:2.0\t1|0:1
"""


@pytest.fixture
def phased() -> HaplotypeMatrix:
    alleles = np.random.default_rng(1).integers(0, 2, (22, 300)).astype(np.int8)
    columns = [as_ids(column) for column in ([f"s{i}" for i in range(300)], ["1"] * 200 + ["X"] * 100)]
    markers = MarkerMap(
        *columns, np.zeros(300), 10 * np.arange(1, 301), as_ids(["A", "C", "G"] * 100), as_ids(["T"] * 300)
    )
    return HaplotypeMatrix.of(as_ids([f"cow {row}" for row in range(11)]), markers, alleles)


@pytest.mark.parametrize("name", ["herd.vcf", "herd.vcf.gz"])
def test_what_was_written_is_read(phased: HaplotypeMatrix, tmp_path: Path, name: str) -> None:
    write_vcf(tmp_path / name, phased)
    found = read_vcf(tmp_path / name)

    np.testing.assert_array_equal(phased.alleles(), found.alleles())
    for one, other in ((phased.animals, found.animals), *zip(_columns(phased), _columns(found), strict=True)):
        assert list(one) == list(other)
    assert [name] == [path.name for path in tmp_path.iterdir()]


def _columns(haplotypes: HaplotypeMatrix) -> list[np.ndarray]:
    markers = haplotypes.markers
    return [markers.names, markers.chromosomes, markers.positions, markers.counted_alleles, markers.other_alleles]


def test_same_haplotypes_same_bytes(phased: HaplotypeMatrix, tmp_path: Path) -> None:
    for name in ("one.vcf.gz", "other.vcf.gz"):
        write_vcf(tmp_path / name, phased)

    assert (tmp_path / "one.vcf.gz").read_bytes() == (tmp_path / "other.vcf.gz").read_bytes()


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_files_of_others(tmp_path: Path, ending: str) -> None:
    (tmp_path / "a.vcf").write_bytes(TEXT.replace("\n", ending).encode())
    found = read_vcf(tmp_path / "a.vcf")

    assert ["cow1", "cow 2"] == list(found.animals)
    assert ["snp1", "1_250"] == list(found.markers.names)
    assert ["G", "T"] == list(found.markers.counted_alleles)
    assert [[0, 1], [0, 1], [0, 1], [1, 0]] == found.alleles().tolist()


WRONG = {
    "unphased": (("0|1", "0/1"), r"line 4: expected phased genotypes without holes.*found 1 others: 0/1\. Phase"),
    "missing": (("0|1", ".|."), r"line 4: expected phased genotypes without holes"),
    "haploid": (("0|1", "0"), r"line 4: expected phased genotypes without holes"),
    "third allele": (("0|1", "0|2"), r"line 4: expected phased genotypes without holes"),
    "several alleles": (("\tT\t", "\tT,G\t"), r"line 5: expected one ALT allele, found T,G"),
    "cut": (("\t1|0:1", ""), r"line 5: expected GT of 2 animals, found GT:DS of 1"),
    "no GT": (("GT:DS", "DS:GT"), r"line 5: expected GT of 2 animals"),
    "position": (("\t250\t", "\there\t"), r"expected positions in base pairs, found here"),
    "header": (("#CHROM", "CHROM"), r"line 3: expected the header"),
    "twice": (("cow 2", "cow1"), r"line 3: expected different animals, found an animal twice"),
    "few columns": (("1\t100\t", "1 100 "), r"line 4: expected 11 columns"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_lines_are_named(tmp_path: Path, what: str) -> None:
    (old, new), message = WRONG[what]
    assert old in TEXT
    (tmp_path / "a.vcf").write_text(TEXT.replace(old, new))

    with pytest.raises(FileFormatError, match=message):
        read_vcf(tmp_path / "a.vcf")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_vcf(tmp_path / "none.vcf")
    (tmp_path / "empty.vcf").write_text("##fileformat=VCFv4.3\n")
    with pytest.raises(FileFormatError, match="expected a VCF with animals and markers, found none"):
        read_vcf(tmp_path / "empty.vcf")
    (tmp_path / "cut.vcf.gz").write_bytes(gzip.compress(TEXT.encode())[:-20])
    with pytest.raises(FileFormatError, match="expected a whole gzipped file"):
        read_vcf(tmp_path / "cut.vcf.gz")


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="needs bcftools")
def test_bcftools_reads_the_same(phased: HaplotypeMatrix, tmp_path: Path) -> None:
    write_vcf(tmp_path / "herd.vcf.gz", phased)
    command = ["bcftools", "query", "-f", "%ID %REF %ALT[ %GT]\n", str(tmp_path / "herd.vcf.gz")]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    alleles = phased.alleles()
    for place, line in enumerate(lines):
        name, other, counted, *genotypes = line.split(" ")
        markers = phased.markers
        assert (markers.names[place], markers.other_alleles[place]) == (name, other)
        assert markers.counted_alleles[place] == counted
        assert [f"{a}|{b}" for a, b in alleles[:, place].reshape(-1, 2)] == genotypes
    assert 300 == len(lines)
