"""The only place where names stand for generators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genialearn._checks import check_known
from genialearn.entry import Entry

if TYPE_CHECKING:
    from genialearn.contracts import GenotypeGenerator


CATALOGUE: Mapping[str, Entry[GenotypeGenerator]] = {
    "independent": Entry(
        "genialearn.generators.independent", "Independent", "baseline", "every marker by itself: the floor"
    ),
    "markov": Entry(
        "genialearn.generators.markov", "MarkovChain", "baseline", "a chain of a few markers' memory along chromosomes"
    ),
    "copying": Entry(
        "genialearn.generators.copying",
        "Copying",
        "copying",
        "mosaics of all training haplotypes with errors, after Li and Stephens; needs phased genotypes",
    ),
    "mosaic": Entry(
        "genialearn.generators.mosaic",
        "Mosaic",
        "copying",
        "mosaics of similar training haplotypes, by distance or family; needs phased genotypes",
    ),
    "matched-copying": Entry(
        "genialearn.generators.matched",
        "MatchedCopying",
        "copying",
        "gametes of known sires, and mosaics whose pieces change to what has long been alike; needs phased genotypes",
    ),
    "boltzmann": Entry(
        "genialearn.generators.boltzmann",
        "Boltzmann",
        "boltzmann",
        "tag markers from a Boltzmann machine, copies of real haplotypes between them; needs phased genotypes",
    ),
    "copula": Entry(
        "genialearn.generators.copula",
        "GaussianCopula",
        "baseline",
        "thresholds of normal variables, correlated as those behind the training genotypes",
    ),
    "gene-drop": Entry(
        "genialearn.generators.gene_drop",
        "GeneDrop",
        "pedigree",
        "descendants of the training animals by simulated meioses; needs phased genotypes",
    ),
    "families": Entry(
        "genialearn.generators.gene_drop",
        "GeneDrop",
        "pedigree",
        "offspring of artificial parents by boltzmann, in families as in the pedigree; needs phased genotypes",
        preset={"structure": "pedigree", "generations": 1, "founders": "boltzmann"},
    ),
    "vae": Entry(
        "genialearn.generators.vae",
        "VAE",
        "deep",
        "a variational autoencoder",
        library="torch",
        extra="deep",
    ),
    "gan": Entry(
        "genialearn.generators.gan",
        "GAN",
        "deep",
        "a generative adversarial network with Gumbel-softmax states",
        library="torch",
        extra="deep",
    ),
    "wgan-gp": Entry(
        "genialearn.generators.gan",
        "WassersteinGAN",
        "deep",
        "a Wasserstein network with gradient penalty and Gumbel-softmax states, as published",
        library="torch",
        extra="deep",
    ),
    "wgan-gp-local": Entry(
        "genialearn.generators.gan",
        "LocalWassersteinGAN",
        "deep",
        "the Wasserstein network with critics of marker windows, averaged weights, frequencies and linkage in its loss",
        library="torch",
        extra="deep",
    ),
    "pca-diffusion": Entry(
        "genialearn.generators.diffusion",
        "PCADiffusion",
        "deep",
        "denoising diffusion of each chromosome's principal components",
        library="torch",
        extra="deep",
    ),
}


def make_generator(name: str, settings: Mapping[str, Any] | None = None, **common: Any) -> GenotypeGenerator:
    """Return an unfitted generator; of the common settings (seed, threads) it takes those that it knows.

    Raises
    ------
    SettingError
        Where the generator or one of its own `settings` is unknown.
    """
    entry = CATALOGUE[check_known("generator", name, CATALOGUE)]
    return entry.make(f"generator {name}", settings or {}, common)
