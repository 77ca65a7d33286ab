"""Ways to spoil a cohort folder, each as a user's mishap would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], object]


def all_of(*damages: Damage) -> Damage:
    """Do several."""
    return lambda herd: [damage(herd) for damage in damages]


def truncate(name: str, n_bytes: int) -> Damage:
    """Cut the end off a file."""
    return lambda herd: (herd / name).write_bytes((herd / name).read_bytes()[:-n_bytes])


def overwrite(name: str, content: bytes) -> Damage:
    """Replace a whole file."""
    return lambda herd: (herd / name).write_bytes(content)


def begin_with(name: str, content: bytes) -> Damage:
    """Replace the first bytes of a file."""
    return lambda herd: (herd / name).write_bytes(content + (herd / name).read_bytes()[len(content) :])


def edit_line(name: str, number: int, edit: Callable[[str], str]) -> Damage:
    """Change one line of a text file, counted from 1."""

    def damage(herd: Path) -> None:
        lines = (herd / name).read_text().splitlines()
        lines[number - 1] = edit(lines[number - 1])
        (herd / name).write_text("\n".join(line for line in lines if line) + "\n")

    return damage


def edit_fields(
    name: str, column: int, edit: Callable[[str], str], *, rows: slice = slice(None), header: bool = True
) -> Damage:
    """Change some rows of one column of a table, below its header where it has one."""

    def damage(herd: Path) -> None:
        table = [line.split("\t") for line in (herd / name).read_text().splitlines()]
        for fields in table[int(header) :][rows]:
            fields[column] = edit(fields[column])
        (herd / name).write_text("".join("\t".join(fields) + "\n" for fields in table))

    return damage


def drop_lines(name: str, n_lines: int) -> Damage:
    """Cut the last lines off a text file."""
    return lambda herd: (herd / name).write_text(
        "".join((herd / name).read_text().splitlines(keepends=True)[:-n_lines])
    )


def remove(name: str) -> Damage:
    """Delete a file."""
    return lambda herd: (herd / name).unlink()


def replace_by_folder(name: str) -> Damage:
    """Put a folder where the file was."""

    def damage(herd: Path) -> None:
        (herd / name).unlink()
        (herd / name).mkdir()

    return damage


def replace_by_dangling_link(name: str) -> Damage:
    """Put a link to nowhere where the file was."""

    def damage(herd: Path) -> None:
        (herd / name).unlink()
        (herd / name).symlink_to("nowhere")

    return damage
