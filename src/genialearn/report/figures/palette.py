"""One colour for each model, the same in every figure; all are safe for colour-blind readers.

The colours are Paul Tol's vibrant scheme, then his muted one, on a grey that is kept for the reference. Each is
readable on white and on near-black.
"""

from __future__ import annotations

from genialearn.report.results import Results

REFERENCE_COLOUR = "#7c8797"
MODEL_COLOURS = (
    "#0077bb", "#ee7733", "#009988", "#ee3377", "#33bbee", "#aa4499", "#999933", "#cc3311", "#6f62c6", "#117733",
    "#cc6677", "#b8860b",
)  # fmt: skip
SEQUENTIAL = "Cividis"
SINGLE = "#4a7fb5"

# The page replaces these by its own colours, light or dark.
INK, MUTED, LINE, SURFACE = "var(--ink)", "var(--muted)", "var(--line)", "var(--surface)"
BAND = "rgba(128,140,155,0.07)"


def model_colours(results: Results) -> dict[str, str]:
    """Return the colour of each model: grey for the first reference, the palette in turn for the others."""
    others = [model for model in results.models if model not in results.references[:1]]
    colours = {model: MODEL_COLOURS[place % len(MODEL_COLOURS)] for place, model in enumerate(others)}
    return {model: colours.get(model, REFERENCE_COLOUR) for model in results.models}
