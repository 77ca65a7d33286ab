"""The copying model of Li and Stephens: a haplotype is a mosaic of other haplotypes, with errors.

Along a chromosome the donor that is copied is drawn anew, uniformly, with probability r_m = 1 - exp(-rho d_m) before
marker m, d_m centimorgans after the last; an allele is copied wrongly with probability e. Since a new donor is drawn
uniformly, the forward algorithm costs O(donors x markers) a haplotype (Li & Stephens 2003, Genetics 165:2213-2233,
appendix A):

    f_m(j) = P(x_m | j) ((1 - r_m) f_{m-1}(j) + r_m / n sum_i f_{m-1}(i)).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar

from genialearn._arrays import FloatArray, Int8Array, IntArray
from genialearn.errors import AlignmentError
from genialearn.generators.chromosomes import Chromosome
from genialearn.generators.copying_paths import UNKNOWN, Part, add_log_likelihoods, fill_unknown
from genialearn.generators.streams import new_key
from genialearn.genotypes import HaplotypeMatrix

RATES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Switches a centimorgan where the search begins."""

ERRORS = (1e-5, 0.3)
"""Between which copying errors are searched."""

FIRST_ERROR = 0.01
MOST_WORK, FEWEST, MOST = 2e9, 20, 200
"""Donors x markers x haplotypes of one value of the likelihood, and bounds of the number of haplotypes."""


@dataclass(frozen=True, eq=False)
class LiStephens:
    """The copying model on a panel of donors.

    Parameters
    ----------
    panel
        The donors, markers in canonical order.
    chromosomes
        Of the panel's markers.
    rate
        rho, expected donor switches a centimorgan, above 0.
    error
        e, the probability that an allele is copied wrongly, between 0 and 1.
    """

    panel: HaplotypeMatrix
    chromosomes: list[Chromosome]
    rate: float
    error: float

    def log_likelihood(
        self, alleles: Int8Array, *, donors: IntArray | None = None, own: IntArray | None = None
    ) -> FloatArray:
        """Return nats of each haplotype, shape (haplotypes,).

        Parameters
        ----------
        alleles
            0, 1 or `UNKNOWN`, over which is summed, shape (haplotypes, markers).
        donors
            Who may be copied by each haplotype, numbers of haplotypes of the panel, shape (haplotypes, donors); None
            for everyone.
        own
            For each haplotype the number of the panel's animal whose two haplotypes it may not copy, -1 for none,
            shape (haplotypes,). Only where `donors` isn't given.
        """
        total = np.zeros(len(alleles))
        listed, left_out = _who(len(alleles), donors, own)
        for chromosome, panel, switches in self._parts():
            given = np.ascontiguousarray(alleles[:, chromosome.columns].T)
            add_log_likelihoods(Part(panel, switches, self.error, listed, left_out), given, total)
        return total

    def fill(
        self,
        alleles: Int8Array,
        *,
        rng: np.random.Generator,
        mutation: float | None = None,
        donors: IntArray | None = None,
        own: IntArray | None = None,
    ) -> Int8Array:
        """Return haplotypes with unknown alleles drawn from their distribution given the known ones.

        A path of donors is drawn by forward filtering and backward sampling, and its alleles are copied. Where nothing
        is known it is a draw from the model itself. Costs O(donors x known alleles + markers) a haplotype, and the
        filters of one haplotype and chromosome at a time: 4 x donors x known markers bytes a thread.

        Parameters
        ----------
        alleles
            0, 1 or `UNKNOWN`, shape (haplotypes, markers).
        rng
            Source of randomness.
        mutation
            The probability that a drawn allele differs from the donor's; None for `error`.
        donors, own
            As in `log_likelihood`.

        Returns
        -------
        Int8Array
            Known alleles as they were, column-major, shape (haplotypes, markers).
        """
        out = np.empty(alleles.shape[::-1], dtype=np.int8)
        listed, left_out = _who(len(alleles), donors, own)
        change = self.error if mutation is None else mutation
        for chromosome, panel, switches in self._parts():
            part = np.ascontiguousarray(alleles[:, chromosome.columns].T)
            fill_unknown(Part(panel, switches, self.error, listed, left_out), part, change, new_key(rng))
            out[chromosome.columns] = part
        return out.T

    def draw(self, n_haplotypes: int, *, rng: np.random.Generator, donors: IntArray | None = None) -> Int8Array:
        """Return haplotypes of the model, column-major, shape (haplotypes, markers).

        Nothing but the donors, as in `log_likelihood`, is known.
        """
        nothing = np.broadcast_to(np.int8(UNKNOWN), (n_haplotypes, len(self.panel.markers)))
        return self.fill(nothing, rng=rng, donors=donors)

    def leave_one_out(self, haplotypes: IntArray, donors: IntArray | None = None) -> FloatArray:
        """Return nats of some of the panel's haplotypes, none copying its own animal, shape (haplotypes,).

        Donors, where they are listed, must leave out the own animal themselves.
        """
        alleles = rows_of(self.panel, haplotypes)
        if donors is None:
            return self.log_likelihood(alleles, own=haplotypes // 2)
        return self.log_likelihood(alleles, donors=donors)

    def _parts(self) -> Iterator[tuple[Chromosome, Int8Array, FloatArray]]:
        """Yield each chromosome with the panel's alleles (markers, haplotypes) and switch probabilities (markers,)."""
        for chromosome in self.chromosomes:
            panel = np.ascontiguousarray(self.panel.alleles(chromosome.columns).T)
            yield chromosome, panel, -np.expm1(-self.rate * chromosome.gaps)


def rows_of(panel: HaplotypeMatrix, haplotypes: IntArray) -> Int8Array:
    """Return the alleles of some haplotypes, column-major, shape (haplotypes, markers)."""
    out = np.empty((len(haplotypes), len(panel.markers)), dtype=np.int8, order="F")
    for columns, block in panel.blocks():
        out[:, columns] = block[haplotypes]
    return out


def for_estimation(panel: HaplotypeMatrix, n_donors: int | None = None) -> IntArray:
    """Return evenly spaced haplotypes of a panel, few enough that a value of their likelihood costs about a second."""
    work = (n_donors or len(panel)) * len(panel.markers)
    n_used = min(len(panel), int(np.clip(MOST_WORK / work, FEWEST, MOST)))
    return np.unique(np.linspace(0, len(panel) - 1, n_used).astype(np.int64))


def estimated(
    panel: HaplotypeMatrix,
    chromosomes: list[Chromosome],
    *,
    rate: float | None = None,
    error: float | None = None,
    haplotypes: IntArray | None = None,
    donors: IntArray | None = None,
) -> LiStephens:
    """Return the model whose rate and error, where they aren't given, maximise the leave-one-out likelihood.

    The likelihood is that of some of the panel's haplotypes, each copying all but its own animal, or its listed donors.
    The best of five rates, then golden section with parabolas on the logarithm of error, rate and error again: at most
    about 35 values.

    Parameters
    ----------
    panel, chromosomes
        The training haplotypes.
    rate, error
        Kept where given.
    haplotypes
        Whose likelihood is used, numbers of haplotypes; None for those of `for_estimation`.
    donors
        Whom each of `haplotypes` may copy, shape (haplotypes, donors); None for all but its own animal.

    Raises
    ------
    AlignmentError
        Where there is nobody to be copied.
    """
    if len(panel.animals) < 2:
        raise AlignmentError("haplotypes", expected="at least two animals, to copy from each other", found="one")
    used = for_estimation(panel) if haplotypes is None else haplotypes
    model = LiStephens(panel, chromosomes, RATES[2] if rate is None else rate, FIRST_ERROR if error is None else error)

    def value(candidate: LiStephens) -> float:
        return float(candidate.leave_one_out(used, donors).sum())

    if rate is None:
        model = max((replace(model, rate=start) for start in RATES), key=value)
    searched = [name for name, given in (("error", error), ("rate", rate), ("error", error)) if given is None]
    for name in searched if rate is None or error is None else []:
        centre = getattr(model, name)
        low, high = ERRORS if name == "error" else (centre / 10, centre * 10)
        best = minimize_scalar(
            lambda log, model=model, name=name: -value(_with(model, name, np.exp(log))),
            bounds=(np.log(low), np.log(high)),
            method="bounded",
            options={"xatol": 0.05, "maxiter": 12},
        )
        model = _with(model, name, np.exp(best.x))
    return model


def _with(model: LiStephens, name: str, value: float) -> LiStephens:
    """Return the model with another rate or error."""
    return replace(model, rate=float(value)) if name == "rate" else replace(model, error=float(value))


def _who(n_haplotypes: int, donors: IntArray | None, own: IntArray | None) -> tuple[IntArray, IntArray]:
    """Return listed donors, none for everyone, and the first and last + 1 of those left out, (haplotypes, 2)."""
    listed = np.empty((n_haplotypes, 0), dtype=np.int64) if donors is None else np.ascontiguousarray(donors)
    left_out = np.zeros((n_haplotypes, 2), dtype=np.int64)
    if own is not None:
        known = own >= 0
        left_out[known, 0], left_out[known, 1] = 2 * own[known], 2 * own[known] + 2
    return listed, left_out
