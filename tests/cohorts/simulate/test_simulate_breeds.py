from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genialearn.cohorts.simulate import HerdSettings, SimulatedHerd, simulate_herd
from genialearn.cohorts.simulate.demography import ANCIENT, BREEDS, recent_sizes
from genialearn.cohorts.simulate.write import bed_file, write_herd
from genialearn.errors import SettingError
from genialearn.genotypes import dosages, read_plink

CROSSING = (("jersey", 0.3), ("angus", 0.2))


@pytest.fixture(scope="module")
def crossed() -> SimulatedHerd:
    settings = HerdSettings(animals=500, markers=400, n_traits=1, founders="independent", seed=5, crossing=CROSSING)
    return simulate_herd(settings)


def shares(herd: SimulatedHerd) -> pd.DataFrame:
    """Return the share of each animal's genome that came from each other breed."""
    found = {
        name: origin.alleles().reshape(len(origin.animals), 2, -1).mean(axis=2) for name, origin in herd.origins.items()
    }
    return pd.DataFrame({(name, side): value[:, side] for name, value in found.items() for side in (0, 1)})


def test_sizes_of_breeds_are_in_the_order_of_their_histories() -> None:
    last = {breed: recent_sizes(ANCIENT, breed=breed)[-1] for breed in BREEDS}

    assert last["holstein"] == 120
    assert last["angus"] < last["jersey"] < last["holstein"] < last["fleckvieh"]
    assert len({len(recent_sizes(ANCIENT, breed=breed)) for breed in BREEDS}) == 1


def test_heifers_have_sires_of_other_breeds_as_often_as_asked(crossed: SimulatedHerd) -> None:
    from_sire = shares(crossed)

    for breed, share in CROSSING:
        assert np.mean(from_sire[breed, 0] == 1) == pytest.approx(share, abs=0.06)
    assert from_sire[[(breed, 0) for breed, _ in CROSSING]].isin([0, 1]).all(axis=None)


def test_what_dams_pass_on_is_a_mosaic_of_their_breeds(crossed: SimulatedHerd) -> None:
    from_dam = shares(crossed)["jersey", 1]

    assert from_dam.between(0.05, 0.95).mean() > 0.2
    assert 0.1 < from_dam.mean() < 0.3


def test_no_allele_has_two_origins(crossed: SimulatedHerd) -> None:
    both = sum(origin.alleles().astype(int) for origin in crossed.origins.values())

    assert both.max() == 1


def test_breeds_differ_in_frequencies(crossed: SimulatedHerd) -> None:
    pure = shares(crossed).sum(axis=1).to_numpy() == 0
    half = shares(crossed)["jersey", 0].to_numpy() == 1
    copies = dosages(crossed.genotypes).astype(float)
    names = crossed.pedigree.set_index("id").loc[crossed.genotypes.animals, "sire"]

    apart = np.abs(copies[pure].mean(axis=0) - copies[half].mean(axis=0)) / 2
    order = np.random.default_rng(1).permutation(np.flatnonzero(pure))
    within = np.abs(copies[order[::2]].mean(axis=0) - copies[order[1::2]].mean(axis=0)) / 2
    assert pure.sum() > 50
    assert apart.mean() > 2 * within.mean()
    assert names[half].nunique() > 5


def test_origins_are_written_as_genotypes(crossed: SimulatedHerd, tmp_path: Path) -> None:
    settings = HerdSettings(animals=60, markers=100, n_traits=1, founders="independent", seed=5, crossing=CROSSING)
    herd = simulate_herd(settings, bed=bed_file(tmp_path))
    write_herd(tmp_path, herd)

    written = read_plink(tmp_path / "truth" / "origin_jersey")
    table = pd.read_csv(tmp_path / "truth" / "breeds.tsv", sep="\t")
    assert written.markers.names.tolist() == herd.genotypes.markers.names.tolist()
    assert table["id"].tolist() == written.animals.tolist()
    assert table["jersey"].to_numpy() == pytest.approx(dosages(written).mean(axis=1) / 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crossing": (("jersy", 0.3),)}, r"crossing: expected a known name, found 'jersy'\. Did you mean jersey\?"),
        ({"crossing": (("jersey", 1.3),)}, r"crossing jersey: expected a number from 0 to 1, found 1\.3"),
        ({"crossing": (("jersey", 0.7), ("angus", 0.6))}, r"crossing: expected shares whose sum is at most 1"),
        ({"crossing": (("jersey", 0.1), ("jersey", 0.2))}, r"crossing: expected every breed once"),
        ({"crossing": (("jersey", 0.1),), "selection": 0.5}, r"crossing: expected a herd without selection"),
    ],
)
def test_impossible_crossing(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        HerdSettings(**changes)  # type: ignore[arg-type]
