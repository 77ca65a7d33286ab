"""The page: results and figures poured into the template, with its styles, scripts and plotly.js inlined."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from genialearn.report import figures, statements, wording
from genialearn.report.definitions import DEFINITIONS, TABLE_LABELS
from genialearn.report.figures import Picture
from genialearn.report.results import Results
from genialearn.report.score_table import Row, accuracy_rows, metric_rows
from genialearn.report.summaries import Tally, costs, mean_scores, shared_traits, stage_costs, tallies

TEMPLATES = Path(__file__).parent / "templates"
_DISPERSION = {"b1": "dispersion, b1", "bias": "bias, in genetic standard deviations"}
_SECTIONS = ("Headline", "Accuracy", "Gain", "Curves", "Dispersion", "Cost", "Predictions", "Cohort", "Settings")
_NOUNS = ("animal", "marker", "trait", "model")


@dataclass(frozen=True)
class Contest:
    """All models against one reference."""

    reference: str
    tallied: list[Tally]


def page(results: Results) -> str:
    """Return the report of a run as one HTML text that needs no other file."""
    return rendered("report.html.j2", _content(results))


def rendered(template: str, content: Mapping[str, Any]) -> str:
    """Return a page made of a template, its styles and scripts inlined."""
    return _environment().get_template(template).render({**content, **_sources()})


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        name: getattr(wording, name) for name in ("count", "significant", "duration", "memory", "setting")
    }
    environment.filters |= {name: _with_minus(getattr(wording, name)) for name in ("decimal", "signed")}
    environment.filters["embedded"] = embedded
    return environment


def _with_minus(wording_of: Callable[..., str]) -> Callable[..., str]:
    """Return a way of writing numbers that has a minus sign where a terminal has a hyphen."""
    return lambda *arguments: wording_of(*arguments).replace("-", "\u2212")


def embedded(content: object) -> Markup:
    """Return a value as JSON that may stand inside a script element: no letter of it can end the element."""
    text = json.dumps(_finite(content), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def _finite(content: Any) -> Any:
    """Return JSON content with None for the numbers that JSON lacks."""
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    return [_finite(value) for value in content] if isinstance(content, list | tuple) else content


def _content(results: Results) -> dict[str, Any]:
    pictures = _pictures(results)
    return {
        "sections": [(name.lower(), name) for name in _SECTIONS if name != "Curves" or len(results.curves)],
        "results": results,
        "run": results.run,
        "settings": flattened(results.run.settings),
        "title": statements.title(results),
        "facts": _facts(results),
        "lede": statements.lede(results),
        "warnings": statements.unfinished(results) + statements.failed(results),
        "contests": [Contest(name, tallies(results, name)) for name in results.references],
        "colours": figures.model_colours(results),
        "means": mean_scores(results),
        "n_shared": shared_traits(results),
        "costs": costs(results),
        "stage_costs": stage_costs(results).to_dict("records"),
        "rows": accuracy_rows(results),
        "other_tables": _tables(results, TABLE_LABELS),
        "dispersion_tables": _tables(results, _DISPERSION),
        "pictures": {picture.name: picture for picture in pictures},
        "figures": {picture.name: picture.variants for picture in pictures},
        "definitions": DEFINITIONS,
    }


def _tables(results: Results, titles: Mapping[str, str]) -> dict[str, tuple[str, list[Row]]]:
    """Return title and rows of the metrics that have scores, by name."""
    scored = set(results.scores["metric"])
    return {name: (title, metric_rows(results, name)) for name, title in titles.items() if name in scored}


def flattened(entries: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings on one level: `{"a": {"b": 1}}` as `{"a.b": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in entries.items():
        flat |= flattened(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _sources() -> dict[str, Markup]:
    """Return the styles and scripts to inline: files of this package and of plotly, none of the user's."""
    own = {name: (TEMPLATES / f"report.{name}").read_text(encoding="utf-8") for name in ("css", "js")}
    return {name: Markup(text) for name, text in (own | {"plotly_js": get_plotlyjs()}).items()}


def _pictures(results: Results) -> list[Picture]:
    colours, cohort = figures.model_colours(results), results.cohort
    made = (
        figures.accuracy_picture(results, colours),
        figures.gain_picture(results, colours),
        figures.curve_picture(results, colours),
        figures.dispersion_picture(results, colours),
        figures.cost_picture(results, colours),
        figures.observation_picture(results, colours),
        figures.component_picture(cohort),
        figures.relationship_picture(cohort),
        figures.hole_picture(cohort),
        figures.allele_frequency_picture(cohort),
    )
    return [picture for picture in made if picture]


def _facts(results: Results) -> list[tuple[str, str]]:
    """Return the figures at the top of the page: a value and what it counts."""
    cohort, settings = results.run.cohort, results.run.settings
    sizes = (cohort.n_animals, cohort.n_markers, len(results.traits), len(results.models))
    counts = [wording.count(size, noun) for size, noun in zip(sizes, _NOUNS, strict=True) if size]
    chosen = [(wording.setting(settings[key]), key) for key in ("split", "seed") if key in settings]
    return [(number, noun) for number, _, noun in (text.partition(" ") for text in counts)] + chosen
