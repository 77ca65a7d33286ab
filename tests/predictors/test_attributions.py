from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, with_trait_columns, with_values, without_fixed_effects
from genialearn.cohorts import Cohort
from genialearn.genotypes import canonical, dosages
from genialearn.genotypes.markers import MarkerMap
from genialearn.predictors.attributions import windows_of

pytest.importorskip("torch")

from genialearn.predictors.networks import Network

FAST: dict[str, Any] = {"width": 16, "max_epochs": 30, "members": 2, "batch_animals": 32, "threads": 1}
WIDTH = 10_000_000


def planted(column: int) -> tuple[Cohort, MarkerMap]:
    """Return a cohort with two traits of small effects, the first with a large QTL as well, and its map in order."""
    whole = without_fixed_effects(with_trait_columns(family_cohort(600, 100, seed=3, n_sires=20), [0, 2]))
    genotypes = canonical(whole.genotypes)
    rng = np.random.default_rng(5)
    markers = np.maximum(dosages(genotypes), 0).astype(float)
    values = markers @ rng.normal(0, 0.05, (100, 2)) + 0.5 * rng.standard_normal((600, 2))
    values[:, 0] += 1.5 * markers[:, column]
    return with_values(whole, values), genotypes.markers


@pytest.fixture(scope="module")
def fitted() -> tuple[Network, Cohort, MarkerMap]:
    cohort, markers = planted(41)
    return Network(**FAST, learning_rate=3e-3).fit(cohort), cohort, markers


class TestAttributions:
    def test_a_large_qtl_ranks_first(self, fitted: tuple[Network, Cohort, MarkerMap]) -> None:
        model, cohort, markers = fitted
        found = model.attributions(cohort, WIDTH)
        first = found.windows.iloc[int(np.argmax(found.importance[:, 0]))]

        assert markers.chromosomes[41] == first["chromosome"]
        assert first["start"] <= markers.positions[41] < first["end"]

    def test_their_sum_is_the_prediction_less_that_of_an_average_animal(
        self, fitted: tuple[Network, Cohort, MarkerMap]
    ) -> None:
        """An animal of which nothing is known is average."""
        model, cohort, _ = fitted
        some = cohort.select(slice(0, 20))
        unknown = type(some.genotypes)(
            some.genotypes.animals, some.genotypes.markers, np.full_like(dosages(some.genotypes), -1)
        )
        average = model.predict(Cohort(unknown, some.records))
        found = model.attributions(some, WIDTH).values

        assert found.shape[::2] == (20, 2)
        np.testing.assert_allclose(found.sum(axis=1), model.predict(some) - average, atol=1e-5)

    def test_the_width_of_windows_only_divides_them(self, fitted: tuple[Network, Cohort, MarkerMap]) -> None:
        model, cohort, _ = fitted
        some = cohort.select(slice(0, 5))
        fine, coarse = (model.attributions(some, width).values for width in (WIDTH, 10**10))

        np.testing.assert_allclose(fine.sum(axis=1), coarse.sum(axis=1), atol=1e-9)


def test_windows() -> None:
    markers = MarkerMap.numbered(5)
    object.__setattr__(markers, "chromosomes", np.array(["2", "1", "1", "1", "2"], dtype=object))
    object.__setattr__(markers, "positions", np.array([5, 99, 100, 350, 120]))
    windows, table = windows_of(markers, 100)

    assert [3, 0, 1, 2, 4] == windows.tolist()
    assert ["1", "1", "1", "2", "2"] == table["chromosome"].tolist()
    assert [0, 100, 300, 0, 100] == table["start"].tolist()
    assert [100, 200, 400, 100, 200] == table["end"].tolist()
    assert [1] * 5 == table["markers"].tolist()
