"""A run folder as one self-contained page, and as a few sentences of plain text.

Three steps: `results` reads the folder into frozen dataclasses, `figures` makes plotly figures of them, `pages` pours
both into a template. Nothing is computed here that the folder doesn't already say, except sums, means and counts.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["headline", "render_judgement", "render_report", "render_selection"]


def render_report(run_folder: Path) -> Path:
    """Return the path of `report.html`, written into a finished or unfinished run folder.

    The page carries its styles, scripts and data, and opens from disk without a network.

    Parameters
    ----------
    run_folder
        A folder with at least `run.json` and `scores.tsv`.

    Raises
    ------
    FileFormatError
        The folder isn't a run folder, or one of its files isn't what its name promises.
    """
    from genialearn._files import write_text
    from genialearn.report.pages import page
    from genialearn.report.results import read_results

    target = Path(run_folder) / "report.html"
    write_text(target, page(read_results(Path(run_folder))))
    return target


def render_judgement(folder: Path) -> Path:
    """Return the path of `report.html`, written into a folder of `judge`; it opens from disk without a network.

    Parameters
    ----------
    folder
        A folder with `run.json`, `judgement.tsv` and `portrait.json`.

    Raises
    ------
    FileFormatError
        The folder isn't one of `judge`, or one of its files isn't what its name promises.
    """
    from genialearn._files import write_text
    from genialearn.report.judgement import Judgement
    from genialearn.report.judgement_page import page

    target = Path(folder) / "report.html"
    write_text(target, page(Judgement.read(Path(folder))))
    return target


def render_selection(folder: Path) -> Path:
    """Return the path of `report.html`, written into a finished folder of `select`; it opens without a network.

    Parameters
    ----------
    folder
        A folder with `run.json`, `gain.tsv` and `failures.tsv`.

    Raises
    ------
    FileFormatError
        The folder isn't one of `select`, isn't finished, or one of its files isn't what its name promises.
    """
    from genialearn._files import write_text
    from genialearn.report.selection import Selection
    from genialearn.report.selection_page import page

    target = Path(folder) / "report.html"
    write_text(target, page(Selection.read(Path(folder))))
    return target


def headline(run_folder: Path) -> str:
    """Return what a run found, in a few lines of plain text: one for the run, then one a model.

    Parameters
    ----------
    run_folder
        A folder with at least `run.json` and `scores.tsv`.

    Raises
    ------
    FileFormatError
        The folder isn't a run folder, or one of its files isn't what its name promises.
    """
    from genialearn.report.results import read_results
    from genialearn.report.statements import headline_lines

    return "\n".join(headline_lines(read_results(Path(run_folder))))
