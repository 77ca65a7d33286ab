from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from genialearn import _files
from genialearn.experiments import tables
from genialearn.experiments.cell import _facts
from genialearn.experiments.runs import CellKey, RunFolder

CURVES = {
    **{"driver": ["milk", "milk"], "target": ["depth", "depth"], "share": [0.9, 0.9], "p": [1e-9, 1e-9]},
    **{"p_holm": [1e-6, 1e-6], "breeding_value": [-1.0, 1.0], "effect": [0.2, -0.2]},
    **{"lower": [0.1, -0.3], "upper": [0.3, -0.1]},
}


class Curved:
    def trait_curves(self) -> pd.DataFrame:
        return pd.DataFrame(CURVES)


def written(tmp_path: Path, facts: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return the table of curves of cells with these facts, by model."""
    folder, keys = RunFolder(tmp_path), [CellKey(model, "forward") for model in facts]
    for key in keys:
        folder.cell(key, "json").parent.mkdir(parents=True)
        _files.write_json(folder.cell(key, "json"), facts[key.model])
        folder.cell(key, "parquet").touch()
    plan: Any = SimpleNamespace(cells=keys)
    return tables._curves(folder, plan)


def test_curves_of_a_model_become_rows(tmp_path: Path) -> None:
    model: Any = Curved()
    table = written(tmp_path, {"gblup": {}, "hybrid": _facts(model), "other": {"curves": {"driver": []}}})

    assert tables.CURVE_COLUMNS == list(table.columns)
    assert [["hybrid", "forward", "milk", "depth"]] * 2 == table.iloc[:, :4].to_numpy().tolist()
    assert [0.2, -0.2] == table["effect"].tolist()


def test_without_curves_there_are_columns_alone(tmp_path: Path) -> None:
    table = written(tmp_path, {"gblup": {}})

    assert [0, len(tables.CURVE_COLUMNS)] == list(table.shape)
