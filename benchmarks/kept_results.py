"""What comparisons came to, kept in a table of each set beside the scripts: several machines can share the work.

A row is a model on one fold of one seed: `seed model fold commit seconds`, then r and b1 of each trait with four
decimals, all of them empty where the model failed. `commit` is of the code that computed them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

_KEY = ["seed", "model", "fold"]
_METRICS = ("r", "b1")


@dataclass(frozen=True)
class Kept:
    """The table of a set.

    Parameters
    ----------
    path
        Of the table, which needn't exist.
    """

    path: Path

    def models(self, seed: int) -> set[str]:
        """Return the models whose results of a seed are kept, those that failed among them."""
        table = self._table()
        return set(table.loc[table["seed"] == seed, "model"])

    def rows(self) -> pd.DataFrame:
        """Return `seed model fold seconds trait r b1`, a row a fold and trait; seconds are of all traits."""
        table = self._table()
        traits = [column.removeprefix("r:") for column in table if column.startswith("r:")]
        parts = [
            table[["seed", "model", "fold", "seconds"]].assign(
                trait=trait, **{metric: table.get(f"{metric}:{trait}", np.nan) for metric in _METRICS}
            )
            for trait in traits
        ]
        empty = pd.DataFrame(columns=["seed", "model", "fold", "seconds", "trait", *_METRICS])
        return pd.concat(parts) if parts else empty

    def add(self, run: Path, models: Sequence[str], seed: int) -> None:
        """Keep what a finished comparison says of some models; what is kept of the same seed and model goes.

        Parameters
        ----------
        run
            Its folder.
        models
            Which ones, those that failed among them.
        seed
            Of its folds.
        """
        scores = pd.read_table(run / "scores.tsv").query(f"split != 'all' and metric in {_METRICS}")
        wide = scores.pivot_table(index=["model", "split"], columns=["metric", "trait"], values="estimate", sort=False)
        wide.columns = [f"{metric}:{trait}" for metric, trait in wide.columns]
        seconds = pd.read_table(run / "costs.tsv").groupby(["model", "split"])["wall_s"].sum()
        every = pd.MultiIndex.from_product([models, scores["split"].unique()], names=["model", "split"])
        new = wide.reindex(every).round(4)
        new.insert(0, "seconds", seconds.reindex(every).round(1))
        new.insert(0, "commit", _commit())
        new = new.reset_index().rename(columns={"split": "fold"})
        new.insert(0, "seed", seed)
        old = self._table()
        table = pd.concat([old[~((old["seed"] == seed) & old["model"].isin(models))], new]).sort_values(_KEY)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        written = self.path.with_suffix(".part")
        table.to_csv(written, sep="\t", index=False, float_format="%g")
        written.replace(self.path)

    def _table(self) -> pd.DataFrame:
        if not self.path.exists():
            return pd.DataFrame(columns=[*_KEY, "commit", "seconds"])
        return pd.read_table(self.path, dtype={"commit": str})


def _commit() -> str:
    here = Path(__file__).parent
    return subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=True
    ).stdout.strip()
