"""A sample of the predictions beside what was observed: the file itself may have millions of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genialearn.errors import FileFormatError

COLUMNS = ("trait", "model", "observed", "predicted")


def sample_predictions(path: Path, *, n_rows: int = 40_000) -> pd.DataFrame:
    """Return at most `n_rows` rows of `predictions.parquet`, the same ones at every reading.

    One row group is in memory at a time. The identities of the animals aren't read.

    Parameters
    ----------
    path
        The file; where it is absent, the table has no rows.
    n_rows
        Size of the sample.
    """
    if not path.is_file():
        return pd.DataFrame({name: [] for name in COLUMNS})
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            return _sample(file, _chosen(file.metadata.num_rows, n_rows))
    except (pa.ArrowInvalid, KeyError) as error:
        raise FileFormatError(
            str(path),
            expected=f"a Parquet file with the columns {' '.join(COLUMNS)}",
            found=str(error).strip(),
            advice="Repeating the command with --force writes it anew.",
        ) from error


def _chosen(n_rows: int, n_sampled: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    rows = np.random.default_rng(0).choice(n_rows, size=min(n_rows, n_sampled), replace=False)
    return np.sort(rows).astype(np.int64)


def _sample(file: Any, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pd.DataFrame:
    parts, start = [], 0
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=list(COLUMNS)).select(list(COLUMNS))
        inside = rows[(rows >= start) & (rows < start + table.num_rows)] - start
        parts.append(table.take(inside).to_pandas())
        start += table.num_rows
    return pd.concat(parts, ignore_index=True).dropna() if parts else pd.DataFrame({name: [] for name in COLUMNS})
