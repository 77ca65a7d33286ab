"""Strands: the haplotypes of animals on one chromosome, one bit an allele, from birth to file.

A haplotype is a row of 64-bit words, since a gamete is a few long pieces of its parent's two haplotypes: it is copied
by words, whose bits are told apart only where a crossover falls. Files want sites as rows, so the bits are turned once,
in squares of 64 haplotypes x 64 sites.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from genialearn._arrays import ByteArray, Int8Array, IntArray

WordArray: TypeAlias = NDArray[np.uint64]

WORD = 64
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE = np.uint64(1)
_ONES = np.array([byte.bit_count() for byte in range(256)], dtype=np.uint8)
"""How many bits of each byte are set."""


@dataclass(frozen=True, eq=False)
class Strands:
    """Haplotypes of animals on one chromosome.

    Parameters
    ----------
    words
        Site 64k + j in bit j of word k, shape (2 x animals, words); haplotypes 2i and 2i + 1 are animal i's.
    n_sites
        How many sites there are.
    """

    words: WordArray
    n_sites: int

    @classmethod
    def of(cls, alleles: ByteArray | Int8Array) -> Strands:
        """Return the strands of alleles 0 and 1, shape (2 x animals, sites)."""
        n_rows, n_sites = alleles.shape
        out = np.zeros((n_rows, n_words(n_sites) * 8), dtype=np.uint8)
        out[:, : (n_sites + 7) // 8] = np.packbits(alleles.astype(bool), axis=1, bitorder="little")
        return cls(out.view("<u8"), n_sites)

    @classmethod
    def of_sites(cls, rows: ByteArray, n_animals: int) -> Strands:
        """Return the strands of bits with sites as rows, as `by_site` gives them."""
        padded = np.zeros((len(rows), n_words(2 * n_animals) * 8), dtype=np.uint8)
        padded[:, : rows.shape[1]] = rows
        turned = np.empty((n_words(2 * n_animals) * WORD, n_words(len(rows))), dtype=np.uint64)
        _turn(padded.view("<u8"), turned)
        return cls(turned[: 2 * n_animals], len(rows))

    @classmethod
    def empty(cls, n_animals: int, n_sites: int) -> Strands:
        """Return strands that are still to be filled."""
        return cls(np.empty((2 * n_animals, n_words(n_sites)), dtype=np.uint64), n_sites)

    @property
    def n_animals(self) -> int:
        """How many animals there are."""
        return len(self.words) // 2

    def select(self, animals: IntArray) -> Strands:
        """Return the strands of some animals."""
        return Strands(self.words.reshape(self.n_animals, -1)[animals].reshape(2 * len(animals), -1), self.n_sites)

    def alleles(self) -> ByteArray:
        """Return alleles, shape (2 x animals, sites)."""
        return np.unpackbits(self.words.view(np.uint8), axis=1, count=self.n_sites, bitorder="little")

    def by_site(self) -> ByteArray:
        """Return the same bits with sites as rows, haplotype 8k + j in bit j of byte k, shape (sites, bytes)."""
        n_rows = len(self.words)
        turned = np.empty((self.words.shape[1] * WORD, n_words(n_rows)), dtype=np.uint64)
        _turn(self.words, turned)
        return turned.view(np.uint8)[: self.n_sites, : (n_rows + 7) // 8]


def n_words(n_bits: int) -> int:
    """Return how many words hold so many bits."""
    return -(-n_bits // WORD)


def ones(rows: ByteArray) -> IntArray:
    """Return how many bits of each row of bytes are set, shape (rows,)."""
    out = np.empty(len(rows), dtype=np.int64)
    _count(rows, out)
    return out


@numba.njit(nogil=True, cache=True)
def _count(rows: ByteArray, out: IntArray) -> None:
    for row in range(len(rows)):
        total = 0
        for byte in range(rows.shape[1]):
            total += _ONES[rows[row, byte]]
        out[row] = total


@numba.njit(nogil=True, cache=True)
def copy_piece(source: WordArray, target: WordArray, start: int, stop: int) -> None:
    """Copy the bits of sites start to stop - 1 from one row to another, whose other bits stay."""
    first, last = start // WORD, (stop - 1) // WORD
    keep_below = ~(_ALL << np.uint64(start % WORD))
    keep_above = _ALL << np.uint64((stop - 1) % WORD) << _ONE
    for word in range(first, last + 1):
        keep = np.uint64(0)
        if word == first:
            keep |= keep_below
        if word == last:
            keep |= keep_above
        target[word] = (target[word] & keep) | (source[word] & ~keep)


@numba.njit(nogil=True, cache=True)
def _turn(rows: WordArray, out: WordArray) -> None:
    """Write the transposed bits of `rows` (haplotypes, words of sites) into `out` (sites, words of haplotypes)."""
    square = np.empty(WORD, dtype=np.uint64)
    for block in range(out.shape[1]):
        first = block * WORD
        n_filled = min(WORD, len(rows) - first)
        for word in range(rows.shape[1]):
            for i in range(WORD):
                square[i] = rows[first + i, word] if i < n_filled else np.uint64(0)
            _transpose(square)
            for i in range(WORD):
                out[word * WORD + i, block] = square[i]


@numba.njit(nogil=True, cache=True)
def _transpose(square: WordArray) -> None:
    """Transpose 64 x 64 bits in place by exchanging ever smaller blocks (Warren 2012, Hacker's Delight, 7-3)."""
    width = 32
    mask = np.uint64(0x00000000FFFFFFFF)
    while width:
        shift = np.uint64(width)
        row = 0
        while row < WORD:
            other = row + width
            moved = ((square[row] >> shift) ^ square[other]) & mask
            square[other] ^= moved
            square[row] ^= moved << shift
            row = (other + 1) & ~width
        width >>= 1
        mask ^= mask << np.uint64(width)
