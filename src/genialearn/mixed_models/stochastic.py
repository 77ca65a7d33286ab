"""REML of many traits at once from products with the relationships alone.

The restricted likelihood needs y'(h K + (1 - h) I)^-1 y and log|h K + (1 - h) I| on the contrasts. Lanczos runs give
both for every h: the first from the trait's own contrasts, the second as an average over random vectors of signs
(Hutchinson 1990; in REML so: Border and Becker 2019, BMC Bioinformatics 20:411, doi:10.1186/s12859-019-2978-z). Random
vectors are shared by the traits of a pattern, products by all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn.errors import ConvergenceError
from genialearn.linalg.lanczos import Lanczos
from genialearn.linalg.low_rank import LowRank
from genialearn.linalg.operators import LinearOperator
from genialearn.mixed_models import variance
from genialearn.mixed_models.deflation import Deflation
from genialearn.mixed_models.likelihoods import StochasticLikelihood
from genialearn.mixed_models.records import Pattern, RecordSystems
from genialearn.mixed_models.scores import PROBES, SplitTrait, corrected
from genialearn.mixed_models.variance import Variances

_FEWEST_STEPS, _MOST_STEPS, _STRIDE = 12, 240, 6
_USUAL_STEPS = 24
"""What runs mostly take: for progress alone."""

_SETTLED = 0.05
"""Lanczos runs end when no heritability moves by more than this share of its standard error."""

_FEWEST_PROBES = 10

PANEL = 48
"""Columns that one pass over the genotypes serves: more cost another one."""

_SUSPICIOUS = 0.95

DEFLATED_FROM = 20_000
"""Records from which on a pattern's dominant part is taken out."""

_WIDEST = 3 * PANEL
"""Columns of a batch at most, unless one pattern alone needs more: three passes' worth."""

Progress = Callable[[str, float], None]
"""Told what runs and what share of it is done."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """The variances of one trait, estimated from random vectors.

    Parameters
    ----------
    variances
        At the maximum of the approximate likelihood.
    heritability_se
        Of the heritability: sampling of records and random vectors both.
    n_steps
        Products that the estimate took.
    """

    variances: Variances
    heritability_se: float
    n_steps: int


def number_of_probes(n_records: int) -> int:
    """Return how many random vectors make their own error small beside that of the records.

    With m of them the variance of a heritability grows by a share of 1/m, whatever the number of records; the fewer
    the records, the cheaper and the more useful is another one.
    """
    return int(np.clip(round(200_000 / max(n_records, 1)), _FEWEST_PROBES, 46))


def estimate_variances(
    kernel: LinearOperator,
    traits: Sequence[tuple[str, Pattern, FloatArray]],
    *,
    rng: np.random.Generator,
    part: LowRank | None = None,
    probes: int | None = None,
    progress: Progress = lambda what, share: None,
) -> list[Estimate]:
    """Return the REML estimates of many traits.

    Parameters
    ----------
    kernel
        G of all animals.
    traits
        Name, pattern and contrasts S W^1/2 y (records,) of each.
    rng
        Draws the random vectors.
    part
        The dominant part of G, which is taken out of patterns with 20,000 records or more; None leaves them whole.
    probes
        How many random vectors a pattern gets; None for a number that fits its records.
    progress
        Told how far it is.

    Raises
    ------
    AlignmentError
        Where a trait has too few records for its fixed effects.
    ConvergenceError
        Where the heritabilities haven't settled after 240 products.
    """
    for name, pattern, _ in traits:
        variance.refuse_too_few(pattern.n_contrasts, name)
    out: dict[int, Estimate] = {}
    for batch in _batches([pattern for _, pattern, _ in traits], probes):
        chosen = [traits[place] for place in batch]
        before, share = len(out) / len(traits), len(batch) / len(traits)

        def tell(done: float, before: float = before, share: float = share) -> None:
            progress("variance components", before + share * done)

        found = _estimate_batch(kernel, chosen, part, rng=rng, probes=probes, tell=tell)
        out.update(zip(batch, found, strict=True))
    return [out[place] for place in range(len(traits))]


def _batches(of_traits: Sequence[Pattern], probes: int | None) -> list[list[int]]:
    """Return places of traits in batches: those of a pattern together, as many patterns as fit."""
    by_pattern: dict[int, list[int]] = {}
    for place, pattern in enumerate(of_traits):
        by_pattern.setdefault(id(pattern), []).append(place)
    batches: list[list[int]] = []
    room = 0
    for places in by_pattern.values():
        needed = len(places) + (probes or number_of_probes(len(of_traits[places[0]].records)))
        if needed > room:
            batches.append([])
            room = _WIDEST
        batches[-1].extend(places)
        room -= needed
    return batches


def _estimate_batch(
    kernel: LinearOperator,
    traits: Sequence[tuple[str, Pattern, FloatArray]],
    part: LowRank | None,
    *,
    rng: np.random.Generator,
    probes: int | None,
    tell: Callable[[float], None],
) -> list[Estimate]:
    unique = {id(pattern): pattern for _, pattern, _ in traits}
    counts = _numbers_of_probes(list(unique.values()), len(traits), probes)
    split = _deflated(kernel, unique, part)
    rest = {key: split[key].rest if key in split else pattern for key, pattern in unique.items()}
    columns = [rest[id(pattern)] for _, pattern, _ in traits]
    starts = [rest[id(pattern)].projection.remove(own[:, None])[:, 0] for _, pattern, own in traits]
    places: dict[int, IntArray] = {}
    kept: dict[int, FloatArray] = {}
    for key, pattern in unique.items():
        places[key] = np.arange(counts[key]) + len(columns)
        columns += [rest[key]] * counts[key]
        drawn, kept[key] = _random_contrasts(pattern, rest[key], counts[key], rng)
        starts += list(drawn.T)
    systems = RecordSystems(kernel, columns)
    run = Lanczos(systems.product, systems.stacked(starts))
    del starts, drawn  # as large as the run itself
    batch = _Batch(kernel, traits, run, places, split, kept)
    tell(0.0)
    batch.run.extend(_FEWEST_STEPS)
    before = batch.maxima()
    while batch.run.n_steps < _MOST_STEPS:
        tell(min(0.8, batch.run.n_steps / _USUAL_STEPS))
        batch.run.extend(_STRIDE)
        now = batch.maxima()
        if all(_settled(a, b) for a, b in zip(before, now, strict=True)):
            return now if part is None else batch.corrected(now, part)
        before = now
    raise ConvergenceError(
        "variance components",
        expected=f"heritabilities that settle within {_MOST_STEPS} products",
        found="some that still move",
        advice="Use the exact solver (--solver exact), or give the heritability.",
    )


def _random_contrasts(
    pattern: Pattern, rest: Pattern, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return contrasts of random vectors without the part that is taken out, and the first ones whole."""
    drawn = signs(len(pattern.records), count, rng)
    return rest.projection.remove(drawn), pattern.projection.remove(drawn[:, :PROBES])


def _deflated(kernel: LinearOperator, unique: dict[int, Pattern], part: LowRank | None) -> dict[int, Deflation]:
    """Return how patterns with many records are split."""
    large = {key: pattern for key, pattern in unique.items() if len(pattern.records) >= DEFLATED_FROM}
    if part is None or not large:
        return {}
    diagonal = kernel.diagonal()
    return {key: Deflation.of(pattern, part, diagonal) for key, pattern in large.items()}


def _numbers_of_probes(unique: Sequence[Pattern], n_traits: int, given: int | None) -> dict[int, int]:
    """Return how many random vectors each pattern of a batch gets, such that they fill passes over the genotypes."""
    if given is not None:
        return {id(pattern): given for pattern in unique}
    wanted = {id(pattern): number_of_probes(len(pattern.records)) for pattern in unique}
    columns = n_traits + sum(wanted.values())
    room = PANEL * max(1, round(columns / PANEL))
    more = (room - columns) // len(unique)
    return {key: max(_FEWEST_PROBES, count + more) for key, count in wanted.items()}


def signs(n_records: int, n_vectors: int, rng: np.random.Generator) -> FloatArray:
    """Return random vectors of -1 and 1, shape (records, vectors)."""
    return rng.integers(0, 2, (n_records, n_vectors)).astype(np.float64) * 2 - 1


def _settled(before: Estimate, now: Estimate) -> bool:
    """Return whether a heritability stays; near 1 it may only look so, where short runs have their maximum."""
    if now.variances.heritability > _SUSPICIOUS and now.n_steps < _MOST_STEPS / 2:
        return False
    moved = abs(now.variances.heritability - before.variances.heritability)
    return moved <= _SETTLED * now.heritability_se or moved < 1e-4


@dataclass(frozen=True, eq=False)
class _Batch:
    """A Lanczos run from contrasts of traits, then from random vectors.

    Parameters
    ----------
    kernel
        G of all animals.
    traits
        Those of the first columns.
    run
        The run.
    places
        Columns of the random vectors of each pattern.
    split
        How patterns with many records are split.
    kept
        Contrasts of the first random vectors of these, whole.
    """

    kernel: LinearOperator
    traits: Sequence[tuple[str, Pattern, FloatArray]]
    run: Lanczos
    places: dict[int, IntArray]
    split: dict[int, Deflation]
    kept: dict[int, FloatArray]

    def maxima(self) -> list[Estimate]:
        """Return each trait's estimate after the steps so far."""
        found = []
        for likelihood in self.likelihoods():
            variances = variance.maximum(likelihood.at)
            information = likelihood.information(variances.heritability)
            spread = np.sqrt((1 + 1 / len(likelihood.probes)) / information) if information > 0 else np.nan
            found.append(Estimate(variances, float(spread), self.run.n_steps))
        return found

    def likelihoods(self) -> list[StochasticLikelihood]:
        """Return each trait's likelihood after the steps so far."""
        probes = {key: tuple(self.run.quadrature(int(c)) for c in columns) for key, columns in self.places.items()}
        found = []
        for column, (_, pattern, contrasts) in enumerate(self.traits):
            own, known = self.run.quadrature(column), np.empty(0)
            if id(pattern) in self.split:
                inside = self.split[id(pattern)].quadrature(contrasts)
                own, known = own.with_(inside), inside.nodes
            found.append(StochasticLikelihood(own, probes[id(pattern)], pattern.n_contrasts, known))
        return found

    def corrected(self, estimates: list[Estimate], part: LowRank) -> list[Estimate]:
        """Return the estimates, those of split patterns at the maximum of the likelihood without the split."""
        places = [place for place, (_, pattern, _) in enumerate(self.traits) if id(pattern) in self.split]
        likelihoods, known, out = self.likelihoods(), [], list(estimates)
        for place in places:
            _, pattern, contrasts = self.traits[place]
            vectors, split = self.kept[id(pattern)], self.split[id(pattern)]
            pairs = zip(likelihoods[place].probes, vectors.T, strict=False)
            seen = tuple(probe.with_(split.quadrature(vector)) for probe, vector in pairs)
            known.append(SplitTrait(pattern, contrasts, vectors, seen, likelihoods[place]))
        started = [estimates[place].variances.heritability for place in places]
        for place, variances in zip(places, corrected(self.kernel, known, started, part), strict=True):
            out[place] = replace(estimates[place], variances=variances)
        return out


def given_variances(
    traits: Sequence[tuple[str, Pattern, FloatArray]], heritabilities: FloatArray, solved: FloatArray
) -> list[Variances]:
    """Return variances at given heritabilities: s2 = y'(h K + (1 - h) I)^-1 y / n, from solutions (rows, traits)."""
    found = []
    for (_, pattern, contrasts), h, solution in zip(traits, heritabilities, solved.T, strict=True):
        squares = float(contrasts @ solution[: len(contrasts)])
        total = max(squares / pattern.n_contrasts, variance.NO_VARIANCE)
        found.append(Variances(float(h), total, float("nan")))
    return found
