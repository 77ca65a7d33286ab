from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    SHAPES,
    as_table,
    dense,
    dosage_arrays,
    indices,
    masks,
    packed,
    selections,
    some_dosages,
    some_markers,
)

from genialearn._arrays import Int8Array, as_ids
from genialearn.errors import SettingError
from genialearn.genotypes import (
    DenseGenotypes,
    GenotypeMatrix,
    PackedGenotypes,
    allele_frequencies,
    canonical,
    compare_maps,
    dosages,
    matched,
)
from messages import exactly


def assert_same(expected: GenotypeMatrix, actual: GenotypeMatrix) -> None:
    assert expected.shape == actual.shape
    assert expected.animals.tolist() == actual.animals.tolist()
    assert as_table(expected.markers) == as_table(actual.markers)
    np.testing.assert_array_equal(dosages(expected), dosages(actual))


@pytest.mark.parametrize("make", [dense, packed])
@pytest.mark.parametrize("shape", SHAPES)
def test_genotypes_hold_what_they_were_made_of(make: object, shape: tuple[int, int]) -> None:
    values = some_dosages(shape)

    genotypes = make(values)  # type: ignore[operator]

    assert shape == genotypes.shape
    np.testing.assert_array_equal(values, dosages(genotypes))
    assert np.int8 == dosages(genotypes).dtype


@pytest.mark.parametrize("make", [dense, packed])
@pytest.mark.parametrize("width", [1, 2, 7, 300])
def test_blocks_of_any_width_cover_each_column_once(make: object, width: int) -> None:
    values = some_dosages((6, 15))
    genotypes = make(values)  # type: ignore[operator]

    blocks = list(genotypes.blocks(width))

    assert list(range(15)) == [column for columns, _ in blocks for column in range(15)[columns]]
    assert all(block.shape[1] <= width for _, block in blocks)
    for columns, block in blocks:
        np.testing.assert_array_equal(values[:, columns], block)


class TestSelection:
    @given(dosage_arrays, st.data())
    def test_packed_and_plain_agree_after_any_steps(self, values: Int8Array, data: st.DataObject) -> None:
        plain: GenotypeMatrix = dense(values)
        twin: GenotypeMatrix = packed(values)
        for _ in range(data.draw(st.integers(1, 4))):
            animals = data.draw(selections(plain.shape[0]))
            markers = data.draw(selections(plain.shape[1]))
            plain = plain.select(animals=animals, markers=markers)
            twin = twin.select(animals=animals, markers=markers)
            swap = data.draw(masks(plain.shape[1]))
            plain, twin = plain.recoded(swap), twin.recoded(swap)

        assert_same(plain, twin)

    @given(dosage_arrays, st.data())
    def test_a_selection_is_that_of_numpy(self, values: Int8Array, data: st.DataObject) -> None:
        animals, markers = (data.draw(indices(size, repeated=True)) for size in values.shape)

        actual = packed(values).select(animals=animals, markers=markers)

        np.testing.assert_array_equal(values[np.ix_(animals, markers)], dosages(actual))
        assert [f"a{animal}" for animal in animals] == actual.animals.tolist()
        assert as_table(some_markers(values.shape[1]).select(markers)) == as_table(actual.markers)

    @pytest.mark.parametrize(("n_chosen", "is_view"), [(40, True), (30, True), (10, True), (9, False), (1, False)])
    def test_most_animals_are_a_view_and_few_a_copy(self, n_chosen: int, is_view: bool) -> None:
        whole = packed(some_dosages((40, 12)))

        part = whole.select(animals=slice(0, n_chosen))

        assert is_view == np.shares_memory(whole.packed, part.packed)
        assert is_view or (12, -(-n_chosen // 4)) == part.packed.shape

    def test_everyone_in_order_is_the_whole_again(self) -> None:
        whole = packed(some_dosages((9, 4)))

        assert whole.select(animals=np.arange(9)).rows is None
        assert whole.select(animals=np.arange(9)[::-1]).rows is not None


class TestRecoding:
    @given(dosage_arrays, st.data())
    def test_a_swapped_marker_counts_the_other_allele(self, values: Int8Array, data: st.DataObject) -> None:
        swap = data.draw(masks(values.shape[1]))
        expected = np.where(swap & (values >= 0), 2 - values, values)
        table = [
            (*place, other, counted) if swapped else (*place, counted, other)
            for (*place, counted, other), swapped in zip(as_table(some_markers(len(swap))), swap, strict=True)
        ]

        for genotypes in (dense(values), packed(values)):
            recoded = genotypes.recoded(swap)

            np.testing.assert_array_equal(expected, dosages(recoded))
            assert table == as_table(recoded.markers)

    @given(dosage_arrays, st.data())
    def test_twice_is_not_at_all(self, values: Int8Array, data: st.DataObject) -> None:
        swap = data.draw(masks(values.shape[1]))

        assert_same(packed(values), packed(values).recoded(swap).recoded(swap))


class TestAlleleFrequencies:
    @given(dosage_arrays)
    def test_they_are_half_the_mean_dosage_of_the_called(self, values: Int8Array) -> None:
        expected = [column[column >= 0].mean() / 2 if (column >= 0).any() else 0 for column in values.T]

        np.testing.assert_allclose(expected, allele_frequencies(packed(values)))
        np.testing.assert_allclose(expected, allele_frequencies(dense(values)))

    def test_they_count_beyond_what_a_byte_holds(self) -> None:
        assert allele_frequencies(dense(np.full((300, 1), 2, dtype=np.int8))).tolist() == [1.0]


class TestCanonicalForm:
    @given(dosage_arrays, st.data())
    def test_order_and_coding_of_the_file_do_not_matter(self, values: Int8Array, data: st.DataObject) -> None:
        n_markers = values.shape[1]
        order = np.array(data.draw(st.permutations(range(n_markers))), dtype=np.int64)
        swap = data.draw(masks(n_markers))

        for make in (dense, packed):
            assert_same(canonical(make(values)), canonical(make(values).select(markers=order).recoded(swap)))

    def test_markers_by_map_and_the_alphabetically_first_allele_counted(self) -> None:
        formed = canonical(packed(some_dosages((5, 60)))).markers

        place = [("2", "10", "X").index(chromosome) for chromosome in formed.chromosomes]
        keys = list(zip(place, formed.positions.tolist(), formed.names, strict=True))
        assert sorted(keys) == keys
        assert {("A", "C"), ("G", "T"), ("A", "G"), ("A", "ATG"), ("A", "B"), ("T", "0"), ("G", "0")} == set(
            zip(formed.counted_alleles, formed.other_alleles, strict=True)
        )


class TestMatching:
    @given(dosage_arrays, st.data())
    def test_another_order_and_coding_is_read_as_the_reference(self, values: Int8Array, data: st.DataObject) -> None:
        reference = packed(values)
        order = np.array(data.draw(st.permutations(range(values.shape[1]))), dtype=np.int64)
        other = reference.select(markers=order).recoded(data.draw(masks(values.shape[1])))

        found = matched(other, compare_maps(reference.markers, other.markers))

        np.testing.assert_array_equal(values, dosages(found))

    def test_absent_markers_are_missing_for_everyone(self) -> None:
        values = some_dosages((6, 5))
        reference = packed(values)
        other = reference.select(markers=[4, 1])

        found = matched(other, compare_maps(reference.markers, other.markers))

        expected = np.where(np.isin(np.arange(5), (1, 4)), values, -1)
        np.testing.assert_array_equal(expected, dosages(found))
        assert as_table(reference.markers) == as_table(found.markers)

    @given(dosage_arrays, st.data())
    def test_packed_and_plain_agree_on_absent_markers_after_any_step(
        self, values: Int8Array, data: st.DataObject
    ) -> None:
        n_animals, n_markers = values.shape
        markers = some_markers(n_markers)
        present = data.draw(indices(n_markers).filter(len))
        swap = data.draw(masks(len(present)))
        animals, columns = data.draw(selections(n_animals)), data.draw(selections(n_markers))

        plain, twin = (
            matched(other, compare_maps(markers, other.markers)).select(animals=animals, markers=columns)
            for other in (make(values).select(markers=present).recoded(swap) for make in (dense, packed))
        )
        again = data.draw(masks(plain.shape[1]))
        plain, twin = plain.recoded(again), twin.recoded(again)

        assert_same(plain, twin)
        np.testing.assert_array_equal(allele_frequencies(plain), allele_frequencies(twin))

    def test_packed_genotypes_stay_packed_where_markers_are_absent(self) -> None:
        reference = packed(some_dosages((40, 5)))
        other = reference.select(markers=[4, 1])

        found = matched(other, compare_maps(reference.markers, other.markers))

        assert isinstance(found, PackedGenotypes)
        assert np.shares_memory(other.packed, found.packed)
        assert [-1, 1, -1, -1, 4] == found.columns.tolist()
        few = found.select(animals=slice(0, 9))
        assert not np.shares_memory(other.packed, few.packed)
        np.testing.assert_array_equal(dosages(found)[:9], dosages(few))


class TestRefusal:
    def test_a_shape_that_fits_no_animals_and_markers(self) -> None:
        with pytest.raises(SettingError, match=exactly("genotypes: expected dosages of shape (2, 3), found (3, 2).")):
            DenseGenotypes(as_ids(["a", "b"]), some_markers(3), np.zeros((3, 2), dtype=np.int8))

    @pytest.mark.parametrize(
        ("values", "found"),
        [
            (np.array([[0, 3]], dtype=np.int8), "int8 from 0 to 3"),
            (np.array([[-2, 1]], dtype=np.int8), "int8 from -2 to 1"),
            (np.array([[0.0, 1.5]]), "float64 from 0.0 to 1.5"),
        ],
    )
    def test_values_that_are_no_dosages(self, values: Int8Array, found: str) -> None:
        with pytest.raises(
            SettingError, match=exactly(f"genotypes: expected int8 dosages 0, 1, 2 or -1 (missing), found {found}.")
        ):
            DenseGenotypes(as_ids(["a"]), some_markers(2), values)
