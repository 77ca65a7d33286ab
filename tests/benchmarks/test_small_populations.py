"""What the benchmark of small populations simulates, and what it says of its table."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small_populations import REFERENCE, Models, gains, shown
from two_breeds import ADDITIVE, NONLINEAR, TRAITS, Sizes, TwoBreeds, breed_of, joined, linear_share, two_breeds

from genialearn.cohorts.simulate.pedigree import UNKNOWN, simulate_population


@pytest.fixture(scope="module")
def breeds() -> TwoBreeds:
    return two_breeds(Sizes(100, 80, 40, 60, 40), founders="independent", seed=1, threads=1)


class TestTwoBreeds:
    def test_populations_are_joined_with_their_parents(self) -> None:
        parts = [simulate_population(size, np.random.default_rng(size)) for size in (60, 40)]
        both = joined(*parts)
        breeds = breed_of(both)

        assert sum(map(len, parts)) == len(both)
        for breed, part in enumerate(parts):
            rows = np.flatnonzero(breeds == breed)
            for name in ("sires", "dams"):
                ours = getattr(both, name)[rows]
                number = np.full(len(both) + 1, UNKNOWN)
                number[rows] = np.arange(len(rows))
                np.testing.assert_array_equal(getattr(part, name), number[ours])
            np.testing.assert_array_equal(part.birth_years, both.birth_years[rows])

    def test_who_has_records(self, breeds: TwoBreeds) -> None:
        recorded = np.isfinite(breeds.cohort.records.values).all(axis=1)

        assert [100, 80, 40, 8] == [
            np.sum(~breeds.is_small), np.sum(breeds.is_small), np.sum(recorded & breeds.is_small), breeds.is_young.sum()
        ]  # fmt: skip
        assert recorded[~breeds.is_small].all()
        assert not recorded[breeds.is_young].any()
        assert set(ADDITIVE + NONLINEAR) == {trait.name for trait in TRAITS}

    def test_linear_share(self) -> None:
        rng = np.random.default_rng(1)
        qtl = rng.integers(0, 3, (500, 6)).astype(np.int8)
        line, noise = qtl @ rng.standard_normal(6), rng.standard_normal(500)
        curve = noise - np.polyval(np.polyfit(line, noise, 1), line)
        curve *= line.std() / curve.std()

        np.testing.assert_allclose([1, 0.5], linear_share(qtl, np.column_stack([line, line + curve])), atol=0.02)


class TestModels:
    def test_nobody_sees_the_youngest_or_records_that_it_should_not(self, breeds: TwoBreeds) -> None:
        models = Models(breeds, SimpleNamespace(members=1, epochs=1, threads=1), seed=1)
        young = set(breeds.cohort.animals[breeds.is_young])
        for name in ("_both", "_everybody", "_few", "_small", "_large", "_large_and_genotypes"):
            assert not young & set(getattr(models, name).animals)
        small = set(breeds.cohort.animals[breeds.is_small])
        assert not small & set(models._large_and_genotypes.records.animals)
        assert [140, 40, 72, 100, 172] == [
            len(each) for each in (models._both, models._few, models._small, models._large, models._large_and_genotypes)
        ]


def test_gains_are_paired_over_seeds() -> None:
    r = {REFERENCE: [0.5, 0.2, 0.4, 0.3], "other": [0.6, 0.2, 0.3, 0.5]}
    seeds, traits = [1, 1, 2, 2], [ADDITIVE[0], NONLINEAR[0]] * 2
    table = pd.concat(
        pd.DataFrame({"seed": seeds, "model": model, "trait": traits, "r": values, "seconds": 2.0})
        for model, values in r.items()
    )
    found = gains(table)

    assert [REFERENCE, "other"] == list(found.index)
    assert pytest.approx([0.45, 0.45]) == found["r, additive"].tolist()
    assert pytest.approx([0, 0.1]) == found["se of difference, additive"].tolist()
    assert "0.100 ± 0.100" == shown(found)["difference, non-linear"]["other"]
