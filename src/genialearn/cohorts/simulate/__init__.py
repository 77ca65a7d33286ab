"""Simulated cohorts of dairy cows, from Holstein founders to records with holes.

The files are the model, in this order: `demography` and `founders` (the oldest ancestors), `map` (the genome),
`history` (recent generations), `pedigree` (the cow population), `meiosis` (gametes and gene drop), `chip` (which sites
are markers and QTL), `genome` (all of it, chromosome by chromosome), `trait_catalogue`, `design` and `plan` (what is
asked), `correlations`, `architecture` and `reaction_norms` (genetic values), `scales`, `residuals` and `phenotypes`
(records), `summaries` and `record_tables` (how they are written down), `truth` and `realised` (what is behind them),
`herd` (everything in memory), `write` and `cohort` (everything in a folder).
"""

from genialearn.cohorts.simulate.architecture import ARCHITECTURES, Architecture, Link
from genialearn.cohorts.simulate.cohort import SimulationSummary, simulate_cohort
from genialearn.cohorts.simulate.design import Design, design_of, read_design
from genialearn.cohorts.simulate.herd import SimulatedHerd, simulate_herd
from genialearn.cohorts.simulate.pedigree import HerdDesign, Population, simulate_population
from genialearn.cohorts.simulate.settings import HerdSettings
from genialearn.cohorts.simulate.trait_catalogue import CATALOGUE, TraitDesign, chosen_traits

__all__ = [
    "ARCHITECTURES",
    "CATALOGUE",
    "Architecture",
    "Design",
    "HerdDesign",
    "HerdSettings",
    "Link",
    "Population",
    "SimulatedHerd",
    "SimulationSummary",
    "TraitDesign",
    "chosen_traits",
    "design_of",
    "read_design",
    "simulate_cohort",
    "simulate_herd",
    "simulate_population",
]
