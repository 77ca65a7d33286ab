"""Genotypes: packed and plain matrices, marker maps, PLINK 1 files."""

from genialearn.genotypes.haplotypes import HaplotypeMatrix
from genialearn.genotypes.markers import MapMatch, MarkerMap, compare_maps
from genialearn.genotypes.matrix import (
    DenseGenotypes,
    GenotypeMatrix,
    PackedGenotypes,
    allele_frequencies,
    canonical,
    dosages,
    matched,
)
from genialearn.genotypes.plink import (
    fileset,
    map_bed,
    read_bim,
    read_fam,
    read_plink,
    write_bim,
    write_fam,
    write_plink,
    writing_bed,
)
from genialearn.genotypes.vcf import read_vcf, write_vcf

__all__ = [
    "DenseGenotypes",
    "GenotypeMatrix",
    "HaplotypeMatrix",
    "MapMatch",
    "MarkerMap",
    "PackedGenotypes",
    "allele_frequencies",
    "canonical",
    "compare_maps",
    "dosages",
    "fileset",
    "map_bed",
    "matched",
    "read_bim",
    "read_fam",
    "read_plink",
    "read_vcf",
    "write_bim",
    "write_fam",
    "write_plink",
    "write_vcf",
    "writing_bed",
]
