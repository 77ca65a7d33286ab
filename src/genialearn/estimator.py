"""The manners of scikit-learn, without its import: models show their settings, and `sklearn.base.clone` copies them."""

from __future__ import annotations

import inspect
from typing import Any, Self

from genialearn._checks import check_known


class Estimator:
    """A model whose settings are the arguments of its `__init__`, each stored under its own name."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings by name; `deep` is scikit-learn's and changes nothing, as no setting is a model."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **settings: Any) -> Self:
        """Replace some settings and return the model.

        Raises
        ------
        SettingError
            Where the model has no setting of such a name.
        """
        for name, value in settings.items():
            setattr(self, check_known("setting", name, self.get_params()), value)
        return self

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"
