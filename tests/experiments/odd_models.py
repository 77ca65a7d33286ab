"""Models that misbehave, and a cell's program that knows them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

import numpy as np

from genialearn.cohorts import Cohort
from genialearn.entry import Entry
from genialearn.experiments import engine
from genialearn.predictors.catalogue import CATALOGUE

if TYPE_CHECKING:
    from pytest import MonkeyPatch  # noqa: PT013

PROGRAM = (
    "-c",
    "import sys, odd_models; odd_models.register(); from genialearn.experiments.cell import main; sys.exit(main())",
)
PARENT_MIB, CHILD_MIB = 50, 150


class Mean:
    """Predicts the mean of every trait, and misbehaves on the way in the classes below."""

    requires = frozenset({"genotypes"})

    def fit(self, cohort: Cohort) -> Self:
        self.means = np.nanmean(cohort.records.values, axis=0)
        return self

    def predict(self, cohort: Cohort) -> np.ndarray:
        return np.tile(self.means, (len(cohort), 1))


class Raising(Mean):
    def fit(self, cohort: Cohort) -> Self:
        raise ZeroDivisionError("no\tluck\ntoday")


class Killed(Mean):
    def fit(self, cohort: Cohort) -> Self:
        os.kill(os.getpid(), signal.SIGKILL)
        return self


class NotANumber(Mean):
    def predict(self, cohort: Cohort) -> np.ndarray:
        predicted = super().predict(cohort)
        predicted[0, 0] = np.nan
        return predicted


class Talking(Mean):
    """Prints what looks like a message of a cell, and leaves notes."""

    def fit(self, cohort: Cohort) -> Self:
        print('{"error": "Lie", "message": "printed by a library"}', flush=True)
        os.write(1, b"printed by a library in C\n")
        self.notes_ = ["I talk too much"]
        return super().fit(cohort)


class Parent(Mean):
    """Lets a child of its own use memory."""

    def fit(self, cohort: Cohort) -> Self:
        use = f"import time; memory = bytearray({CHILD_MIB} * 2**20); time.sleep(1)"
        memory = np.ones(PARENT_MIB * 2**17)
        subprocess.run([sys.executable, "-S", "-c", use], check=True)
        return super().fit(cohort) if memory.all() else self


class Endless(Mean):
    """Never ends, nor does its child; leaves the number of both in the folder that it runs in."""

    def fit(self, cohort: Cohort) -> Self:
        child = subprocess.Popen(["sleep", "600"])
        with open(os.environ["ENDLESS_PROCESSES"], "w", encoding="utf-8") as handle:  # noqa: PTH123
            handle.write(f"{os.getpid()} {child.pid}\n")
        time.sleep(600)
        return self


KINDS = (Mean, Raising, Killed, NotANumber, Talking, Parent, Endless)
ENTRIES = {kind.__name__.lower(): Entry("odd_models", kind.__name__, "odd", "a model for tests") for kind in KINDS}


def know(monkeypatch: MonkeyPatch) -> None:
    """Let comparisons of this process and their cells know the odd models, for a while."""
    monkeypatch.setattr(engine, "PROGRAM", PROGRAM)
    for name, entry in ENTRIES.items():
        monkeypatch.setitem(CATALOGUE, name, entry)  # type: ignore[arg-type]


def register() -> None:
    """Let comparisons of this process know the odd models."""
    CATALOGUE.update(ENTRIES)  # type: ignore[attr-defined]
