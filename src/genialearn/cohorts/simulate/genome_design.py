"""How many sites a simulated genome has, and where its founders come from."""

from __future__ import annotations

from dataclasses import dataclass, field

from genialearn.cohorts.simulate.calling import Calling
from genialearn.cohorts.simulate.chip_map import ChipMap
from genialearn.cohorts.simulate.demography import ANCIENT, recent_sizes

FOUNDERS = ("coalescent", "independent")
YOUNG_FOUNDERS = 24
"""Where the history of founders in linkage equilibrium begins, in generations ago."""


@dataclass(frozen=True)
class GenomeDesign:
    """How many sites there are and where the founders come from; see `simulate_herd`."""

    n_markers: int
    n_qtl: int
    founders: str
    qtl_on_chip: bool
    phased: bool = False
    other_breeds: tuple[str, ...] = ()
    calling: Calling = field(default_factory=Calling)
    chip: ChipMap | None = None

    @property
    def n_segments(self) -> int:
        """How many segments of ancient history are simulated: some 60 ms each, and enough sites for every tile."""
        return max(20, min(self.n_markers // 25, 200), self.n_markers // 100)

    @property
    def sizes(self) -> list[int]:
        """Sizes of the generations between the founders and the pedigree, the oldest first."""
        return self.sizes_of("holstein")

    def sizes_of(self, breed: str) -> list[int]:
        """Return the same of another breed."""
        return recent_sizes(ANCIENT if self.founders == "coalescent" else YOUNG_FOUNDERS, breed=breed)
