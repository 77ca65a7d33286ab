from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from cohorts_for_tests import family_cohort
from genialearn.cohorts import Cohort
from genialearn.experiments import Plan, description
from genialearn.experiments.description import describe_cohort
from tiny_cohort import BIRTH_YEARS, N_ANIMALS, N_MARKERS, TRAITS


@pytest.fixture
def described(planned: Callable[..., Plan]) -> dict[str, dict[str, object]]:
    return planned().description


def test_the_description_is_json_without_nan(described: dict[str, object]) -> None:
    assert described == json.loads(json.dumps(described, allow_nan=False))


def test_principal_components_have_one_point_an_animal(described: dict[str, dict[str, list[object]]]) -> None:
    components = described["pca"]

    assert len(components["animals"]) == len(components["scores"]) == len(components["birth_year"]) == N_ANIMALS
    assert components["birth_year"] == BIRTH_YEARS.tolist()
    assert 1 > components["variance_explained"][0] >= components["variance_explained"][1] > 0


def test_histograms_count_everything_once(described: dict[str, dict[str, dict[str, list[int]]]]) -> None:
    assert sum(described["relationships"]["diagonal"]["counts"]) == N_ANIMALS
    assert sum(described["relationships"]["off_diagonal"]["counts"]) == N_ANIMALS * (N_ANIMALS - 1) / 2
    assert sum(described["allele_frequencies"]["counts"]) == N_MARKERS
    assert len(described["allele_frequencies"]["edges"]) == 51


def test_holes_are_shares_of_animals_by_birth_year(described: dict[str, dict[str, list[object]]]) -> None:
    holes = described["holes"]

    assert holes["traits"] == TRAITS
    assert holes["bins"] == [f"{year} (20)" for year in range(2014, 2020)]
    assert holes["recorded"][0] == [1.0] * 6
    assert 0.6 < np.mean(holes["recorded"][TRAITS.index("health")]) < 0.9


def test_large_cohorts_are_described_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description, "MOST_ANIMALS", 40)
    monkeypatch.setattr(description, "MOST_MARKERS", 60)
    cohort = family_cohort()

    described = describe_cohort(cohort)

    assert len(described["pca"]["animals"]) == described["relationships"]["n_animals"] == 40
    assert described["pca"]["animals"][0] == cohort.animals[0]
    assert described["pca"]["animals"][-1] == cohort.animals[-1]
    assert sum(described["allele_frequencies"]["counts"]) == 300


def test_the_limits_keep_the_file_small() -> None:
    assert (description.MOST_ANIMALS, description.MOST_MARKERS, description.MOST_BINS) == (1000, 10_000, 30)


def test_without_birth_years_animals_are_binned_in_order() -> None:
    rng = np.random.default_rng(1)
    cohort = Cohort.from_arrays(rng.integers(0, 3, (65, 20)), rng.normal(size=(65, 2)))

    described = describe_cohort(cohort)

    assert described["pca"]["birth_year"] is None
    assert len(described["holes"]["bins"]) == 30
    assert described["holes"]["bins"][0] == "animals 1-3"
    assert described["holes"]["bins"][-1] == "animals 64-65"
