"""Tables that benchmarks print."""

from __future__ import annotations

import pandas as pd


def markdown(table: pd.DataFrame, form: str = "{:g}", *, index: bool = True) -> str:
    """Return a table as markdown, numbers in a form, texts as they are."""
    shown = table.reset_index(names=table.index.name or "") if index else table
    rows = [[str(name) for name in shown.columns], ["---"] * shown.shape[1]]
    rows += [
        [form.format(value) if isinstance(value, float) else str(value) for value in row] for row in records(shown)
    ]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def records(table: pd.DataFrame) -> list[list[object]]:
    """Return the rows of a table as Python's own values."""
    columns = [table.iloc[:, place].tolist() for place in range(table.shape[1])]
    return [list(row) for row in zip(*columns, strict=True)]
