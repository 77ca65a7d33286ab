from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import bed_reader
import numpy as np
import pytest
from strategies import SHAPES, as_table, dense, packed, some_dosages

from genialearn._arrays import Int8Array, as_ids
from genialearn.errors import FileFormatError, InputError, SettingError
from genialearn.genotypes import (
    DenseGenotypes,
    GenotypeMatrix,
    MarkerMap,
    dosages,
    read_bim,
    read_fam,
    read_plink,
    write_plink,
)
from genialearn.genotypes.plink import fileset, write_bim
from messages import exactly

BIM = ["1 rs1 0.5 100 A G", "X rs2 0 200 ATG A"]
FAM = ["f a 0 0 1 -9", "f b a 0 2 -9"]


def read_by_bed_reader(bed: bed_reader.open_bed, index: object = None) -> Int8Array:
    found = bed.read(index, dtype="int8", num_threads=1)
    return np.where(found == -127, np.int8(-1), found)


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A fileset of two animals and two markers, to be damaged."""
    (tmp_path / "herd.bim").write_text("\n".join(BIM) + "\n")
    (tmp_path / "herd.fam").write_text("\n".join(FAM) + "\n")
    (tmp_path / "herd.bed").write_bytes(bytes.fromhex("6c1b01 0b 0e"))
    return tmp_path / "herd"


class TestAgainstBedReader:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_it_reads_what_is_written(self, tmp_path: Path, shape: tuple[int, int]) -> None:
        values = some_dosages(shape)
        genotypes = packed(values)

        write_plink(tmp_path / "herd", genotypes)

        with bed_reader.open_bed(tmp_path / "herd.bed") as bed:
            np.testing.assert_array_equal(values, read_by_bed_reader(bed))
            assert genotypes.animals.tolist() == bed.iid.tolist()
            assert genotypes.markers.names.tolist() == bed.sid.tolist()
            assert genotypes.markers.counted_alleles.tolist() == bed.allele_1.tolist()
            assert genotypes.markers.other_alleles.tolist() == bed.allele_2.tolist()
            assert genotypes.markers.positions.tolist() == bed.bp_position.tolist()

    @pytest.mark.parametrize("shape", SHAPES)
    def test_what_it_writes_is_read(self, tmp_path: Path, shape: tuple[int, int]) -> None:
        values = some_dosages(shape)
        bed_reader.to_bed(
            tmp_path / "herd.bed",
            np.where(values < 0, -127, values).astype(np.int8),
            properties={
                "iid": [f"cow{animal}" for animal in range(shape[0])],
                "sid": [f"snp{marker}" for marker in range(shape[1])],
                "allele_1": ["B"] * shape[1],
                "allele_2": ["A"] * shape[1],
            },
            num_threads=1,
        )

        genotypes = read_plink(tmp_path / "herd")

        np.testing.assert_array_equal(values, dosages(genotypes))
        assert [f"cow{animal}" for animal in range(shape[0])] == genotypes.animals.tolist()
        assert {("B", "A")} == set(zip(genotypes.markers.counted_alleles, genotypes.markers.other_alleles, strict=True))


class TestWritingAndReadingBack:
    @pytest.mark.parametrize("make", [dense, packed])
    @pytest.mark.parametrize("shape", SHAPES)
    def test_everything_comes_back(
        self, tmp_path: Path, make: Callable[[Int8Array], GenotypeMatrix], shape: tuple[int, int]
    ) -> None:
        genotypes = make(some_dosages(shape))

        write_plink(tmp_path / "herd", genotypes)
        back = read_plink(tmp_path / "herd")

        assert genotypes.animals.tolist() == back.animals.tolist()
        assert as_table(genotypes.markers) == as_table(back.markers)
        np.testing.assert_array_equal(dosages(genotypes), dosages(back))

    def test_a_view_is_written_as_it_is_seen(self, tmp_path: Path) -> None:
        write_plink(tmp_path / "all", packed(some_dosages((9, 6))))
        whole = read_plink(tmp_path / "all")
        view = whole.select(animals=[8, 0, 3, 4, 1], markers=[5, 0]).recoded(np.array([True, False]))

        write_plink(tmp_path / "part", view)

        np.testing.assert_array_equal(dosages(view), dosages(read_plink(tmp_path / "part")))
        assert as_table(view.markers) == as_table(read_plink(tmp_path / "part").markers)

    def test_a_fileset_can_replace_the_one_it_is_read_from(self, tmp_path: Path) -> None:
        values = some_dosages((9, 6))
        write_plink(tmp_path / "herd", packed(values))

        write_plink(tmp_path / "herd", read_plink(tmp_path / "herd").select(animals=slice(None, None, -1)))

        np.testing.assert_array_equal(values[::-1], dosages(read_plink(tmp_path / "herd")))

    def test_nothing_is_read_before_it_is_needed(self, prefix: Path) -> None:
        genotypes = read_plink(prefix)

        assert isinstance(genotypes.packed, np.memmap)
        assert not genotypes.packed.flags.writeable

    def test_parents_and_sexes_come_back(self, tmp_path: Path) -> None:
        genotypes = dense(some_dosages((3, 2)))

        write_plink(
            tmp_path / "herd",
            genotypes,
            sires=as_ids(["bull", "0", "bull"]),
            dams=as_ids(["0", "cow", "cow"]),
            sexes=as_ids(["male", "female", ""]),
        )
        fam = read_fam(tmp_path / "herd.fam")

        assert genotypes.animals.tolist() == fam.ids.tolist()
        assert fam.sires.tolist() == ["bull", "0", "bull"]
        assert fam.dams.tolist() == ["0", "cow", "cow"]
        assert fam.sexes.tolist() == ["male", "female", ""]
        assert (tmp_path / "herd.fam").read_text().splitlines(keepends=True)[0] == "a0\ta0\tbull\t0\t1\t-9\n"

    @pytest.mark.parametrize("ending", ["", ".bed", ".bim", ".fam"])
    def test_each_file_stands_for_the_set(self, prefix: Path, ending: str) -> None:
        assert read_plink(f"{prefix}{ending}").shape == (2, 2)
        assert tuple(Path(f"{prefix}{name}") for name in (".bed", ".bim", ".fam")) == fileset(f"{prefix}{ending}")

    def test_a_prefix_may_have_dots(self, tmp_path: Path) -> None:
        write_plink(tmp_path / "herd.v1.2", dense(some_dosages((2, 2))))

        assert read_plink(tmp_path / "herd.v1.2").shape == (2, 2)


class TestReading:
    def test_a_small_fileset(self, prefix: Path) -> None:
        genotypes = read_plink(prefix)

        assert as_table(genotypes.markers) == [("rs1", "1", 0.5, 100, "A", "G"), ("rs2", "X", 0.0, 200, "ATG", "A")]
        assert genotypes.animals.tolist() == ["a", "b"]
        assert dosages(genotypes).tolist() == [[0, 1], [1, 0]]

    def test_identifiers_that_look_like_numbers_stay_as_they_are(self, prefix: Path) -> None:
        Path(f"{prefix}.fam").write_text("0 007 0 0 0 1\n0 7 0 0 0 1\n")

        assert read_plink(prefix).animals.tolist() == ["007", "7"]

    @pytest.mark.parametrize("text", ["{}\r\n{}\r\n", "{}\n{}", "\ufeff{}\n{}\n", "{}\n{}\n\n \n"])
    def test_line_endings_marks_and_a_blank_end_do_not_matter(self, prefix: Path, text: str) -> None:
        Path(f"{prefix}.bim").write_text(text.format(*BIM), newline="")
        Path(f"{prefix}.fam").write_text(text.format(*FAM), newline="")

        assert read_plink(prefix).shape == (2, 2)
        assert read_bim(f"{prefix}.bim").names.tolist() == ["rs1", "rs2"]

    @pytest.mark.parametrize(
        ("text", "position"), [("1e+06", 1_000_000), ("0", 0), ("-5", -5), ("100.0", 100), (str(2**53), 2**53)]
    )
    def test_positions_are_whole_numbers_however_written(self, prefix: Path, text: str, position: int) -> None:
        Path(f"{prefix}.bim").write_text(f"1 rs1 0 {text} A G\n")

        assert [position] == read_bim(f"{prefix}.bim").positions.tolist()


class TestRefusal:
    @pytest.mark.parametrize("ending", [".fam", ".bim"])
    @pytest.mark.parametrize(("line", "found"), [("1 rs3 0 1 A", 5), ("1 rs3 0 1 A G C", 7), ("", 0)])
    def test_another_number_of_columns(self, prefix: Path, ending: str, line: str, found: int) -> None:
        path = Path(f"{prefix}{ending}")
        path.write_text(f"{path.read_text()}{line}\n1 rs9 0 1 A G\n")

        with pytest.raises(
            FileFormatError,
            match=exactly(f"{path}: line 3: expected 6 columns, found {found}. Was the file saved by a spreadsheet?"),
        ):
            read_plink(prefix)

    @pytest.mark.parametrize(
        ("ending", "what"), [(".fam", "one line for each of the animals"), (".bim", "one line for each of the markers")]
    )
    @pytest.mark.parametrize("content", ["", "\n\n"])
    def test_an_empty_file(self, prefix: Path, ending: str, what: str, content: str) -> None:
        Path(f"{prefix}{ending}").write_text(content)

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{prefix}{ending}: expected {what}, found an empty file. "
                "Is this the right file, and was it written to its end?"
            ),
        ):
            read_plink(prefix)

    @pytest.mark.parametrize(
        ("ending", "line", "what"),
        [(".fam", "f{} same 0 0 0 0", "animal"), (".bim", "1 same 0 {} A G", "marker")],
    )
    def test_names_that_come_twice(self, prefix: Path, ending: str, line: str, what: str) -> None:
        Path(f"{prefix}{ending}").write_text("\n".join(line.format(number) for number in range(3)))

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{prefix}{ending}: expected every {what} once, found 1 repeated: same. "
                f"Give each {what} a name of its own."
            ),
        ):
            read_plink(prefix)

    @pytest.mark.parametrize("text", ["?", "1.5", "nan", "inf", "1e30", "9" * 30, "1_000"])
    def test_positions_that_are_no_whole_number(self, prefix: Path, text: str) -> None:
        Path(f"{prefix}.bim").write_text(f"{BIM[0]}\n1 rs3 0 {text} A G\n")

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{prefix}.bim: line 2: expected a position in whole base pairs, found '{text}'. "
                "Write 0 where it's unknown."
            ),
        ):
            read_bim(f"{prefix}.bim")

    @pytest.mark.parametrize("text", ["NA", "nan", "inf", "0,5"])
    def test_centimorgans_that_are_no_number(self, prefix: Path, text: str) -> None:
        Path(f"{prefix}.bim").write_text(f"1 rs1 {text} 1 A G\n")

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{prefix}.bim: line 1: expected a position in cM, found '{text}'. Write 0 where it's unknown."
            ),
        ):
            read_bim(f"{prefix}.bim")

    @pytest.mark.parametrize(
        ("content", "found"),
        [(b"", "an empty file"), (b"\x6c", "6c"), (b"\x6c\x1b\x00\x0b\x0e", "6c 1b 00"), (b"PK\x03\x04", "50 4b 03")],
    )
    def test_a_bed_file_that_is_none(self, prefix: Path, content: bytes, found: str) -> None:
        Path(f"{prefix}.bed").write_bytes(content)

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{prefix}.bed: expected a file that begins with the bytes 6c 1b 01, found {found}. "
                "Write it as a marker-major PLINK 1 fileset (plink --make-bed)."
            ),
        ):
            read_plink(prefix)

    @pytest.mark.parametrize("n_bytes", [3, 4, 6])
    def test_a_bed_file_of_another_size(self, prefix: Path, n_bytes: int) -> None:
        Path(f"{prefix}.bed").write_bytes(bytes.fromhex("6c1b01 0b 0e 0f")[:n_bytes])

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{prefix}.bed: expected 5 bytes for 2 animals x 2 markers, found {n_bytes} bytes. "
                "Was the file truncated, or does it belong to another .bim or .fam file?"
            ),
        ):
            read_plink(prefix)

    @pytest.mark.parametrize("ending", [".bed", ".bim", ".fam"])
    def test_an_absent_file(self, prefix: Path, ending: str) -> None:
        Path(f"{prefix}{ending}").unlink()

        with pytest.raises(
            InputError, match=exactly(f"{prefix}{ending}: no such file or directory. Check the name and the folder.")
        ):
            read_plink(prefix)

    @pytest.mark.parametrize("ending", [".bed", ".bim", ".fam"])
    def test_a_folder_instead_of_a_file(self, prefix: Path, ending: str) -> None:
        Path(f"{prefix}{ending}").unlink()
        Path(f"{prefix}{ending}").mkdir()

        with pytest.raises(InputError, match=exactly(f"{prefix}{ending}: is a directory. Name a file, not a folder.")):
            read_plink(prefix)

    def test_a_binary_file_instead_of_text(self, prefix: Path) -> None:
        Path(f"{prefix}.bim").write_bytes(b"1 rs1\xff")

        with pytest.raises(FileFormatError, match="line 1: expected text in UTF-8, found the byte 0xff"):
            read_plink(prefix)

    @pytest.mark.parametrize(("name", "shown"), [("my cow", "'my cow'"), ("", "''"), ("a\tb", r"'a\tb'")])
    def test_names_that_plink_cannot_hold(self, tmp_path: Path, name: str, shown: str) -> None:
        genotypes = DenseGenotypes(as_ids([name]), MarkerMap.numbered(1), np.zeros((1, 1), dtype=np.int8))

        with pytest.raises(
            SettingError,
            match=exactly(
                f"{tmp_path / 'herd.fam'}: expected names and alleles without blanks, "
                f"found 1 with blanks or empty: {shown}. Rename them before writing PLINK files."
            ),
        ):
            write_plink(tmp_path / "herd", genotypes)

        assert list(tmp_path.iterdir()) == []

    def test_alleles_that_plink_cannot_hold(self, tmp_path: Path) -> None:
        numbered = MarkerMap.numbered(1)
        markers = MarkerMap(
            numbered.names,
            numbered.chromosomes,
            numbered.centimorgans,
            numbered.positions,
            as_ids(["A or G"]),
            numbered.other_alleles,
        )

        with pytest.raises(SettingError, match=r"expected names and alleles without blanks, found 1 .*: 'A or G'"):
            write_bim(tmp_path / "herd.bim", markers)


@pytest.mark.real
@pytest.mark.skipif("GENIALEARN_REAL_DATA" not in os.environ, reason="GENIALEARN_REAL_DATA isn't set")
def test_real_filesets_are_read_as_bed_reader_does() -> None:
    filesets = sorted(Path(os.environ["GENIALEARN_REAL_DATA"]).glob("*/*.bed"))

    assert filesets
    for path in filesets:
        genotypes = read_plink(path)
        some = np.linspace(0, genotypes.shape[1] - 1, 200).astype(np.int64)
        with bed_reader.open_bed(path) as bed:
            expected = read_by_bed_reader(bed, np.s_[:, some])
        np.testing.assert_array_equal(expected, dosages(genotypes.select(markers=some)), err_msg=str(path))
