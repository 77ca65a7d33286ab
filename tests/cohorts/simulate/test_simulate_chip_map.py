from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genialearn.cohorts.simulate import HerdSettings, simulate_herd
from genialearn.cohorts.simulate.chip_map import read_chip_map
from genialearn.cohorts.simulate.map import CHROMOSOME_LENGTHS
from genialearn.errors import FileFormatError, InputError
from genialearn.genotypes import allele_frequencies


def written(folder: Path, **changes: object) -> Path:
    """Write a map with 20 markers at the beginning of each chromosome, half of them rare."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "chromosome": np.repeat(np.arange(1, 30), 20),
            "position_bp": np.tile(np.arange(20) * 1_000_000 + 500_000, 29),
            "allele_frequency": np.tile([0.07, 0.6], 290),
        }
    ).iloc[rng.permutation(580)]
    for name, value in changes.items():
        table[name] = value
    table.to_csv(folder / "map.tsv.gz", sep="\t", index=False)
    return folder / "map.tsv.gz"


@pytest.mark.parametrize("selection", [0.0, 0.5])
def test_markers_are_where_the_map_says_and_as_frequent(tmp_path: Path, selection: float) -> None:
    settings = HerdSettings(
        animals=400, n_traits=1, chip_map=str(written(tmp_path)), founders="independent", selection=selection
    )

    herd = simulate_herd(settings)

    markers, frequencies = herd.genotypes.markers, allele_frequencies(herd.genotypes)
    assert settings.markers == 580
    assert len(markers) == 580
    away = markers.positions - np.tile(np.arange(20) * 1_000_000 + 500_000, 29)
    assert np.abs(away).max() <= 10_000
    rarer = np.minimum(frequencies, 1 - frequencies).reshape(-1, 2).mean(axis=0)
    assert rarer[0] < 0.2
    assert rarer[1] > 0.3


def test_frequencies_are_those_of_the_rarer_allele(tmp_path: Path) -> None:
    chip = read_chip_map(written(tmp_path))

    assert np.tile([0.07, 0.4], 290) == pytest.approx(chip.frequencies)
    assert len(chip.on(3)) == 20


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"position_bp": CHROMOSOME_LENGTHS[0]},
            r"map.tsv.gz: line 2: expected an autosome from 1 to 29, a position on it",
        ),
        ({"allele_frequency": 1.2}, r"and a frequency from 0 to 1, found \d+ \d+ 1.2\. Leave out markers of other"),
        ({"chromosome": "X"}, r"expected an autosome from 1 to 29"),
        ({"chromosome": 1}, r"map.tsv.gz: expected markers on each of the 29 autosomes, found none on 2, 3, 4"),
    ],
)
def test_impossible_maps(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        HerdSettings(chip_map=str(written(tmp_path, **changes)))


def test_absent_columns_and_files(tmp_path: Path) -> None:
    (tmp_path / "some.tsv").write_text("chromosome\tposition\n1\t2\n")

    with pytest.raises(
        FileFormatError, match=r"expected the columns chromosome, position_bp, allele_frequency, found no pos"
    ):
        read_chip_map(tmp_path / "some.tsv")
    with pytest.raises(InputError, match=r"none.tsv: no such file or directory"):
        read_chip_map(tmp_path / "none.tsv")
