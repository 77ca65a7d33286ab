from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import odd_models
import pytest

from genialearn.cohorts import CohortFiles
from genialearn.experiments import Plan, plan_comparison


@pytest.fixture
def planned(tiny: Path) -> Callable[..., Plan]:
    """Plan a comparison of the tiny cohort."""

    def plan(
        *models: str,
        split: str = "kfold:2",
        cohort: Path = tiny,
        budget_minutes: float | None = None,
        **given: object,
    ) -> Plan:
        return plan_comparison(
            CohortFiles.in_folder(cohort, **given),
            models=models,
            split=split,
            budget_minutes=budget_minutes,
            threads=1,
        )

    return plan


@pytest.fixture
def odd_models_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let comparisons run misbehaving models, in processes too."""
    odd_models.know(monkeypatch)
