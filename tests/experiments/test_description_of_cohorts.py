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
    assert BIRTH_YEARS.tolist() == components["birth_year"]
    assert 1 > components["variance_explained"][0] >= components["variance_explained"][1] > 0


def test_histograms_count_everything_once(described: dict[str, dict[str, dict[str, list[int]]]]) -> None:
    assert N_ANIMALS == sum(described["relationships"]["diagonal"]["counts"])
    assert N_ANIMALS * (N_ANIMALS - 1) / 2 == sum(described["relationships"]["off_diagonal"]["counts"])
    assert N_MARKERS == sum(described["allele_frequencies"]["counts"])
    assert 51 == len(described["allele_frequencies"]["edges"])


def test_holes_are_shares_of_animals_by_birth_year(described: dict[str, dict[str, list[object]]]) -> None:
    holes = described["holes"]

    assert TRAITS == holes["traits"]
    assert [f"{year} (20)" for year in range(2014, 2020)] == holes["bins"]
    assert [1.0] * 6 == holes["recorded"][0]
    assert 0.6 < np.mean(holes["recorded"][TRAITS.index("health")]) < 0.9


def test_large_cohorts_are_described_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description, "MOST_ANIMALS", 40)
    monkeypatch.setattr(description, "MOST_MARKERS", 60)
    cohort = family_cohort()

    described = describe_cohort(cohort)

    assert len(described["pca"]["animals"]) == described["relationships"]["n_animals"] == 40
    assert cohort.animals[0] == described["pca"]["animals"][0]
    assert cohort.animals[-1] == described["pca"]["animals"][-1]
    assert 300 == sum(described["allele_frequencies"]["counts"])


def test_the_limits_keep_the_file_small() -> None:
    assert (1000, 10_000, 30) == (description.MOST_ANIMALS, description.MOST_MARKERS, description.MOST_BINS)


def test_without_birth_years_animals_are_binned_in_order() -> None:
    rng = np.random.default_rng(1)
    cohort = Cohort.from_arrays(rng.integers(0, 3, (65, 20)), rng.normal(size=(65, 2)))

    described = describe_cohort(cohort)

    assert described["pca"]["birth_year"] is None
    assert 30 == len(described["holes"]["bins"])
    assert "animals 1-3" == described["holes"]["bins"][0]
    assert "animals 64-65" == described["holes"]["bins"][-1]
