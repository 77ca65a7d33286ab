"""The simulation that DLGBLUP was published with: five traits that follow a reference trait along five curves.

The genetic value of the reference trait is the sum of Gaussian effects of 512 QTL on the chip of 10,000 markers: 462
in four clusters, 50 anywhere. Each other trait is sqrt(1 - rho^2) o + rho f(g), where g is the reference's genetic
value in its unit, whose variance is 6; f is a line, a parabola, a sine, a logistic curve or an exponential; and o is
the sum of uniform effects of 50 loci elsewhere. Both parts have variance one among base animals, and rho is 0.5. All
heritabilities are 0.3, all variances of records 20, residuals are independent.

References
----------
Shokor et al. 2025, J Dairy Sci 108:6174, whose published scripts and data these figures are taken from.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from genialearn._arrays import FloatArray, Int8Array, IntArray
from genialearn._checks import check_at_least, check_known
from genialearn.cohorts.simulate.architecture import Link
from genialearn.cohorts.simulate.base_population import BasePopulation, qtl_of
from genialearn.cohorts.simulate.genetic_model import GeneticModel, fixed_model
from genialearn.cohorts.simulate.genome import Progress
from genialearn.cohorts.simulate.genome_design import FOUNDERS, GenomeDesign
from genialearn.cohorts.simulate.lineage import BaseChromosome, base_genome
from genialearn.cohorts.simulate.map import CHROMOSOME_LENGTHS
from genialearn.cohorts.simulate.settings import LEAST_ANIMALS, check_sites
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign, names_of

FUNCTION_OF = {
    "linear": "linear",
    "quadratic": "sloped_quadratic",
    "sine": "sine",
    "logistic": "logistic",
    "exponential": "steep_exponential",
}
"""Which function of the reference each other trait follows."""

REFERENCE = "reference"
CORRELATION = 0.5
"""Correlation rho of a trait's genetic value with its function of the reference's."""

HERITABILITY, VARIANCE = 0.3, 20.0

TRAITS = tuple(
    TraitDesign(name, "dlgblup", "units", HERITABILITY, 0.0, VARIANCE**0.5, "higher", "all")
    for name in (REFERENCE, *FUNCTION_OF)
)
"""All are wanted higher, and recorded on everybody."""

LINKS = tuple(Link(name, REFERENCE, CORRELATION**2, function) for name, function in FUNCTION_OF.items())

PUBLISHED_MARKERS = 10_000
CLUSTERS = ((750, 1102), (1830, 2040), (5950, 6102), (7700, 7902))
"""First and last marker, counted from 1, of runs of which every second one is a QTL of the reference."""

N_RANDOM = 50
"""QTL anywhere: of the reference beside its clusters, and of each other trait."""

LEAST_MARKERS = 200


@dataclass(frozen=True)
class DLGBLUPSettings:
    """What is simulated.

    Parameters
    ----------
    animals
        Number of unrelated animals, at least 20.
    markers
        On the chip, at least 200; clusters of QTL grow in proportion to it.
    seed
        Seed of everything.
    founders
        "coalescent" for Holstein history (needs msprime), "independent" for founders in linkage equilibrium.
    """

    animals: int = 25_000
    markers: int = PUBLISHED_MARKERS
    seed: int = 1
    founders: str = "coalescent"

    def __post_init__(self) -> None:
        check_at_least("animals", self.animals, LEAST_ANIMALS)
        check_at_least("seed", self.seed, 0)
        check_known("founders", self.founders, FOUNDERS)
        check_sites("markers", self.markers)
        check_at_least("markers with --preset dlgblup", self.markers, LEAST_MARKERS)

    @property
    def as_parameters(self) -> dict[str, object]:
        """The settings by name, the preset among them."""
        return {"preset": "dlgblup", **asdict(self)}


@dataclass(frozen=True, eq=False)
class Loci:
    """Which markers act, in map order counted from 0.

    Parameters
    ----------
    reference
        QTL of the reference, shape (qtl,).
    own
        Those of each other trait's own part, shape (traits - 1, 50).
    """

    reference: IntArray
    own: IntArray

    @classmethod
    def drawn(cls, n_markers: int, rng: np.random.Generator) -> Loci:
        """Return clusters where they are, and loci anywhere else at random."""
        clusters = clustered(n_markers)
        anywhere = rng.choice(np.setdiff1d(np.arange(n_markers), clusters), N_RANDOM, replace=False)
        reference = np.union1d(clusters, anywhere)
        others = np.setdiff1d(np.arange(n_markers), reference)
        return cls(reference, np.stack([rng.choice(others, N_RANDOM, replace=False) for _ in FUNCTION_OF]))

    @property
    def all(self) -> IntArray:
        """Every marker that acts, ascending, shape (qtl,)."""
        return np.unique(np.concatenate([self.reference, self.own.ravel()]))


def clustered(n_markers: int) -> IntArray:
    """Return the markers of the clusters, counted from 0, on a chip of so many."""
    scale = n_markers / PUBLISHED_MARKERS
    runs = [np.arange(round(first * scale), round(last * scale) + 1, 2) - 1 for first, last in CLUSTERS]
    return np.concatenate(runs)


def dlgblup_effects(loci: Loci, rng: np.random.Generator) -> FloatArray:
    """Return effects on the parts of the traits, not yet scaled: Gaussian, then uniform, shape (qtl, traits)."""
    effects = np.zeros((len(loci.all), len(TRAITS)))
    effects[np.searchsorted(loci.all, loci.reference), 0] = rng.standard_normal(len(loci.reference))
    for column, own in enumerate(loci.own, start=1):
        effects[np.searchsorted(loci.all, own), column] = rng.uniform(-0.2, 0.2, len(own))
    return effects


def dlgblup_model(qtl: Int8Array, effects: FloatArray, rng: np.random.Generator) -> GeneticModel:
    """Return the model that is fixed on base animals with dosages `qtl`, shape (animals, qtl)."""
    values = qtl.astype(np.float64) @ effects
    deviations = values.std(axis=0)
    scaled = effects / np.where(deviations > 0, deviations, 1.0)
    return fixed_model(qtl, scaled, TRAITS, LINKS, rng, correlations=np.eye(len(TRAITS)))


def dlgblup_population(
    settings: DLGBLUPSettings, rng: np.random.Generator, *, threads: int, progress: Progress
) -> BasePopulation:
    """Return the base animals; parameters are those of `herd_population`."""
    genome_rng, loci_rng, effects_rng = rng.spawn(3)
    design = GenomeDesign(settings.markers, len(CHROMOSOME_LENGTHS), settings.founders, qtl_on_chip=True)
    genome = base_genome(settings.animals, design, genome_rng, threads=threads, progress=progress)
    loci = Loci.drawn(sum(len(part.sites) for part in genome), loci_rng)
    genome = _with_qtl(genome, loci)
    model = dlgblup_model(qtl_of(genome), dlgblup_effects(loci, effects_rng), effects_rng)
    return BasePopulation(genome, model, TRAITS)


def _with_qtl(genome: list[BaseChromosome], loci: Loci) -> list[BaseChromosome]:
    """Return the chromosomes with the loci as QTL; every site is a marker, in map order."""
    ends = np.cumsum([len(part.sites) for part in genome])
    acts = np.isin(np.arange(ends[-1]), loci.all)
    return [part.with_qtl(mine) for part, mine in zip(genome, np.split(acts, ends[:-1]), strict=True)]


def trait_names() -> list[str]:
    """Return the names of the six traits."""
    return names_of(TRAITS)
