"""A Boltzmann machine on tags, and copies of real haplotypes between them."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from dataclasses import replace
from typing import Self

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from genialearn._arrays import Float32Array, FloatArray, Int8Array, IntArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError
from genialearn.generators import li_stephens
from genialearn.generators.annealing import LogPartition, log_partition
from genialearn.generators.chromosomes import Chromosome, chromosomes_of
from genialearn.generators.copying_paths import UNKNOWN
from genialearn.generators.divergence import Learning, learn
from genialearn.generators.energy import Chains
from genialearn.generators.generator import haplotypes_of
from genialearn.generators.mating import Mating
from genialearn.generators.principal_axes import PrincipalAxes, nearest_rows
from genialearn.generators.tags import linked_pairs, tags_of
from genialearn.generators.tilted import TiltedGenerator
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix
from genialearn.neural.checkpoints import Checkpoints, digest

FLIPPED_FROM = 0.5
"""Squared correlation from which on two tags are flipped together too."""

_FEW_MARKERS = 3_000
"""Up to so many markers the machine may see all."""

_TOGETHER = 2_048
"""Animals that are drawn at a time."""

_LEVELS = 8
"""Temperatures that haplotypes are drawn at, where they aren't all 1."""


class Boltzmann(TiltedGenerator):
    """Tags from a semi-restricted Boltzmann machine, and between them the copying model.

    Tags are markers of which no two nearby are closely linked. Their haplotypes come from a machine (see `energy`)
    whose couplings of neighbours, two and three in a row, hold linkage and whose hidden units, which all chromosomes
    share, hold populations and families. Between tags alleles are copied from training haplotypes that fit to the tags
    (see `li_stephens`), a random part of the panel for each haplotype. The haplotypes of an animal are matched as alike
    as real ones are (see `mating`). Animals may be asked for values of traits (see `tilt`).

    Costs: fitting O(steps x chains x tags x (reach + hidden)); sampling O(sweeps x tags x (reach + hidden) + donors x
    tags + markers) a haplotype. Memory: 4 bytes a tag and chain, some times, and the panel at one bit an allele.

    Parameters
    ----------
    hidden
        Hidden units: more hold finer structure, and more of single training animals.
    reach
        How many tags further on a tag is coupled to.
    tag_r2
        Squared correlation above which two markers nearby aren't both tags; 1 makes all common ones tags. None stands
        for 1 where there are at most 3,000 markers, else .5.
    rarest
        Frequency of the rarer allele below which a marker is no tag.
    steps, chains
        Steps of learning, and chains that it takes the machine's statistics from.
    coupling_rate, weight_rate
        Step sizes of biases and couplings, and of hidden units.
    coupling_decay, weight_decay
        Penalties on couplings and on weights of hidden units.
    neighbours
        Haplotypes nearest to each one, of its population or family, from which its chromosomes are taken anew at every
        step, so that what single animals are isn't learned; 1 for its own. At most a tenth of all.
    sweeps
        Steps of the chains between learning and a draw.
    coldest
        Haplotypes are drawn at temperatures from this to 1, evenly spread: below 1 draws are nearer to what is most
        probable.
    donors
        Training haplotypes that one haplotype is filled from, about.
    guidance
        By what the strength of conditions is multiplied.
    seed
        Of everything random in fitting.

    Attributes
    ----------
    tags_
        Columns of the tags.
    energy_
        The machine.
    model_
        The copying model that fills; None where all markers are tags.
    markers_
        The canonical marker map.
    """

    needs_haplotypes = True

    def __init__(
        self,
        *,
        hidden: int = 40,
        reach: int = 12,
        tag_r2: float | None = None,
        rarest: float = 0.02,
        steps: int = 1700,
        chains: int = 1000,
        coupling_rate: float = 0.05,
        weight_rate: float = 0.03,
        coupling_decay: float = 5e-3,
        weight_decay: float = 1e-2,
        neighbours: int = 150,
        sweeps: int = 200,
        coldest: float = 0.97,
        donors: int = 1000,
        guidance: float = 1.0,
        seed: int = 1,
    ) -> None:
        self.hidden = hidden
        self.reach = reach
        self.tag_r2 = tag_r2
        self.rarest = rarest
        self.steps = steps
        self.chains = chains
        self.coupling_rate = coupling_rate
        self.weight_rate = weight_rate
        self.coupling_decay = coupling_decay
        self.weight_decay = weight_decay
        self.neighbours = neighbours
        self.sweeps = sweeps
        self.coldest = coldest
        self.donors = donors
        self.guidance = guidance
        self.seed = seed

    def fit_resumably(self, cohort: Cohort, checkpoints: Checkpoints) -> Self:
        """Learn what `fit` does, to the byte, going on from the state that an earlier training kept."""
        return self._fit(cohort, checkpoints)

    def fit(self, cohort: Cohort) -> Self:
        """Choose tags, learn the machine, and estimate the rates of copying.

        Raises
        ------
        AlignmentError
            Where the cohort isn't phased, or has a single animal.
        SettingError
            Where a setting is out of range, or no marker is common enough to be a tag.
        ConvergenceError
            Where learning runs away.
        """
        return self._fit(cohort, None)

    def _fit(self, cohort: Cohort, checkpoints: Checkpoints | None) -> Self:
        self._check_settings()
        cohort = cohort.canonical()
        panel = haplotypes_of(cohort)
        chromosomes = chromosomes_of(panel.markers)
        rng = np.random.default_rng([self.seed, 5])
        self.tags_ = self._tags(panel, chromosomes)
        alleles = np.ascontiguousarray(panel.alleles(self.tags_))
        starts = np.searchsorted(self.tags_, [0, *(c.columns.stop for c in chromosomes)])
        pairs = linked_pairs(alleles, starts, reach=self.reach, r2=FLIPPED_FROM)
        axes = PrincipalAxes.of(panel, rng)
        n_near = min(self.neighbours, len(panel) // 10)
        near = nearest_rows(axes.scores(panel), n_near) if n_near > 1 and len(chromosomes) > 1 else None
        checkpoint = None if checkpoints is None else checkpoints(self._identity(alleles, starts))
        with threadpool_limits(1, user_api="blas"):  # small products between loops that have threads of their own
            self.energy_, self._chains = learn(
                alleles, starts, pairs, self._learning(), near=near, rng=rng, checkpoint=checkpoint
            )
        everything = len(self.tags_) == len(panel.markers)
        self.model_ = None if everything else li_stephens.estimated(panel, chromosomes)
        self._mating = Mating.of(panel, axes)
        tagged = cohort.genotypes.select(markers=self.tags_)
        self._recorded, self._tilt = replace(cohort, genotypes=tagged, haplotypes=None), None
        self._frequencies = (alleles.sum(axis=0, dtype=np.float64) + 0.5) / (len(alleles) + 1)
        self._log_partition: LogPartition | None = None
        self.markers_ = panel.markers
        return self

    def _identity(self, alleles: Int8Array, starts: IntArray) -> dict[str, str]:
        """Return all that learning from tags (haplotypes, tags) depends on; results don't depend on threads."""
        return {
            "generator": "boltzmann",
            **{name: str(value) for name, value in self.get_params().items()},
            "data": digest(alleles, starts),
            "genialearn": importlib.metadata.version("genialearn"),
            "numpy": importlib.metadata.version("numpy"),
        }

    def _learning(self) -> Learning:
        return Learning(
            hidden=self.hidden,
            reach=self.reach,
            steps=self.steps,
            chains=self.chains,
            coupling_rate=self.coupling_rate,
            weight_rate=self.weight_rate,
            coupling_decay=self.coupling_decay,
            weight_decay=self.weight_decay,
        )

    def _check_settings(self) -> None:
        for name, least in (
            ("hidden", 0),
            ("reach", 1),
            ("steps", 1),
            ("chains", 2),
            ("neighbours", 1),
            ("sweeps", 0),
            ("donors", 2),
        ):
            check_at_least(name, getattr(self, name), least)
        for name in ("coupling_rate", "weight_rate"):
            check_between(name, getattr(self, name), 1e-6, 1.0)
        for name in ("coupling_decay", "weight_decay"):
            check_between(name, getattr(self, name), 0.0, 10.0)
        if self.tag_r2 is not None:
            check_between("tag_r2", self.tag_r2, 0.0, 1.0)
        check_between("rarest", self.rarest, 0.0, 0.5)
        check_between("coldest", self.coldest, 0.1, 1.0)
        check_between("guidance", self.guidance, 0.0, 100.0)

    def _tags(self, panel: HaplotypeMatrix, chromosomes: list[Chromosome]) -> IntArray:
        limit = self.tag_r2 if self.tag_r2 is not None else 1.0 if len(panel.markers) <= _FEW_MARKERS else 0.5
        tags = tags_of(panel, chromosomes, r2=limit, rarest=self.rarest, reach=10 * self.reach)
        if not len(tags):
            raise SettingError(
                "rarest",
                expected="a frequency that some marker's rarer allele reaches",
                found=f"{self.rarest:g}",
                advice="Lower it, or leave markers that hardly vary out.",
            )
        return tags

    def sample(
        self, n_animals: int, *, conditions: pd.DataFrame | None = None, rng: np.random.Generator
    ) -> HaplotypeMatrix:
        """Return artificial animals.

        Parameters
        ----------
        n_animals
            How many.
        conditions
            Values asked for in the units of the records, one row an animal; NaN and traits left out aren't asked for.
        rng
            Source of all randomness.
        """
        n_animals = self._asked(n_animals, conditions)
        strengths = self._strengths(n_animals, conditions)
        drawn = np.empty((2 * n_animals, len(self.markers_)), dtype=np.int8, order="F")
        for start in range(0, n_animals, _TOGETHER):
            stop = min(start + _TOGETHER, n_animals)
            own = None if strengths is None else _log_odds(self.tilt().effects, strengths[start:stop])
            drawn[2 * start : 2 * stop] = self._filled(self._drawn_tags(stop - start, own, rng), rng)
        if strengths is None:
            drawn = drawn[self._mating.order(drawn, rng)]
        return self._as_phased(drawn)

    def _drawn_pairs(self, effects: FloatArray, strengths: FloatArray, rng: np.random.Generator) -> Int8Array:
        return self._drawn_tags(len(strengths), _log_odds(effects, strengths), rng)

    def _drawn_tags(self, n_animals: int, tilt: Float32Array | None, rng: np.random.Generator) -> Int8Array:
        """Return alleles of tags, shape (2 animals, tags), of a tilt (tags, animals)."""
        learned = self.energy_.inside(self._chains.alleles)
        out = np.empty((2 * n_animals, len(learned)), dtype=np.int8)
        both = None if tilt is None else np.repeat(tilt, 2, axis=1)
        levels = np.linspace(self.coldest, 1.0, _LEVELS if self.coldest < 1 else 1)
        for number, level in enumerate(levels[:n_animals]):
            animals = np.arange(number, n_animals, len(levels))  # not in turn: conditions may be sorted
            rows = (2 * animals[:, None] + np.arange(2)).ravel()
            own = None if both is None else np.ascontiguousarray(both[:, rows])
            first = learned[:, rng.integers(0, learned.shape[1], len(rows))]
            chains = Chains(np.ascontiguousarray(first), self.energy_.reach, self._chains.starts, self._chains.pairs)
            energy = self.energy_.scaled(1.0 / level)
            with threadpool_limits(1, user_api="blas"):
                for _ in range(self.sweeps):
                    chains.step(energy, rng, tilt=own)
            out[rows] = energy.inside(chains.alleles).T
        return out

    def _filled(self, tags: Int8Array, rng: np.random.Generator) -> Int8Array:
        """Return haplotypes on all markers, shape (haplotypes, markers); donors are a random part of the panel.

        What is between tags is copied without errors, which would make rare alleles common.
        """
        if self.model_ is None:
            return tags
        given = np.full((len(tags), len(self.markers_)), UNKNOWN, dtype=np.int8, order="F")
        given[:, self.tags_] = tags
        out = np.empty_like(given)
        for rows, model in self._panels(len(given), rng):
            out[rows] = model.fill(given[rows], rng=rng, mutation=0.0)
        return out

    def _panels(self, n_haplotypes: int, rng: np.random.Generator) -> Iterator[tuple[IntArray, li_stephens.LiStephens]]:
        """Yield disjoint parts of the panel, and which haplotypes each one fills."""
        assert self.model_ is not None, "some markers are no tags"
        everyone = rng.permutation(len(self.model_.panel.animals))
        n_parts = max(1, round(2 * len(everyone) / self.donors))
        parts = np.array_split(everyone, n_parts)
        for rows, animals in zip(np.array_split(rng.permutation(n_haplotypes), n_parts), parts, strict=True):
            panel = self.model_.panel.select(animals=np.sort(animals))
            yield rows, li_stephens.LiStephens(panel, self.model_.chromosomes, self.model_.rate, self.model_.error)

    def log_partition(self) -> LogPartition:
        """Return the machine's log Z by annealed importance sampling, estimated when it is first asked for."""
        self._check_fitted()
        if self._log_partition is None:
            chains, rng = self._chains, np.random.default_rng([self.seed, 6])
            self._log_partition = log_partition(self.energy_, self._frequencies, chains.starts, chains.pairs, rng=rng)
        return self._log_partition

    def log_likelihood(self, animals: GenotypeMatrix | HaplotypeMatrix) -> FloatArray:
        """Return nats of each haplotype in order: of its tags by the machine, of what is between them by copying.

        That is at temperature 1, alleles being copied with errors; `log_partition` has the standard error
        of the machine's constant, which all values share.
        """
        self._check_fitted()
        alleles = self._haplotypes_as_trained(animals).alleles()
        tags = Chains(
            np.ascontiguousarray(alleles[:, self.tags_].T.astype(np.float32)),
            self.energy_.reach,
            self._chains.starts,
            self._chains.pairs,
        )
        nats = self.energy_.log_weights(tags.alleles) - self.log_partition().value
        if self.model_ is None:
            return nats
        given = np.full(alleles.shape, UNKNOWN, dtype=np.int8, order="F")
        given[:, self.tags_] = alleles[:, self.tags_]
        return nats + self.model_.log_likelihood(alleles) - self.model_.log_likelihood(given)


def _log_odds(effects: FloatArray, strengths: FloatArray) -> Float32Array:
    """Return what effects (markers, traits) of some strengths (animals, traits) add to log odds, (markers, animals)."""
    return np.asarray((effects @ strengths.T).astype(np.float32))
