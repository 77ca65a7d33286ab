"""Haplotypes in the order of their alleles read backwards: neighbours have matched for longest.

Durbin 2014, Bioinformatics 30:1266-1272, doi:10.1093/bioinformatics/btu014, algorithm 1.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from genialearn._arrays import Int8Array, IntArray


@njit(cache=True)  # type: ignore[untyped-decorator]
def prefix_ordered(order: IntArray, alleles: Int8Array) -> IntArray:
    """Return the order after one more marker: haplotypes with allele 0 first, otherwise as they were.

    Parameters
    ----------
    order
        Haplotypes sorted by the markers before, read backwards, shape (haplotypes,).
    alleles
        At the next marker, shape (haplotypes,).
    """
    out = np.empty_like(order)
    zeros = 0
    for rank in range(len(order)):
        zeros += 1 - alleles[order[rank]]
    without, with_allele = 0, zeros
    for rank in range(len(order)):  # without branches, which would be guessed wrongly at every other haplotype
        haplotype = order[rank]
        allele = int(alleles[haplotype])
        out[allele * with_allele + (1 - allele) * without] = haplotype
        with_allele += allele
        without += 1 - allele
    return out
