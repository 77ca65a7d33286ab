from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from genialearn._arrays import FloatArray, StrArray, as_ids
from genialearn.cohorts.simulate.pedigree import simulate_population
from genialearn.errors import FileFormatError
from genialearn.records import Pedigree
from genialearn.relationships import PedigreeRelationships, ancestry_of, inbreeding_coefficients, joined
from messages import exactly

Parents = Mapping[str, tuple[str, str]]

CASES: dict[str, tuple[Parents, str, float]] = {
    "unrelated parents": ({"s": "00", "d": "00", "x": "sd"}, "x", 0.0),
    "half sibs": ({"s": "00", "p": "s0", "q": "s0", "x": "pq"}, "x", 1 / 8),
    "full sibs": ({"s": "00", "d": "00", "p": "sd", "q": "sd", "x": "pq"}, "x", 1 / 4),
    "sire and daughter": ({"s": "00", "d": "00", "p": "sd", "x": "sp"}, "x", 1 / 4),
    "dam and son": ({"s": "00", "d": "00", "p": "sd", "x": "pd"}, "x", 1 / 4),
    "first cousins": (
        {"s": "00", "d": "00", "p": "sd", "q": "sd", "k": "p0", "l": "0q", "x": "kl"},
        "x",
        1 / 16,
    ),
    "full sibs twice": (
        {"s": "00", "d": "00", "p": "sd", "q": "sd", "k": "pq", "l": "pq", "x": "kl"},
        "x",
        3 / 8,
    ),
    "sire, daughter, granddaughter": ({"s": "00", "p": "s0", "q": "sp", "x": "sq"}, "x", 3 / 8),
    "an inbred common ancestor": ({"s": "00", "p": "s0", "a": "sp", "k": "a0", "l": "a0", "x": "kl"}, "x", 5 / 32),
    "selfing": ({"p": "00", "x": "pp"}, "x", 1 / 2),
    "selfing twice": ({"p": "00", "q": "pp", "x": "qq"}, "x", 3 / 4),
    "sire of one, dam of the other": ({"p": "00", "q": "00", "k": "pq", "l": "qp", "x": "kl"}, "x", 1 / 4),
    "one unknown parent": ({"s": "00", "p": "s0", "x": "p0"}, "x", 0.0),
}


def pedigree_of(parents: Parents) -> Pedigree:
    """The parents of each animal, "0" where unknown; the order of the animals is that of the mapping."""
    row_of = {name: row for row, name in enumerate(parents)} | {"0": -1}
    sires, dams = (np.array([row_of[pair[role]] for pair in parents.values()], dtype=np.int64) for role in (0, 1))
    return Pedigree(as_ids(list(parents)), sires, dams, np.full(len(parents), np.nan), as_ids([""] * len(parents)))


def related(parents: Parents, animals: str | list[str]) -> PedigreeRelationships:
    return PedigreeRelationships.of(pedigree_of(parents), as_ids(list(animals)))


def plain_relationship(parents: Parents, first: str, second: str) -> float:
    """By path recursion: the younger of the two is replaced by its parents, until both are founders."""
    if "0" in (first, second):
        return 0.0
    sire, dam = parents.get(first, ("0", "0"))
    if first == second:
        return 1 + plain_relationship(parents, sire, dam) / 2
    if _generation(parents, first) < _generation(parents, second):
        return plain_relationship(parents, second, first)
    return (plain_relationship(parents, sire, second) + plain_relationship(parents, dam, second)) / 2


def _generation(parents: Parents, animal: str) -> int:
    return max((1 + _generation(parents, parent) for parent in parents.get(animal, "00") if parent != "0"), default=0)


def plain_matrix(parents: Parents, rows: list[str], columns: list[str]) -> FloatArray:
    entries = [plain_relationship(parents, row, column) for row in rows for column in columns]
    return np.array(entries, dtype=np.float64).reshape(len(rows), len(columns))


@st.composite
def herds(draw: st.DrawFn) -> dict[str, tuple[str, str]]:
    """A pedigree of up to twelve animals in any order, with selfing and animals that are sires and dams."""
    n_animals = draw(st.integers(1, 12))
    names = draw(st.permutations([f"a{number}" for number in range(n_animals)]))
    parents = {}
    for number, name in enumerate(names):
        known = st.sampled_from(["0", *names[:number]])
        parents[name] = (draw(known), draw(known))
    return {name: parents[name] for name in draw(st.permutations(names))}


@st.composite
def herds_and_animals(draw: st.DrawFn) -> tuple[dict[str, tuple[str, str]], list[str]]:
    parents = draw(herds())
    return parents, draw(st.lists(st.sampled_from([*parents, "stranger", "another"]), min_size=1, max_size=8))


@pytest.fixture(scope="module")
def population() -> Pedigree:
    """A few thousand animals in seven generations, in random order."""
    animals = simulate_population(2_000, np.random.default_rng(1))
    order = np.random.default_rng(2).permutation(len(animals))
    row_of = np.append(np.argsort(order), -1)
    return Pedigree(
        as_ids([f"cow{number}" for number in order]),
        row_of[animals.sires[order]],
        row_of[animals.dams[order]],
        animals.birth_years[order].astype(np.float64),
        as_ids([""] * len(order)),
    )


class TestAncestry:
    def test_parents_come_first_and_only_ancestors_are_there(self) -> None:
        parents = {"x": "pd", "other": "s0", "p": "sd", "d": "00", "s": "00", "y": "x0"}

        ancestry = ancestry_of(pedigree_of(parents), as_ids(["x"]))

        assert ["d", "s", "p", "x"] == ancestry.ids.tolist()
        assert [-1, -1, 1, 2] == ancestry.sires.tolist()
        assert [-1, -1, 0, 0] == ancestry.dams.tolist()

    def test_strangers_are_founders(self) -> None:
        ancestry = ancestry_of(pedigree_of({"s": "00", "x": "s0"}), as_ids(["z", "x", "y", "z"]))

        assert ["y", "z", "s", "x"] == ancestry.ids.tolist()
        assert [-1, -1, -1, 2] == ancestry.sires.tolist()
        assert [-1, -1, -1, -1] == ancestry.dams.tolist()

    def test_birth_years_and_sexes_stay_with_their_animals(self) -> None:
        pedigree = Pedigree(
            as_ids(["x", "s"]), np.array([1, -1]), np.array([-1, -1]), np.array([2020.0, 2015.0]), as_ids(["", "male"])
        )

        ancestry = ancestry_of(pedigree, as_ids(["x", "stranger"]))

        np.testing.assert_array_equal([np.nan, 2015, 2020], ancestry.birth_years)
        assert ["", "male", ""] == ancestry.sexes.tolist()

    def test_nobody(self) -> None:
        assert 0 == len(ancestry_of(pedigree_of({"s": "00"}), as_ids([])))

    @settings(max_examples=50, deadline=None)
    @given(herds())
    def test_of_everybody_is_everybody_with_parents_first(self, parents: Parents) -> None:
        ancestry = ancestry_of(pedigree_of(parents), as_ids(sorted(parents)))

        assert sorted(parents) == sorted(ancestry.ids)
        for row, name in enumerate(ancestry.ids):
            known = [
                ancestry.ids[parent] if parent >= 0 else "0" for parent in (ancestry.sires[row], ancestry.dams[row])
            ]
            assert list(parents[name]) == known
            assert max(ancestry.sires[row], ancestry.dams[row]) < row

    @pytest.mark.parametrize(
        ("parents", "found"),
        [({"a": ("a", "0")}, "a <- a"), ({"x": ("b", "0"), "b": ("0", "c"), "c": ("b", "0")}, "b <- c <- b")],
    )
    def test_an_animal_that_is_its_own_ancestor(self, parents: Parents, found: str) -> None:
        message = (
            f"pedigree: expected no animal among its own ancestors, found a loop: {found}. "
            "Correct the parents of one of them."
        )
        with pytest.raises(FileFormatError, match=exactly(message)):
            related(parents, list(parents)[:1])


class TestInbreeding:
    @pytest.mark.parametrize("case", CASES)
    def test_by_hand(self, case: str) -> None:
        parents, animal, expected = CASES[case]

        relationships = related(parents, [animal])

        assert [1 + expected] == relationships.diagonal().tolist()
        assert [[1 + expected]] == relationships.as_matrix().tolist()

    @settings(max_examples=50, deadline=None)
    @given(herds())
    def test_it_is_half_the_relationship_of_the_parents(self, parents: Parents) -> None:
        ancestry = ancestry_of(pedigree_of(parents), as_ids(list(parents)))

        expected = [plain_relationship(parents, *parents[name]) / 2 for name in ancestry.ids]
        np.testing.assert_allclose(inbreeding_coefficients(ancestry.sires, ancestry.dams), expected, atol=1e-14)

    def test_many_generations_of_full_sibs(self) -> None:
        """F_t = (1 + 2 F_t-1 + F_t-2) / 4 (Wright 1921, Genetics 6:167-178)."""
        parents = {f"{sex}{t:02}": (f"s{t - 1:02}", f"d{t - 1:02}") for t in range(1, 40) for sex in "sd"}
        expected = [0.0, 0.0]
        for _ in range(2, 40):
            expected.append((1 + 2 * expected[-1] + expected[-2]) / 4)

        relationships = related({"s00": ("0", "0"), "d00": ("0", "0")} | parents, [f"s{t:02}" for t in range(40)])

        np.testing.assert_allclose(relationships.diagonal() - 1, expected, rtol=1e-13)

    def test_of_a_population(self, population: Pedigree) -> None:
        relationships = PedigreeRelationships.of(population, population.ids)

        assert relationships.inbreeding.max() > 0.05
        np.testing.assert_allclose(relationships.diagonal(), np.diag(relationships.as_matrix()), atol=1e-14)


class TestInverse:
    @settings(max_examples=50, deadline=None)
    @given(herds_and_animals())
    def test_times_relationships_it_is_the_identity(self, drawn: tuple[Parents, list[str]]) -> None:
        relationships = related(*drawn)
        everybody = PedigreeRelationships.of(relationships.pedigree, relationships.ancestry.ids)

        product = relationships.inverse() @ everybody.as_matrix()
        np.testing.assert_allclose(product, np.eye(len(everybody.animals)), atol=1e-9)

    def test_by_hand(self) -> None:
        """Henderson's rules: a calf adds 2 to itself, 1/2 to its parents and their pair, and -1 between them."""
        inverse = related({"d": "00", "s": "00", "x": "sd"}, "x").inverse()

        assert isinstance(inverse, sparse.csc_matrix)
        assert [[1.5, 0.5, -1.0], [0.5, 1.5, -1.0], [-1.0, -1.0, 2.0]] == inverse.toarray().tolist()

    def test_of_a_population_it_is_sparse(self, population: Pedigree) -> None:
        relationships = PedigreeRelationships.of(population, population.ids)
        values = np.random.default_rng(3).standard_normal((len(population), 2))
        ordered = PedigreeRelationships.of(population, relationships.ancestry.ids)

        inverse = relationships.inverse()
        assert inverse.nnz <= 9 * len(population)
        np.testing.assert_allclose(inverse @ ordered.matmat(values), values, atol=1e-10)


class TestProducts:
    def test_shape(self) -> None:
        assert (3, 3) == related({"s": "00", "x": "s0", "y": "s0"}, "xys").shape

    def test_by_hand(self) -> None:
        """Half sibs, and somebody else: relationships of 1, 1/4 and 0."""
        relationships = related({"s": "00", "x": "s0", "y": "s0"}, ["x", "stranger", "y"])

        expected = [[1.0, 0.0, 0.25], [0.0, 1.0, 0.0], [0.25, 0.0, 1.0]]
        assert expected == relationships.as_matrix().tolist()
        assert expected == relationships.matmat(np.eye(3)).tolist()

    def test_the_unlisted_sire_still_relates_his_daughters(self) -> None:
        parents = {"s": "00", "p": "s0", "q": "0s", "x": "p0", "y": "0q"}

        assert [[1.0, 1 / 16], [1 / 16, 1.0]] == related(parents, "xy").matmat(np.eye(2)).tolist()

    @settings(max_examples=50, deadline=None)
    @given(herds_and_animals())
    def test_the_dense_twin_is_the_plain_recursion(self, drawn: tuple[Parents, list[str]]) -> None:
        parents, animals = drawn

        expected = plain_matrix(parents, animals, animals)
        np.testing.assert_allclose(related(parents, animals).as_matrix(), expected, atol=1e-14)

    @settings(max_examples=50, deadline=None)
    @given(drawn=herds_and_animals(), n_columns=st.integers(0, 20), seed=st.integers(0, 100))
    def test_products_are_those_of_the_dense_twin(
        self, drawn: tuple[Parents, list[str]], n_columns: int, seed: int
    ) -> None:
        relationships = related(*drawn)
        values = np.random.default_rng(seed).standard_normal((len(relationships.animals), n_columns))

        np.testing.assert_allclose(relationships.matmat(values), relationships.as_matrix() @ values, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("n_columns", [1, 7, 8, 9, 33])
    def test_products_in_a_population(self, population: Pedigree, n_columns: int) -> None:
        relationships = PedigreeRelationships.of(population, population.ids[::3])
        values = np.random.default_rng(4).standard_normal((n_columns, relationships.shape[0])).T

        np.testing.assert_allclose(relationships.matmat(values), relationships.as_matrix() @ values, atol=1e-10)

    def test_whole_numbers_are_values_too(self) -> None:
        relationships = related({"s": "00", "x": "s0"}, "sx")

        assert [[2.0], [2.5]] == relationships.matmat(np.array([[1], [2]])).tolist()

    @pytest.mark.parametrize("values", [np.ones((3, 1)), np.ones(2)])
    def test_values_of_other_animals(self, values: FloatArray) -> None:
        message = f"values of shape {values.shape} can't be those of 2 animals"
        with pytest.raises(ValueError, match=exactly(message)):
            related({"s": "00", "x": "s0"}, "sx").matmat(values)

    def test_the_order_of_the_file_does_not_matter(self, population: Pedigree) -> None:
        order = np.argsort(population.ids)
        row_of = np.append(np.argsort(order), -1)
        sires, dams = row_of[population.sires[order]], row_of[population.dams[order]]
        other = Pedigree(population.ids[order], sires, dams, population.birth_years[order], population.sexes)
        animals = population.ids[:50]
        values = np.random.default_rng(5).standard_normal((50, 3))

        expected = PedigreeRelationships.of(population, animals).matmat(values)
        np.testing.assert_array_equal(expected, PedigreeRelationships.of(other, animals).matmat(values))


class TestBetween:
    @settings(max_examples=50, deadline=None)
    @given(drawn=herds_and_animals(), seed=st.integers(0, 100), data=st.data())
    def test_others_are_rows_of_the_plain_recursion(
        self, drawn: tuple[Parents, list[str]], seed: int, data: st.DataObject
    ) -> None:
        parents, animals = drawn
        others = data.draw(st.lists(st.sampled_from([*parents, "stranger", "someone else"]), max_size=6))
        values = np.random.default_rng(seed).standard_normal((len(animals), 2))

        expected = plain_matrix(parents, others, animals) @ values
        actual = related(parents, animals).between(as_ids(others), values)
        np.testing.assert_allclose(actual, expected, atol=1e-12)

    def test_among_themselves_it_is_the_product(self, population: Pedigree) -> None:
        relationships = PedigreeRelationships.of(population, population.ids[:100])
        values = np.random.default_rng(6).standard_normal((100, 2))

        np.testing.assert_array_equal(
            relationships.matmat(values), relationships.between(relationships.animals, values)
        )

    def test_calves_get_the_mean_of_their_parents(self, population: Pedigree) -> None:
        """Training animals aren't their descendants: the breeding value of a calf is then its parents' average."""
        calves, parents = _last_born(population)
        others = ~np.isin(population.ids, calves)
        relationships = PedigreeRelationships.of(population, population.ids[others])
        values = np.random.default_rng(7).standard_normal((int(others.sum()), 1))

        expected = (relationships.between(parents[0], values) + relationships.between(parents[1], values)) / 2
        np.testing.assert_allclose(relationships.between(calves, values), expected, atol=1e-12)

    @settings(max_examples=50, deadline=None)
    @given(drawn=herds_and_animals(), seed=st.integers(0, 100), data=st.data())
    def test_parent_averages_are_half_of_both_parents(
        self, drawn: tuple[Parents, list[str]], seed: int, data: st.DataObject
    ) -> None:
        parents, animals = drawn
        others = data.draw(st.lists(st.sampled_from([*parents, "stranger"]), max_size=6))
        values = np.random.default_rng(seed).standard_normal((len(animals), 2))
        sires, dams = ([parents.get(name, "00")[role] for name in others] for role in (0, 1))

        expected = (plain_matrix(parents, sires, animals) + plain_matrix(parents, dams, animals)) @ values / 2
        actual = related(parents, animals).parent_averages(as_ids(others), values)
        np.testing.assert_allclose(actual, expected, atol=1e-12)


class TestAnotherPedigree:
    """One that comes with the animals to predict."""

    def test_its_own_animals_are_added_with_their_parents(self) -> None:
        relationships = related({"s": "00", "x": "s0"}, "x").knowing(pedigree_of({"x": "00", "y": "xz", "z": "00"}))

        assert [[0.5], [0.0]] == relationships.between(as_ids(["y", "z"]), np.ones((1, 1))).tolist()
        assert [[0.5]] == relationships.between(as_ids(["s"]), np.ones((1, 1))).tolist()

    def test_relationships_among_known_animals_stay_what_they_are(self) -> None:
        """Even of those that only the other pedigree has parents for: a model was fitted without them."""
        values = np.random.default_rng(1).standard_normal((3, 2))
        relationships = related({"s": "00", "x": "s0", "y": "00"}, ["x", "y", "stranger"])
        other = pedigree_of({"s": "0q", "x": "sq", "q": "00", "y": "sq", "stranger": "sq"})

        np.testing.assert_array_equal(
            relationships.matmat(values), relationships.knowing(other).between(relationships.animals, values)
        )

    def test_the_same_pedigree_changes_nothing(self) -> None:
        relationships = related({"s": "00", "x": "s0"}, "x")

        assert relationships.knowing(relationships.pedigree) is relationships

    @settings(max_examples=50, deadline=None)
    @given(first=herds(), second=herds())
    def test_the_first_is_right_about_its_own(self, first: Parents, second: Parents) -> None:
        """Two herds with some names in common: nobody becomes an own ancestor."""
        both = joined(pedigree_of(first), pedigree_of(second))
        found = {
            name: tuple(both.ids[parent] if parent >= 0 else "0" for parent in (both.sires[row], both.dams[row]))
            for row, name in enumerate(both.ids)
        }

        assert {**second, **first} == found
        assert len(both) == len(ancestry_of(both, both.ids))


class TestDraws:
    def test_they_have_the_covariances_of_relatives(self) -> None:
        relationships = related({"s": "00", "d": "00", "p": "sd", "q": "sd", "x": "pq"}, ["x", "p", "stranger", "x"])
        drawn = relationships.draws(40_000, np.random.default_rng(1))

        np.testing.assert_allclose(np.cov(drawn), relationships.as_matrix(), atol=0.03)
        np.testing.assert_array_equal(drawn[0], drawn[3])


def _last_born(population: Pedigree) -> tuple[StrArray, tuple[StrArray, StrArray]]:
    last = np.flatnonzero(population.birth_years == population.birth_years.max())
    return population.ids[last], (population.ids[population.sires[last]], population.ids[population.dams[last]])
