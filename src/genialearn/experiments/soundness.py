"""What `check` says of genotypes, alone and beside the pedigree: in sentences, counts before examples."""

from __future__ import annotations

from collections.abc import Iterator

from genialearn.cohorts import Cohort
from genialearn.genotypes import allele_frequencies
from genialearn.relationships.parentage import MOST_OPPOSING, deviating_diagonals, parent_offspring_pairs

_EXAMPLES = 3


def check_genotypes(cohort: Cohort) -> Iterator[str]:
    """Yield sentences on markers that don't vary, samples that are odd, and parents that genotypes contradict."""
    frequencies = allele_frequencies(cohort.genotypes)
    fixed = int(((frequencies <= 0) | (frequencies >= 1)).sum())
    if fixed:
        yield f"{fixed:,} of {len(frequencies):,} markers don't vary among these animals; they tell nothing"
    if fixed < len(frequencies):
        yield from _odd_samples(cohort)
    if cohort.pedigree is not None:
        yield from _parents(cohort)


def _odd_samples(cohort: Cohort) -> Iterator[str]:
    odd = deviating_diagonals(cohort)
    if len(odd):
        shown = (f"{row.animal} ({row.genomic:.2f})" for row in odd.head(_EXAMPLES).itertuples())
        yield (
            f"{len(odd):,} of {len(cohort):,} animals have a diagonal of G unlike the others, as mixed samples and "
            f"other breeds have: {_listed(shown, len(odd))}"
        )


def _parents(cohort: Cohort) -> Iterator[str]:
    pairs = parent_offspring_pairs(cohort)
    wrong = pairs[pairs["share"] > MOST_OPPOSING].sort_values("share", ascending=False, kind="stable")
    if not len(wrong):
        if len(pairs):
            yield f"{len(pairs):,} genotyped pairs of parent and offspring fit together"
        return
    shown = (
        f"{row.animal} and {row.role} {row.parent} ({row.share:.1%})" for row in wrong.head(_EXAMPLES).itertuples()
    )
    yield (
        f"{len(wrong):,} of {len(pairs):,} genotyped pairs of parent and offspring are homozygous for different "
        f"alleles at more than {MOST_OPPOSING:.0%} of the markers, so that the pedigree is wrong or a sample was "
        f"swapped: {_listed(shown, len(wrong))}"
    )


def _listed(shown: Iterator[str], total: int) -> str:
    return ", ".join(shown) + (", ..." if total > _EXAMPLES else "")
