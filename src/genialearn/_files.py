"""Files: outputs appear whole or not at all, digests, and readable errors of the operating system."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from genialearn.errors import FileFormatError, InputError

if TYPE_CHECKING:
    import pandas as pd

_ADVICE = {
    errno.ENOENT: "Check the name and the folder.",
    errno.EACCES: "Ask for the right to read or write it, or use another path.",
    errno.ENOSPC: "Free some space, or write to another disk; nothing was left half written.",
    errno.EDQUOT: "Free some space, or write to another disk; nothing was left half written.",
    errno.EFBIG: "Raise the limit on file sizes, or write elsewhere; nothing was left half written.",
    errno.EEXIST: "A file stands where a folder is needed: use another path.",
    errno.EISDIR: "Name a file, not a folder.",
    errno.ENOTDIR: "Name a folder, not a file.",
    errno.EROFS: "Write to another path.",
}


def os_error(error: OSError, path: Path | str | None = None) -> InputError:
    """Return the error of the operating system as an `InputError` that says what to do."""
    where = str(path if path is not None else error.filename or "file system")
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    return InputError(f"{where}: {reason}", advice=_ADVICE.get(error.errno or 0, "Check the path."))


@contextmanager
def writing(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file that takes the name `path` only when the block ends without an error."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    encoding, newline = (None, None) if "b" in mode else ("utf-8", "\n")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open(mode, encoding=encoding, newline=newline) as handle:
            yield handle
        temporary.replace(target)
    except OSError as error:
        raise os_error(error, target) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Make a temporary folder beside `folder` that takes its place only when the block ends without an error."""
    folder = folder.absolute()
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        _replace_folder(folder, temporary)
    except OSError as error:
        raise os_error(error, folder) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace_folder(folder: Path, temporary: Path) -> None:
    """Put `temporary` in the place of `folder`; what stood there goes last."""
    if not folder.exists():
        temporary.rename(folder)
        return
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    folder.rename(old)
    try:
        temporary.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to `path` in one step."""
    with writing(path) as handle:
        handle.write(text)


def write_json(path: Path | str, content: object) -> None:
    """Write `content` as indented JSON with sorted keys, in one step."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_table(path: Path | str, table: pd.DataFrame, *, digits: int = 10) -> None:
    """Write a table as TSV, in one step; missing values are empty fields."""
    with writing(path) as handle:
        table.to_csv(handle, sep="\t", index=False, float_format=f"%.{digits}g", lineterminator="\n")


def write_parquet(path: Path | str, table: pd.DataFrame) -> None:
    """Write a table as Parquet, in one step."""
    with writing(path, "wb") as handle:
        table.to_parquet(handle, index=False)


def read_bytes(path: Path | str) -> bytes:
    """Return the content of a file."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise os_error(error, path) from error


def read_text(path: Path | str) -> str:
    """Return the content of a text file (UTF-8, with or without byte-order mark)."""
    content = read_bytes(path)
    try:
        if b"\x00" in content:
            raise UnicodeDecodeError("utf-8", content, content.index(b"\x00"), content.index(b"\x00") + 1, "NUL byte")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise FileFormatError(
            f"{path}: line {line}",
            expected="text in UTF-8",
            found=f"the byte {content[error.start]:#04x}",
            advice="Is this a binary or compressed file, or text to be saved as UTF-8?",
        ) from error


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, whichever of the three line endings it has."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def digest(path: Path | str) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    try:
        with Path(path).open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise os_error(error, path) from error
