from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pandas as pd
import pytest

from genialearn._files import (
    digest,
    lines_of,
    os_error,
    read_bytes,
    read_text,
    write_json,
    write_parquet,
    write_table,
    write_text,
    writing,
)
from genialearn.errors import FileFormatError, InputError
from messages import exactly


def _write_half(path: Path, error: Exception) -> None:
    with writing(path) as handle:
        handle.write("ne")
        raise error


class TestWriting:
    def test_folders_are_made_on_the_way(self, tmp_path: Path) -> None:
        write_text(tmp_path / "a" / "b" / "note.txt", "Grüße\n")

        assert "Grüße\n".encode() == (tmp_path / "a" / "b" / "note.txt").read_bytes()

    def test_an_error_within_leaves_the_old_file_and_nothing_else(self, tmp_path: Path) -> None:
        write_text(tmp_path / "note.txt", "old")

        with pytest.raises(RuntimeError, match="halfway"):
            _write_half(tmp_path / "note.txt", RuntimeError("halfway"))

        assert (tmp_path / "note.txt").read_text() == "old"
        assert [tmp_path / "note.txt"] == list(tmp_path.iterdir())

    def test_nothing_stands_under_the_name_before_the_end(self, tmp_path: Path) -> None:
        with writing(tmp_path / "data.bin", "wb") as handle:
            handle.write(b"\x00\r\n")
            handle.flush()
            assert not (tmp_path / "data.bin").exists()

        assert (tmp_path / "data.bin").read_bytes() == b"\x00\r\n"

    def test_a_full_disk_is_told_with_what_to_do(self, tmp_path: Path) -> None:
        message = (
            f"{tmp_path / 'note.txt'}: no space left on device. "
            "Free some space, or write to another disk; nothing was left half written."
        )

        with pytest.raises(InputError, match=exactly(message)):
            _write_half(tmp_path / "note.txt", OSError(errno.ENOSPC, "No space left on device"))

        assert list(tmp_path.iterdir()) == []

    def test_a_folder_in_the_place_of_the_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "note.txt").mkdir()

        with pytest.raises(
            InputError, match=exactly(f"{tmp_path / 'note.txt'}: is a directory. Name a file, not a folder.")
        ):
            write_text(tmp_path / "note.txt", "new")

        assert [tmp_path / "note.txt"] == list(tmp_path.iterdir())

    def test_a_file_in_the_place_of_the_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "runs").touch()

        with pytest.raises(
            InputError,
            match=exactly(
                f"{tmp_path / 'runs' / 'note.txt'}: file exists. "
                "A file stands where a folder is needed: use another path."
            ),
        ):
            write_text(tmp_path / "runs" / "note.txt", "new")

    def test_json_is_sorted_indented_and_has_no_nan(self, tmp_path: Path) -> None:
        write_json(tmp_path / "facts.json", {"b": [1, None], "a": 0.5})

        assert (tmp_path / "facts.json").read_text() == '{\n  "a": 0.5,\n  "b": [\n    1,\n    null\n  ]\n}\n'
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(tmp_path / "facts.json", {"a": float("nan")})

    def test_a_table_has_empty_fields_where_values_are_missing(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"id": ["007", "b"], "milk": [1 / 3, float("nan")]})

        write_table(tmp_path / "short.tsv", table, digits=3)
        write_table(tmp_path / "long.tsv", table)

        assert (tmp_path / "short.tsv").read_bytes() == b"id\tmilk\n007\t0.333\nb\t\n"
        assert (tmp_path / "long.tsv").read_bytes() == b"id\tmilk\n007\t0.3333333333\nb\t\n"

    def test_parquet_comes_back_as_it_was(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"id": ["007", "b"], "milk": [1 / 3, float("nan")]})

        write_parquet(tmp_path / "table.parquet", table)

        pd.testing.assert_frame_equal(table, pd.read_parquet(tmp_path / "table.parquet"))


class TestReading:
    def test_a_byte_order_mark_is_no_part_of_the_text(self, tmp_path: Path) -> None:
        (tmp_path / "table.tsv").write_bytes(b"\xef\xbb\xbfid\tmilk\r\n")

        assert read_text(tmp_path / "table.tsv") == "id\tmilk\r\n"

    @pytest.mark.parametrize(
        ("content", "line", "byte"),
        [
            (b"id\n\x00", 2, "0x00"),
            (b"id\nb\xfchl\n", 2, "0xfc"),
            (b"\x1f\x8b\x08\x00", 1, "0x00"),
            ("id\tmilk".encode("utf-16"), 1, "0x00"),
        ],
    )
    def test_what_is_no_text_is_refused(self, tmp_path: Path, content: bytes, line: int, byte: str) -> None:
        path = tmp_path / "table.tsv"
        path.write_bytes(content)

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{path}: line {line}: expected text in UTF-8, found the byte {byte}. "
                "Is this a binary or compressed file, or text to be saved as UTF-8?"
            ),
        ):
            read_text(path)

    @pytest.mark.parametrize("read", [read_text, read_bytes, digest])
    def test_an_absent_file_is_told(self, tmp_path: Path, read: object) -> None:
        path = tmp_path / "absent.tsv"

        with pytest.raises(
            InputError, match=exactly(f"{path}: no such file or directory. Check the name and the folder.")
        ):
            read(path)  # type: ignore[operator]

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=exactly(f"{tmp_path}: is a directory. Name a file, not a folder.")):
            read_text(tmp_path)

    def test_a_digest_is_that_of_the_content(self, tmp_path: Path) -> None:
        (tmp_path / "data.bin").write_bytes(b"abc" * 100_000)

        assert hashlib.sha256(b"abc" * 100_000).hexdigest() == digest(tmp_path / "data.bin")

    @pytest.mark.parametrize(
        ("text", "lines"),
        [
            ("", []),
            ("a", ["a"]),
            ("a\nb\n", ["a", "b"]),
            ("a\r\nb\r\n", ["a", "b"]),
            ("a\rb", ["a", "b"]),
            ("a\n\nb\n\n", ["a", "", "b", ""]),
            ("a\x0b\x85\u2028b\n", ["a\x0b\x85\u2028b"]),
        ],
    )
    def test_lines_end_at_line_endings_only(self, text: str, lines: list[str]) -> None:
        assert lines == lines_of(text)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.EACCES, "Permission denied", "x"),
            "x: permission denied. Ask for the right to read or write it, ",
        ),
        (OSError(errno.EIO, "Input/output error"), "file system: input/output error. Check the path."),
        (OSError("odd"), "file system: odd. Check the path."),
        (OSError(), "file system: oserror. Check the path."),
    ],
)
def test_errors_of_the_operating_system_say_what_to_do(error: OSError, message: str) -> None:
    assert str(os_error(error)).startswith(message)
