"""Settings chosen by optuna: tried on training animals alone, a trait after the other, hopeless ones given up early."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, TypeAlias

from genialearn.errors import MissingExtraError, SettingError

FEWEST_TRIALS = 5
"""With fewer, nothing but chance is chosen."""

Space: TypeAlias = Callable[[Any], dict[str, Any]]
"""From an optuna trial to settings."""

_UNPRUNED_TRIALS, _UNPRUNED_TRAITS = 5, 2


def check_trials(name: str, trials: int) -> int:
    """Return how many settings are to be tried, if that is none or enough."""
    if trials != 0 and trials < FEWEST_TRIALS:
        raise SettingError(
            name,
            expected=f"0 for no tuning, or at least {FEWEST_TRIALS}",
            found=str(trials),
            advice="With fewer trials, which settings are best is left to chance.",
        )
    return trials


def best_settings(
    space: Space, losses: Callable[[dict[str, Any]], Iterator[float]], trials: int, *, seed: int, model: str
) -> dict[str, Any]:
    """Return the settings of the least mean loss among so many, by a tree-structured Parzen estimator.

    Parameters
    ----------
    space
        Suggests settings.
    losses
        Yields the loss of settings trait by trait; settings that are worse than half of those before are given up.
    trials
        How many settings are tried.
    seed
        Of what is tried: the same seed and the same losses give the same settings.
    model
        Whose settings they are, for messages.

    References
    ----------
    Akiba et al. 2019, KDD 25:2623; Bergstra et al. 2011, NeurIPS 24:2546.
    """
    try:
        optuna = import_module("optuna")
    except ImportError as error:
        raise MissingExtraError.for_extra("optuna", "tune", f"model {model}: trials") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tried: dict[int, dict[str, Any]] = {}

    def objective(trial: Any) -> float:
        tried[trial.number] = space(trial)
        total, count = 0.0, 0
        for loss in losses(tried[trial.number]):
            total, count = total + loss, count + 1
            trial.report(total / count, count)
            if trial.should_prune():
                raise optuna.TrialPruned
        return total / max(count, 1)

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED_TRIALS, n_warmup_steps=_UNPRUNED_TRAITS),
    )
    study.optimize(objective, n_trials=trials)
    return tried[study.best_trial.number]
