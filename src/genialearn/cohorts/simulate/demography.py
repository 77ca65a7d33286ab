"""The demography of the Holstein breed, and of others: how many animals there were, generation by generation.

History is cut in two. What lies at least `ANCIENT` generations back, when the breed counted thousands, is left to the
coalescent, with the sizes of MacLeod et al. (2013), which stdpopsim lists as BosTau HolsteinFriesian_1M13. The
generations since, whose small sizes make relationships and long-range linkage disequilibrium, are simulated forward,
animal by animal. For those the published model keeps 1,000 to 1,500 animals until 18 generations ago and gives a third
too little linkage disequilibrium between 0.2 and 2 Mb; the sizes here are round numbers near those that Sved's
expectation, r2 = 1 / (1 + 4 N c) at 1 / (2 c) generations ago, reads from the chip genotypes of French Holstein cows
(Xie et al. 2025).

References
----------
MacLeod, Larkin, Lewin, Hayes & Goddard (2013) Inferring demography from runs of homozygosity in whole-genome sequence,
with correction for sequence errors. Mol Biol Evol 30:2209-2223. doi:10.1093/molbev/mst125

Sved (1971) Linkage disequilibrium and homozygosity of chromosome segments in finite populations. Theor Popul Biol
2:125-141. doi:10.1016/0040-5809(71)90011-6

Boitard, Rodriguez, Jay, Mona & Austerlitz (2016) Inferring population size history from large samples of genome-wide
molecular data - an approximate Bayesian computation approach. PLoS Genet 12:e1005877. doi:10.1371/journal.pgen.1005877

Xie et al. (2025) Deep generative models for discrete genotype simulation. bioRxiv. doi:10.1101/2025.08.08.669289
"""

from __future__ import annotations

from typing import Any

from genialearn.errors import MissingExtraError

RECENT_EPOCHS = ((0, 90), (3, 120), (6, 130), (12, 150), (18, 200), (40, 400), (80, 800))
"""(generations ago, number of animals from there backwards), up to `ANCIENT`."""

ANCIENT_EPOCHS = (
    (154, 2_000),
    (454, 2_500),
    (654, 3_500),
    (1_754, 7_000),
    (2_354, 10_000),
    (3_354, 17_000),
    (33_154, 62_000),
)
"""(generations ago, effective size from there backwards)."""

ANCIENT = 154
"""Where the coalescent ends and the forward simulation begins, in generations ago."""

OTHER_BREEDS = {
    "jersey": ((0, 388), (9, 561), (24, 947), (47, 1640), (83, 3704), (139, 5766)),
    "angus": ((0, 291), (9, 412), (24, 709), (47, 1224), (83, 2558), (139, 4836)),
    "fleckvieh": ((0, 2227), (9, 2812), (24, 3395), (47, 4184), (83, 5689), (139, 7414)),
}
"""Effective sizes of other breeds, as above (Boitard et al. 2016, which stdpopsim lists as BosTau ..._1B16)."""

_HOLSTEIN_LIKEWISE = ((0, 793), (9, 1076), (24, 1320), (47, 1815), (83, 3892), (139, 6908))
"""Those of Holstein by the same method: a breed is simulated with the quotient of the two times our sizes."""

BREEDS = ("holstein", *OTHER_BREEDS)

PEDIGREE_DEPTH = 3
"""How many of the last generations the simulated pedigree itself stands for."""

LEAST_SIZE = 40
"""Of a generation."""

MUTATION_RATE = 1.2e-8
"""Mutations a base pair and generation, as in stdpopsim's BosTau."""


def effective_size(generations_ago: int) -> int:
    """Return the effective size of the breed so many generations ago."""
    return int(_at(RECENT_EPOCHS + ANCIENT_EPOCHS, generations_ago))


def recent_sizes(start: int, end: int = PEDIGREE_DEPTH, breed: str = "holstein") -> list[int]:
    """Return the sizes of the generations from `start` to `end` generations ago, the oldest first."""
    quotients = _quotients(breed)
    return [
        max(LEAST_SIZE, round(effective_size(generation) * _at(quotients, generation)))
        for generation in range(start, end - 1, -1)
    ]


def _quotients(breed: str) -> tuple[tuple[int, float], ...]:
    """Return (generations ago, size of a breed over that of Holstein from there backwards)."""
    return tuple(
        (start, size / holstein)
        for (start, size), (_, holstein) in zip(
            OTHER_BREEDS.get(breed, _HOLSTEIN_LIKEWISE), _HOLSTEIN_LIKEWISE, strict=True
        )
    )


def _at(steps: tuple[tuple[int, float], ...], generations_ago: int) -> float:
    return max((start, value) for start, value in steps if start <= generations_ago)[1]


def import_msprime() -> Any:
    """Return the library msprime.

    Raises
    ------
    MissingExtraError
        Where it isn't installed; it is GPL-3 and never required.
    """
    try:
        import msprime
    except ImportError as error:
        raise MissingExtraError.for_extra("msprime", "sim", "genialearn simulate") from error
    return msprime


def ancient_demography(generations_ago: int = ANCIENT) -> Any:
    """Return the msprime demography of everything before `generations_ago`, which becomes its time 0."""
    demography = import_msprime().Demography.isolated_model([effective_size(generations_ago)])
    for start, size in ANCIENT_EPOCHS:
        if start > generations_ago:
            demography.add_population_parameters_change(time=start - generations_ago, initial_size=size, population=0)
    return demography
