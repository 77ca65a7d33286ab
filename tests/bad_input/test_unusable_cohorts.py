"""Files that can't be used: `check` and `compare` refuse them with the same words."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from damage import (
    Damage,
    all_of,
    begin_with,
    drop_lines,
    edit_fields,
    edit_line,
    overwrite,
    remove,
    replace_by_dangling_link,
    replace_by_folder,
    truncate,
)

GENOTYPES: dict[str, tuple[Damage, str]] = {
    "truncated .bed": (
        truncate("genotypes.bed", 7),
        "herd/genotypes.bed: expected 6,003 bytes for 120 animals x 200 markers, found 5,996 bytes. "
        "Was the file truncated, or does it belong to another .bim or .fam file?",
    ),
    "animal-major .bed": (
        begin_with("genotypes.bed", b"\x6c\x1b\x00"),
        "herd/genotypes.bed: expected a file that begins with the bytes 6c 1b 01, found 6c 1b 00. "
        "Write it as a marker-major PLINK 1 fileset (plink --make-bed).",
    ),
    "empty .bed": (
        overwrite("genotypes.bed", b""),
        "herd/genotypes.bed: expected a file that begins with the bytes 6c 1b 01, found an empty file. "
        "Write it as a marker-major PLINK 1 fileset (plink --make-bed).",
    ),
    "shorter .bim": (
        drop_lines("genotypes.bim", 1),
        "herd/genotypes.bed: expected 5,973 bytes for 120 animals x 199 markers, found 6,003 bytes. "
        "Was the file truncated, or does it belong to another .bim or .fam file?",
    ),
    "shorter .fam": (
        drop_lines("genotypes.fam", 4),
        "herd/genotypes.bed: expected 5,803 bytes for 116 animals x 200 markers, found 6,003 bytes. "
        "Was the file truncated, or does it belong to another .bim or .fam file?",
    ),
    "a .bim line with five columns": (
        edit_line("genotypes.bim", 12, lambda line: line.rsplit("\t", 1)[0]),
        "herd/genotypes.bim: line 12: expected 6 columns, found 5. Was the file saved by a spreadsheet?",
    ),
    "an animal twice in .fam": (
        edit_line("genotypes.fam", 5, lambda line: line.replace("cow005", "cow001")),
        "herd/genotypes.fam: expected every animal once, found 1 repeated: cow001. Give each animal a name of its own.",
    ),
    "no .bed": (
        remove("genotypes.bed"),
        "herd/genotypes.bed: no such file or directory. Check the name and the folder.",
    ),
    "a folder as .bed": (
        replace_by_folder("genotypes.bed"),
        "herd/genotypes.bed: is a directory. Name a file, not a folder.",
    ),
    "a link to nowhere as .bim": (
        replace_by_dangling_link("genotypes.bim"),
        "herd/genotypes.bim: no such file or directory. Check the name and the folder.",
    ),
}

TABLES: dict[str, tuple[Damage, str]] = {
    "an animal twice": (
        edit_line("traits.tsv", 5, lambda line: line.replace("cow004", "cow001")),
        "herd/traits.tsv: expected every id once, found 1 repeated: cow001. "
        "Leave one row an animal; repeated records have a table of their own (--records).",
    ),
    "an empty table": (
        overwrite("traits.tsv", b""),
        "herd/traits.tsv: expected a header line and one row a record, found an empty file. "
        "Is this the right file, and was it written to its end?",
    ),
    "binary junk": (
        overwrite("traits.tsv", b"\x00" + bytes(range(256))),
        "herd/traits.tsv: line 1: expected text in UTF-8, found the byte 0x00. "
        "Is this a binary or compressed file, or text to be saved as UTF-8?",
    ),
    "no column id": (
        edit_line("traits.tsv", 1, lambda line: line.replace("id", "animal", 1)),
        "herd/traits.tsv: line 1: expected a tab-separated header with a column id, found the columns "
        "animal, milk, fat, ... Name the column of the animals' identifiers id, and separate columns by tabs.",
    ),
    "commas": (
        overwrite("traits.tsv", b"id,milk\ncow001,3\n"),
        "herd/traits.tsv: line 1: expected a tab-separated header with a column id, found the columns id,milk. "
        "Name the column of the animals' identifiers id, and separate columns by tabs.",
    ),
    "a line with one field more": (
        edit_line("traits.tsv", 9, lambda line: f"{line}\t5"),
        "herd/traits.tsv: line 9: expected 5 columns, found 6. Was the file saved by a spreadsheet, or with row names?",
    ),
    "text in a trait": (
        edit_fields("traits.tsv", 1, lambda field: "high", rows=slice(3, 5)),
        "herd/traits.tsv: line 5: column milk: expected a finite number or a missing value, found 'high' and 1 more. "
        "Select other columns with --trait, or write NA where there is no record.",
    ),
    "an infinite value": (
        edit_fields("traits.tsv", 2, lambda field: "inf", rows=slice(1)),
        "herd/traits.tsv: line 2: column fat: expected a finite number or a missing value, found 'inf'. "
        "Select other columns with --trait, or write NA where there is no record.",
    ),
    "a trait without record": (
        edit_fields("traits.tsv", 1, lambda field: "NA"),
        "herd/traits.tsv: column milk: expected records that differ, found no record at all. "
        "Leave this trait out with --trait, or check the column.",
    ),
    "a trait that is always the same": (
        edit_fields("traits.tsv", 1, lambda field: "3.5"),
        "herd/traits.tsv: column milk: expected records that differ, found always 3.5. "
        "Leave this trait out with --trait, or check the column.",
    ),
    "no animal of the genotypes": (
        edit_fields("genotypes.fam", 1, lambda field: f"DE{field}", header=False),
        "cohort: expected animals with both genotype and records, found none: the genotypes name "
        "DEcow001, DEcow002, DEcow003, ...; the records cow001, cow002, cow003, ... "
        "The ids of the traits must be the second column (IID) of the .fam file.",
    ),
    "a folder as traits": (
        replace_by_folder("traits.tsv"),
        "herd/traits.tsv: is a directory. Name a file, not a folder.",
    ),
    "a link to nowhere as traits": (
        replace_by_dangling_link("traits.tsv"),
        "herd/traits.tsv: no such file or directory. Check the name and the folder.",
    ),
    "a loop in the pedigree": (
        all_of(
            edit_line("pedigree.tsv", 122, lambda line: line.replace("0", "bull2", 1)),
            edit_line("pedigree.tsv", 123, lambda line: line.replace("0", "bull1", 1)),
        ),
        "herd/pedigree.tsv: expected no animal among its own ancestors, found a loop: bull2 <- bull1 <- bull2. "
        "Correct the parents of one of them.",
    ),
    "broken trait settings": (
        overwrite("traits.toml", b"[milk]\nunits = 'kg'\n"),
        "herd/traits.toml: [milk]: expected a known key, found units. Did you mean unit?",
    ),
}


@pytest.mark.parametrize("command", ["check", "compare"])
@pytest.mark.parametrize("damage", [*GENOTYPES, *TABLES])
def test_that_damaged_files_are_refused(damage: str, command: str, herd: Path, refused: Callable[..., str]) -> None:
    spoil, message = (GENOTYPES | TABLES)[damage]
    spoil(herd)

    assert message == refused(command, "herd")


def test_that_genotypes_without_any_variation_are_refused(herd: Path, refused: Callable[..., str]) -> None:
    overwrite("genotypes.bed", b"\x6c\x1b\x01" + b"\xff" * 6000)(herd)

    message = (
        "genotypes: expected at least one marker that varies among the training animals, found none. "
        "Train on more animals, or on another set of markers."
    )
    assert message == refused("compare", "herd")


@pytest.mark.parametrize("value", ["high", "inf", ""])
def test_that_columns_which_are_not_selected_are_not_checked(
    value: str, herd: Path, genialearn: Callable[..., object]
) -> None:
    edit_fields("traits.tsv", 1, lambda field: value)(herd)

    answer = genialearn("check", str(herd), "--trait", "fat", "--trait", "health")

    assert (0, "") == (answer.code, answer.err)
    assert "120 animals x 200 markers x 2 traits\n" == answer.out.splitlines(keepends=True)[0]


@pytest.mark.parametrize("command", ["check", "compare"])
def test_that_no_permission_is_refused(
    command: str, herd: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_bytes = Path.read_bytes

    def forbidden(path: Path) -> bytes:
        if path == Path("herd/traits.tsv"):
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", forbidden)

    message = "herd/traits.tsv: permission denied. Ask for the right to read or write it, or use another path."
    assert message == refused(command, "herd")


def test_that_a_pipe_is_refused(herd: Path, refused: Callable[..., str]) -> None:
    os.mkfifo(herd.parent / "pipe")

    message = "pipe: expected a file on disk, found a pipe or device. Write it to a file first."
    assert message == refused("compare", "herd", "--traits", "pipe")
