from __future__ import annotations

import pytest

from genialearn.cohorts.simulate import HerdSettings, SimulatedHerd, simulate_herd


@pytest.fixture(scope="session")
def herd() -> SimulatedHerd:
    """All traits on founders in linkage equilibrium; read only."""
    return simulate_herd(HerdSettings(animals=600, markers=600, founders="independent", seed=7))


@pytest.fixture(scope="session")
def breed() -> SimulatedHerd:
    """A herd with Holstein history; read only."""
    return simulate_herd(HerdSettings(animals=800, markers=2000, n_traits=3, n_qtl=100, seed=3))
