from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from genialearn._arrays import as_ids
from genialearn.cohorts import Finding, Reconciliation, align
from genialearn.errors import AlignmentError, SettingError
from genialearn.genotypes import DenseGenotypes, MarkerMap, PackedGenotypes, _bits, dosages
from genialearn.records import Pedigree, RecordTable, Trait
from messages import exactly

NAN = float("nan")


def genotypes_of(*animals: str) -> PackedGenotypes:
    """Return two markers, of dosages that tell animals apart."""
    values = np.array([[row % 3, row // 3 % 3] for row in range(len(animals))], dtype=np.int8)
    return PackedGenotypes.whole(as_ids(animals), MarkerMap.numbered(2), _bits.pack(values))


def records_of(rows: dict[str, tuple[float, ...]], *, fixed: str = "", effects: Any = None) -> RecordTable:
    """Return the records of traits T1, T2, ...; a name may end in a number of stars to be repeated."""
    values = np.array(list(rows.values()), dtype=float)
    return RecordTable(
        tuple(Trait(f"T{column + 1}", fixed=fixed) for column in range(values.shape[1])),
        as_ids([name.rstrip("*") for name in rows]),
        values,
        np.ones_like(values),
        pd.DataFrame() if effects is None else pd.DataFrame(effects, dtype="str"),
    )


def pedigree_of(*animals: str) -> Pedigree:
    unknown = np.full(len(animals), -1)
    return Pedigree(as_ids(animals), unknown, unknown, np.full(len(animals), NAN), as_ids([""] * len(animals)))


class TestOneOrderOfAnimals:
    def test_records_follow_the_genotypes(self) -> None:
        cohort, report = align(genotypes_of("c", "a", "b"), records_of({"a": (1,), "b": (2,), "c": (3,)}))

        assert cohort.animals.tolist() == ["c", "a", "b"]
        assert cohort.records.animals.tolist() == ["c", "a", "b"]
        assert cohort.records.values[:, 0].tolist() == [3, 1, 2]
        assert (report.n_animals, report.n_markers) == (3, 2)
        assert report.lines() == ["every animal has genotype and records"]

    def test_whole_genotypes_are_not_copied(self) -> None:
        genotypes = genotypes_of("a", "b")

        assert genotypes is align(genotypes, records_of({"a": (1,), "b": (2,)}))[0].genotypes

    def test_repeated_records_stay_together_in_their_order(self) -> None:
        cohort, _ = align(genotypes_of("b", "a"), records_of({"a": (1,), "b": (2,), "a*": (3,), "b*": (4,)}))

        assert cohort.records.animals.tolist() == ["b", "b", "a", "a"]
        assert cohort.records.values[:, 0].tolist() == [2, 4, 1, 3]

    def test_the_pedigree_stays_whole(self) -> None:
        pedigree = pedigree_of("a", "b", "founder")

        assert pedigree is align(genotypes_of("a", "b"), records_of({"a": (1,), "b": (2,)}), pedigree)[0].pedigree


class TestReconciliation:
    def test_who_has_no_genotype_or_no_record_is_dropped_and_named(self) -> None:
        genotypes = genotypes_of("a", "g1", "b", "g2", "g3", "g4", "g5")
        records = records_of({"r1": (1,), "b": (2,), "g1": (NAN,), "a": (3,), "r2": (4,), "r1*": (5,), "r3": (NAN,)})

        cohort, report = align(genotypes, records)

        assert cohort.animals.tolist() == ["a", "b"]
        np.testing.assert_array_equal(dosages(genotypes)[[0, 2]], dosages(cohort.genotypes))
        assert report.lines() == [
            "animals with records but no genotype: 2 dropped (r1, r2)",
            "genotyped animals without records: 5 dropped (g1, g2, g3, ...)",
        ]

    def test_those_without_records_may_stay_to_be_predicted(self) -> None:
        cohort, report = align(genotypes_of("a", "g", "b"), records_of({"a": (1,), "b": (2,)}), keep_unrecorded=True)

        assert cohort.animals.tolist() == ["a", "g", "b"]
        assert cohort.records.animals.tolist() == ["a", "b"]
        assert report.lines() == ["genotyped animals without records: 1 kept (g)"]

    def test_records_that_lack_a_fixed_effect_are_dropped(self) -> None:
        records = records_of(
            {"a": (1, 2), "b": (3, 4), "c": (5, 6), "d": (7, NAN), "z": (9, 9)},
            fixed="herd",
            effects={"herd": ["A", "NA", "B", "", ""]},
        )

        cohort, report = align(genotypes_of("a", "b", "c", "d"), records)

        assert cohort.animals.tolist() == ["a", "c"]
        assert report.lines() == [
            "animals with records but no genotype: 1 dropped (z)",
            "records lacking a fixed effect: 2 dropped (b, d)",
            "genotyped animals without records: 2 dropped (b, d)",
        ]

    def test_a_trait_may_lose_records_that_another_keeps(self) -> None:
        records = RecordTable(
            (Trait("milk", fixed="herd"), Trait("fat")),
            as_ids(["a", "b", "c"]),
            np.array([[1, 2], [3, 4], [5, 7.0]]),
            np.ones((3, 2)),
            pd.DataFrame({"herd": ["A", "", "B"]}, dtype="str"),
        )

        cohort, report = align(genotypes_of("a", "b", "c"), records)

        np.testing.assert_array_equal([[1, 2], [NAN, 4], [5, 7]], cohort.records.values)
        assert report.lines() == ["records lacking a fixed effect: 1 dropped (b)"]

    def test_animals_that_the_pedigree_does_not_know_are_kept(self) -> None:
        cohort, report = align(genotypes_of("a", "b"), records_of({"a": (1,), "b": (2,)}), pedigree_of("b", "x"))

        assert len(cohort) == 2
        assert report.lines() == ["animals unknown to the pedigree: 1 kept without parents or birth year (a)"]

    @pytest.mark.parametrize(
        ("values", "suspects"),
        [((1, -9, 5, -9), ["b", "d"]), ((1, -9, 5, -8), []), ((1, 9, 5, 0), []), ((-9, NAN, 3, 4), ["a"])],
    )
    def test_what_may_be_the_missing_value_of_plink_is_pointed_out(
        self, values: tuple[float, ...], suspects: list[str]
    ) -> None:
        always_negative = (-1, -9, -2, -3)
        records = records_of(dict(zip("abcd", zip(values, always_negative, strict=True), strict=True)))

        cohort, report = align(genotypes_of("a", "b", "c", "d"), records)

        np.testing.assert_array_equal(values, cohort.records.values[:, 0])
        expected = (
            f"animals with -9 for a trait that is never negative otherwise: {len(suspects)} "
            f"kept as a number; write NA where nothing was recorded ({', '.join(suspects)})"
        )
        assert ([expected] if suspects else ["every animal has genotype and records"]) == report.lines()

    def test_counts_are_grouped_and_three_examples_shown(self) -> None:
        findings = (Finding("sheep", 12_345, ("a", "b", "c"), "dropped"), Finding("goats", 3, ("d", "e", "f"), "kept"))

        assert Reconciliation(findings, 1, 1).lines() == [
            "sheep: 12,345 dropped (a, b, c, ...)",
            "goats: 3 kept (d, e, f)",
        ]


class TestRefusal:
    def test_nobody_in_common(self) -> None:
        with pytest.raises(
            AlignmentError,
            match=exactly(
                "cohort: expected animals with both genotype and records, "
                "found none: the genotypes name a, b, c, ...; the records 1, 2. "
                "The ids of the traits must be the second column (IID) of the .fam file."
            ),
        ):
            align(genotypes_of("a", "b", "c", "d"), records_of({"1": (1,), "2": (2,)}))

    def test_nobody_with_all_fixed_effects(self) -> None:
        records = records_of({"a": (1,), "b": (2,)}, fixed="herd", effects={"herd": ["", "NA"]})

        with pytest.raises(
            AlignmentError,
            match=exactly(
                "cohort: expected animals with genotype, records and fixed effects, "
                "found none: 2 records lack a fixed effect, of a, b. "
                "Use another formula, or covariates of these animals."
            ),
        ):
            align(genotypes_of("a", "b"), records)

    def test_a_trait_that_does_not_vary_on_genotyped_animals(self) -> None:
        records = records_of({"a": (1, 5, 1), "b": (2, 5, NAN), "z": (3, 6, 2)})

        with pytest.raises(
            AlignmentError,
            match=exactly(
                "cohort: expected records that differ, of every trait, on animals with genotype, "
                "found 2 without: T2, T3. Name the traits to use with --trait."
            ),
        ):
            align(genotypes_of("a", "b"), records)

    def test_a_formula_that_cannot_be_computed_is_refused_at_once(self) -> None:
        records = records_of({"a": (1,), "b": (2,)}, fixed="log(age)", effects={"age": ["0", "2"]})

        with pytest.raises(SettingError, match=r"^fixed effects 'log\(age\)': expected finite values"):
            align(genotypes_of("a", "b"), records)


def test_packed_and_plain_genotypes_align_alike() -> None:
    packed = genotypes_of("a", "b", "c")
    plain = DenseGenotypes(packed.animals, packed.markers, dosages(packed))
    records = records_of({"c": (1,), "a": (2,)})

    ours, theirs = align(packed, records), align(plain, records)

    assert ours[1] == theirs[1]
    np.testing.assert_array_equal(dosages(ours[0].genotypes), dosages(theirs[0].genotypes))
