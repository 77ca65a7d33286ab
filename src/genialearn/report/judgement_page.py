"""The page of a judgement."""

from __future__ import annotations

from typing import Any

from genialearn.judging import METRICS
from genialearn.report.figures.artificial import artificial_pictures
from genialearn.report.judgement import Judgement, lede, privacy, title
from genialearn.report.pages import flattened, rendered

_SECTIONS = [
    ("headline", "Headline"),
    ("pictures", "Pictures"),
    ("privacy", "Privacy"),
    ("figures-in-numbers", "Figures"),
    ("settings", "Settings"),
]
_FACTS = {"artificial": "artificial animals", "training": "learned from", "holdout": "held out"}


def page(judgement: Judgement) -> str:
    """Return the page of a judgement as one HTML text that needs no other file."""
    pictures = artificial_pictures(judgement)
    run = judgement.run
    content: dict[str, Any] = {
        "sections": _SECTIONS,
        "title": title(judgement),
        "lede": lede(judgement),
        "facts": [(f"{judgement.sizes[name]:,}", words) for name, words in _FACTS.items()]
        + [(f"{run['n_markers']:,}", "markers"), ("haplotypes" if run["phased"] else "genotypes", "compared as")],
        "privacy": privacy(judgement),
        "groups": judgement.groups(),
        "words": METRICS,
        "pictures": {picture.name: picture for picture in pictures},
        "figures": {picture.name: picture.variants for picture in pictures},
        "run": {**run, "generator": flattened(run["generator"])},
    }
    return rendered("judgement.html.j2", content)
