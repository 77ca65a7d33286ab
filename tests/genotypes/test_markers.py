from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import BASES, as_table, some_markers

from genialearn._arrays import as_ids
from genialearn.errors import AlignmentError, SettingError
from genialearn.genotypes import MarkerMap, compare_maps
from messages import exactly

COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A", "0": "0"}
NOT_PALINDROMIC = [(a, b) for a in BASES for b in BASES if b not in (a, COMPLEMENT[a])]
Pair = tuple[str, str]


def markers(*pairs: Pair, names: list[str] | None = None) -> MarkerMap:
    """Return a map of markers m1, m2, ... with these counted and other alleles."""
    numbered = MarkerMap.numbered(len(pairs))
    return MarkerMap(
        numbered.names if names is None else as_ids(names),
        numbered.chromosomes,
        numbered.centimorgans,
        numbered.positions,
        as_ids([counted for counted, _ in pairs]),
        as_ids([other for _, other in pairs]),
    )


def as_seen_elsewhere(pair: Pair, swap: bool, strand: bool, unseen: int) -> Pair:
    """Return the alleles where another one is counted, on the other strand, the first or the second unseen."""
    counted, other = ("0" if unseen == place else allele for place, allele in enumerate(pair, start=1))
    if strand:
        counted, other = COMPLEMENT[counted], COMPLEMENT[other]
    return (other, counted) if swap else (counted, other)


class TestMaps:
    def test_a_numbered_map_has_names_of_its_own(self) -> None:
        expected = [("m1", "0", 0.0, 1, "B", "A"), ("m2", "0", 0.0, 2, "B", "A")]

        assert expected == as_table(MarkerMap.numbered(2))

    @given(st.integers(1, 9).flatmap(lambda size: st.tuples(st.just(size), st.lists(st.integers(-size, size - 1)))))
    def test_a_selection_keeps_each_marker_together(self, case: tuple[int, list[int]]) -> None:
        size, chosen = case
        whole = some_markers(size)

        assert [as_table(whole)[index] for index in chosen] == as_table(whole.select(np.array(chosen, dtype=np.int64)))

    def test_columns_of_different_lengths_are_refused(self) -> None:
        message = "marker map: expected as many chromosomes, positions and alleles as names, found columns of 2 and 3."

        with pytest.raises(SettingError, match=exactly(message)):
            MarkerMap(*(np.zeros(length) for length in (3, 3, 2, 3, 3, 3)))


class TestCanonicalOrder:
    def test_numbered_chromosomes_come_first_by_value_then_positions_then_names(self) -> None:
        chromosomes = ["X", "10", "2", "2", "2", "01", "chr1"]
        positions = [1, 1, 7, 5, 5, 9, 0]
        names = ["a", "b", "c", "e", "d", "f", "g"]
        alleles = as_ids(["A"] * 7)
        whole = MarkerMap(as_ids(names), as_ids(chromosomes), np.zeros(7), np.array(positions), alleles, alleles)

        assert list("fdecbag") == whole.select(whole.canonical_order()).names.tolist()

    @given(st.permutations(range(12)))
    def test_the_order_of_the_file_does_not_matter(self, order: list[int]) -> None:
        whole = some_markers(12)
        shuffled = whole.select(np.array(order))

        expected = as_table(whole.select(whole.canonical_order()))
        assert expected == as_table(shuffled.select(shuffled.canonical_order()))

    @pytest.mark.parametrize(
        ("pair", "swap"),
        [
            (("A", "G"), False),
            (("G", "A"), True),
            (("0", "A"), True),
            (("A", "0"), False),
            (("0", "0"), False),
            (("ATG", "A"), True),
            (("B", "A"), True),
            (("1", "2"), False),
            (("a", "B"), True),
        ],
    )
    def test_the_alphabetically_first_allele_is_counted_and_an_unseen_one_never(self, pair: Pair, swap: bool) -> None:
        assert [swap] == markers(pair).canonical_swaps().tolist()


class TestComparisonOfAlleles:
    @pytest.mark.parametrize(
        ("ours", "theirs", "swapped", "complemented"),
        [
            # as they are, or swapped
            (("A", "G"), ("A", "G"), False, False),
            (("A", "G"), ("G", "A"), True, False),
            (("B", "A"), ("A", "B"), True, False),
            (("1", "2"), ("2", "1"), True, False),
            (("a", "g"), ("g", "a"), True, False),
            # insertions and deletions
            (("ATG", "A"), ("ATG", "A"), False, False),
            (("A", "ATG"), ("ATG", "A"), True, False),
            (("D", "I"), ("I", "D"), True, False),
            # on the other strand
            (("A", "G"), ("T", "C"), False, True),
            (("A", "G"), ("C", "T"), True, True),
            (("C", "A"), ("T", "G"), True, True),
            # palindromic and the same
            (("A", "T"), ("A", "T"), False, False),
            (("G", "C"), ("G", "C"), False, False),
            # an allele that PLINK never saw
            (("A", "0"), ("A", "G"), False, False),
            (("0", "G"), ("A", "G"), False, False),
            (("0", "A"), ("A", "G"), True, False),
            (("0", "A"), ("A", "0"), True, False),
            (("0", "A"), ("G", "0"), False, False),
            (("A", "0"), ("G", "0"), True, False),
            (("A", "0"), ("T", "G"), False, True),
            (("A", "G"), ("0", "T"), True, True),
            (("A", "C"), ("0", "G"), False, True),
            (("A", "0"), ("A", "T"), False, False),
            (("0", "0"), ("A", "G"), False, False),
            (("0", "0"), ("0", "0"), False, False),
            (("0", "B"), ("B", "0"), True, False),
            # what makes no sense but is the same
            (("A", "A"), ("A", "A"), False, False),
        ],
    )
    def test_alleles_that_agree(self, ours: Pair, theirs: Pair, swapped: bool, complemented: bool) -> None:
        match = compare_maps(markers(ours), markers(theirs))

        assert [swapped] == match.swaps.tolist()
        assert int(complemented) == match.n_strand

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            (("A", "T"), ("T", "A")),
            (("C", "G"), ("G", "C")),
            (("0", "A"), ("A", "T")),
            (("A", "T"), ("T", "0")),
            (("A", "0"), ("T", "0")),
            (("A", "G"), ("A", "C")),
            (("A", "G"), ("A", "T")),
            (("A", "T"), ("G", "C")),
            (("A", "G"), ("B", "A")),
            (("ATG", "A"), ("TAC", "T")),
            (("D", "I"), ("D", "J")),
            (("a", "g"), ("t", "c")),
            (("0", "0"), ("A", "A")),
        ],
    )
    def test_alleles_that_contradict_each_other(self, ours: Pair, theirs: Pair) -> None:
        message = (
            "marker map: expected the same two alleles at every shared marker, found 1 that differ or are palindromic "
            f"and swapped: m1 ({'/'.join(ours)} against {'/'.join(theirs)}). "
            "Bring both files to one strand and one assembly, or leave these markers out."
        )

        with pytest.raises(AlignmentError, match=exactly(message)):
            compare_maps(markers(ours), markers(theirs))

    @given(
        st.lists(
            st.tuples(st.sampled_from(NOT_PALINDROMIC), st.booleans(), st.booleans(), st.integers(0, 2)), min_size=1
        )
    )
    def test_swaps_are_found_on_either_strand_with_either_allele_unseen(
        self, cases: list[tuple[Pair, bool, bool, int]]
    ) -> None:
        ours = [pair for pair, _, _, _ in cases]
        theirs = [as_seen_elsewhere(*case) for case in cases]

        match = compare_maps(markers(*ours), markers(*theirs))

        assert [swap for _, swap, _, _ in cases] == match.swaps.tolist()
        assert sum(strand for _, _, strand, _ in cases) == match.n_strand
        assert match.swaps.tolist() == compare_maps(markers(*theirs), markers(*ours)).swaps.tolist()


class TestComparisonOfMaps:
    def test_markers_are_found_by_name_in_any_order(self) -> None:
        ours = markers(("A", "G"), ("A", "C"), ("G", "T"), names=["x", "y", "z"])
        theirs = markers(("T", "G"), ("C", "G"), ("A", "G"), names=["z", "new", "x"])

        match = compare_maps(ours, theirs)

        assert match.columns.tolist() == [2, -1, 0]
        assert match.swaps.tolist() == [False, False, True]
        assert (match.n_absent, match.n_unused, match.n_strand) == (1, 1, 0)
        assert ours is match.reference

    def test_palindromic_markers_that_appear_swapped_are_where_others_are_of_one_strand(self) -> None:
        ours = markers(("A", "T"), ("C", "G"), ("A", "G"), ("A", "0"))
        theirs = markers(("T", "A"), ("G", "C"), ("G", "A"), ("T", "A"))
        match = compare_maps(ours, theirs)

        assert match.swaps.tolist() == [True] * 4
        assert match.n_strand == 0

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [(("A", "G"), ("T", "C")), (("A", "G"), ("C", "T")), (("A", "0"), ("A", "G")), (("B", "A"), ("A", "B"))],
    )
    def test_they_are_refused_where_others_are_not_or_none_tells(self, ours: Pair, theirs: Pair) -> None:
        with pytest.raises(AlignmentError, match=r"found 1 that differ or are palindromic and swapped: m1 \(A/T"):
            compare_maps(markers(("A", "T"), ours), markers(("T", "A"), theirs))

    def test_three_contradictions_are_shown_and_all_are_counted(self) -> None:
        ours = markers(*[("A", "G")] * 1200)
        theirs = markers(*[("A", "C")] * 1200)

        shown = ", ".join(f"m{number} (A/G against A/C)" for number in (1, 2, 3))
        found = f"found 1,200 that differ or are palindromic and swapped: {shown}, ... Bring"
        with pytest.raises(AlignmentError, match=re.escape(found)):
            compare_maps(ours, theirs)

    def test_nothing_in_common_is_refused(self) -> None:
        ours = markers(("A", "G"), ("A", "G"))
        theirs = markers(*[("A", "G")] * 4, names=["w", "x", "y", "z"])

        with pytest.raises(
            AlignmentError,
            match=exactly(
                "marker map: expected markers such as m1, m2, found none of them among 4 markers such as w, x, y, ... "
                "Was the model fitted on another chip, or are the markers named otherwise?"
            ),
        ):
            compare_maps(ours, theirs)
