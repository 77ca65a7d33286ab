"""The page of a judgement."""

from __future__ import annotations

from typing import Any

from genialearn.judging import METRICS
from genialearn.report.figures.artificial import artificial_pictures
from genialearn.report.figures.use import use_picture
from genialearn.report.judgement import Judgement, lede, privacy, title
from genialearn.report.pages import flattened, rendered
from genialearn.report.usefulness import COMPARED, beside, use_words

_SECTIONS = [
    ("headline", "Headline"),
    ("pictures", "Pictures"),
    ("privacy", "Privacy"),
    ("use", "Use"),
    ("figures-in-numbers", "Figures"),
    ("settings", "Settings"),
]
_FACTS = {"artificial": "artificial animals", "training": "learned from", "holdout": "held out"}


def page(judgement: Judgement) -> str:
    """Return the page of a judgement as one HTML text that needs no other file."""
    uses = judgement.uses
    pictures = [picture for picture in (*artificial_pictures(judgement), use_picture(uses)) if picture]
    run = judgement.run
    content: dict[str, Any] = {
        "sections": [section for section in _SECTIONS if uses or section[0] != "use"],
        "title": title(judgement),
        "lede": lede(judgement),
        "facts": [(f"{judgement.sizes[name]:,}", words) for name, words in _FACTS.items()]
        + [(f"{run['n_markers']:,}", "markers"), ("haplotypes" if run["phased"] else "genotypes", "compared as")],
        "privacy": privacy(judgement),
        "uses": uses,
        "use_words": use_words(uses) if uses else "",
        "compared": COMPARED,
        "beside": beside,
        "groups": judgement.groups(),
        "words": METRICS,
        "pictures": {picture.name: picture for picture in pictures},
        "figures": {picture.name: picture.variants for picture in pictures},
        "run": {**run, "generator": flattened(run["generator"])},
    }
    return rendered("judgement.html.j2", content)
