"""The page of a selection experiment."""

from __future__ import annotations

from typing import Any

from genialearn.report.figures.selection import selection_colours, selection_pictures
from genialearn.report.pages import flattened, rendered
from genialearn.report.selection import ALL, INDEX, Selection, failed, sentences, title

_SECTIONS = [
    ("headline", "Headline"),
    ("by-generation", "By generation"),
    ("at-the-end", "At the end"),
    ("settings", "Settings"),
]
_SIZES = {"animals": "animals a generation", "markers": "markers", "generations": "generations"}
_AT_THE_END = {
    "inbreeding": "inbreeding by pedigree",
    "genomic_inbreeding": "inbreeding by markers",
    "fixed_qtl": "share of QTL fixed",
}


def page(selection: Selection) -> str:
    """Return the page of a selection experiment as one HTML text that needs no other file."""
    pictures = selection_pictures(selection)
    facts = [(f"{selection.design[name]:,}", words) for name, words in _SIZES.items()]
    content: dict[str, Any] = {
        "sections": _SECTIONS,
        "title": title(selection),
        "sentences": sentences(selection),
        "warnings": failed(selection),
        "facts": [
            *facts,
            (str(len(selection.traits)), "traits"),
            (str(selection.n_replicates), "replicates"),
            (str(selection.design["preset"]), "preset"),
        ],
        "models": selection.models,
        "colours": selection_colours(selection.models),
        "last": selection.last,
        "gains": [(name, _row(selection, name, "gain")) for name in (INDEX, *selection.traits)],
        "costs": [(words, _row(selection, ALL, figure)) for figure, words in _AT_THE_END.items()],
        "weights": {trait["name"]: trait["weight"] for trait in selection.run["traits"]},
        "pictures": {picture.name: picture for picture in pictures},
        "figures": {picture.name: picture.variants for picture in pictures},
        "run": {**selection.run, "design": flattened(selection.design)},
    }
    return rendered("selection.html.j2", content)


def _row(selection: Selection, trait: str, figure: str) -> list[Any]:
    """Return the estimates of all models in the last generation."""
    return [selection.find(model, selection.last, trait, figure) for model in selection.models]
