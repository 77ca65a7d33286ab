"""Models stacked on GBLUP: out-of-fold predictions tell how much of each is worth adding, trait by trait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from scipy.optimize import nnls

from genialearn._arrays import FloatArray, StrArray
from genialearn._checks import check_at_least, check_between, check_known
from genialearn.cohorts import Cohort
from genialearn.contracts import Predictor
from genialearn.errors import NotFittedError, SettingError
from genialearn.estimator import Estimator
from genialearn.mixed_models.fits import TraitFits, adjusted_by_animal
from genialearn.mixed_models.memory import Sizes, needed_bytes
from genialearn.predictors.catalogue import CATALOGUE
from genialearn.predictors.gates import gate_notes, gates
from genialearn.predictors.gates import shares as shrunken_gates
from genialearn.predictors.gblup import GBLUP, within_bounds
from genialearn.predictors.held_out import predicted_without
from genialearn.predictors.inner_parts import spread_folds
from genialearn.predictors.memory import memory_bytes
from genialearn.validation.splits import blocks

Members = Sequence[str] | Mapping[str, Mapping[str, Any]]

_USUAL: dict[str, dict[str, Any]] = {
    "gblup-multi": {},
    "rkhs": {},
    "gblup-nonadditive": {},
    "lightgbm": {},
    "bayesr": {"sweeps": 600, "burn_in": 200, "chains": 1},
}
"""Members unless others are given: one of each kind. Chains of `bayesr` are as long as predictions need, not as
variances do: on wheat r is that of 1,500 sweeps."""

_WITHOUT_RANDOM = {"gblup-multi", "gblup-nonadditive", "bayesr"}
"""Those that don't take random effects beside breeding values, or only by a slow solver."""

_DEAR = {"gblup-nonadditive", "bayesr"}
_FEW = 5000
"""Members whose fits are only short up to so many animals, beside those of the others."""

_FIRM = 1e3
"""Weight of the equation that all shares add up to 1, beside equations of unit length."""


class SuperLearner(Estimator):
    """GBLUP, and of other models what out-of-fold predictions prove to be worth adding.

    1. Training animals are divided into folds. Each model predicts every fold from the others.
    2. Of each trait, the records are regressed on these predictions by least squares, with shares of the models that
       are not negative and add up to 1, GBLUP's among them (Breiman 1996).
    3. Shares that other folds told give each animal the change from GBLUP that was not learned from its own record. The
       regression of GBLUP's out-of-fold errors on these changes gives each trait's gate, from 0 (pure GBLUP) to 1:
       shrunk towards the mean of all traits, and that to 1, as far as its uncertainty asks; or with `gate_level` 0
       unless it is significant.
    4. All models are fitted again on all training animals.

    It costs as many fits of each model as there are folds, and one more.

    Parameters
    ----------
    members
        Names of models in the catalogue, or their settings by name: {"lightgbm": {"leaves": 8}, "network": {}}; None:
        gblup-multi (of several traits), rkhs, lightgbm and, of up to 5,000 animals, gblup-nonadditive and bayesr of 600
        sweeps; rkhs and lightgbm alone where there are random effects beside breeding values.
    heritability, relationships, solver
        Of the GBLUP, as in `GBLUP`.
    folds
        How many parts the training animals are divided into.
    gate_level
        Probability that any gate opens where no change is worth anything, corrected for all traits; sires' families
        count as dependent. None for gates that need no proof: they open sooner, and promise less.
    threads
        Of the members; 0 for all cores.
    seed
        Of folds and members.

    Attributes
    ----------
    shares_
        Of each member in each trait, before the gates; what they leave to 1 is GBLUP's, shape (members, traits).
    gate_
        Share of the change that is added, shape (traits,).
    base_, members_
        The fitted GBLUP, which `heritability_` and `heritability_se_` are of, and the fitted members by name.
    notes_
        Which gates are open, and shares there.

    References
    ----------
    Wolpert 1992, Neural Netw 5:241; Breiman 1996, Mach Learn 24:49; van der Laan, Polley and Hubbard 2007, Stat Appl
    Genet Mol Biol 6:25.
    """

    def __init__(
        self,
        *,
        members: Members | None = None,
        heritability: float | list[float] | None = None,
        relationships: str = "vanraden1",
        solver: str = "auto",
        folds: int = 5,
        gate_level: float | None = None,
        threads: int = 0,
        seed: int = 1,
    ) -> None:
        self.members = members
        self.heritability = heritability
        self.relationships = relationships
        self.solver = solver
        self.folds = folds
        self.gate_level = gate_level
        self.threads = threads
        self.seed = seed

    @property
    def requires(self) -> frozenset[str]:
        """The parts of a cohort that any of the models uses beside records."""
        return frozenset({"genotypes"}).union(*(member.requires for member in self._unfitted().values()))

    def fit(self, cohort: Cohort) -> Self:
        """Fit GBLUP and all members, on all training animals and without each fold."""
        check_at_least("super-learner folds", self.folds, 3)
        if self.gate_level is not None:
            check_between("super-learner gate_level", self.gate_level, 0, 0.5)
        cohort = cohort.canonical()
        unfitted = self._unfitted(cohort)  # before anything is fitted: a member may be unknown
        self.base_ = GBLUP(
            heritability=self.heritability, relationships=self.relationships, solver=self.solver, seed=self.seed
        )
        fits = self.base_.fit_traits(cohort)
        self.heritability_, self.heritability_se_ = self.base_.heritability_, self.base_.heritability_se_
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        self._learn_shares(cohort, fits, unfitted)
        opened = self.gate_.any()
        self.members_ = {name: member.fit(cohort) for name, member in unfitted.items()} if opened else {}
        names = [trait.name for trait in cohort.traits]
        self.notes_ = self.base_.notes_ + gate_notes(names, self.gate_) + self._share_notes(names, list(unfitted))
        return self

    def _learn_shares(self, cohort: Cohort, fits: TraitFits, members: dict[str, Predictor]) -> None:
        """Set `shares_` and `gate_`."""
        records, weights = adjusted_by_animal(fits.models, len(cohort))
        folds = spread_folds(weights > 0, self.folds, seed=self.seed)
        plain = self.base_.mean_ + fits.out_of_fold_breeding_values(folds)
        errors = records - plain
        parts = [np.flatnonzero(folds == fold) for fold in range(self.folds)]
        others = np.stack([predicted_without(member, cohort, parts) for member in members.values()])
        changes = np.nan_to_num(others - plain)
        changed = np.empty_like(plain)
        for fold in range(self.folds):
            outside, inside = folds != fold, folds == fold
            shares = _shares(errors[outside], changes[:, outside], weights[outside])
            changed[inside] = _combined(shares, changes[:, inside])
        self.shares_ = _shares(errors, changes, weights)
        self.gate_ = self._gates(errors, changed, weights, blocks(cohort))

    def _gates(self, errors: FloatArray, changed: FloatArray, weights: FloatArray, dependent: StrArray) -> FloatArray:
        if self.gate_level is not None:
            return gates(errors, changed, weights, self.gate_level, blocks=dependent)
        any_change = np.any(changed * (weights > 0), axis=0)
        out = np.zeros(len(any_change))
        if any_change.any():
            columns = (matrix[:, any_change] for matrix in (errors, changed, weights))
            out[any_change] = shrunken_gates(*columns, blocks=dependent)
        return out

    def _unfitted(self, cohort: Cohort | None = None) -> dict[str, Predictor]:
        """Return the members by name; those by default as far as they fit the cohort."""
        if cohort is None:
            return self._made(_USUAL if self.members is None else self.members)
        random = any(trait.random for trait in cohort.traits)
        usual = _usual(len(cohort), len(cohort.traits), random=random)
        return self._made(usual if self.members is None else self.members)

    def _made(self, members: Members) -> dict[str, Predictor]:
        given = _by_name(members)
        if not given or "super-learner" in given:
            found = "its own" if given else "none"
            raise SettingError("super-learner members", expected="names of other models", found=found)
        common = {"seed": self.seed, "threads": self.threads}
        return {
            name: CATALOGUE[check_known("super-learner members", name, CATALOGUE)].make(f"model {name}", own, common)
            for name, own in given.items()
        }

    def _share_notes(self, traits: list[str], members: list[str]) -> list[str]:
        notes = []
        for place in np.flatnonzero(self.gate_):
            shares = zip(members, self.shares_[:, place], strict=True)
            parts = ", ".join(f"{name} {share:.2f}" for name, share in shares if share > 0)
            notes.append(f"{traits[place]}: {parts}, gblup {1 - self.shares_[:, place].sum():.2f}")
        return notes

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs: those of the largest member."""
        usual = _usual(sizes.n_animals, sizes.n_traits, random=False)
        unfitted = self._made(usual if self.members is None else self.members)
        members = [memory_bytes(member, sizes, solver) for member in unfitted.values()]
        return max(needed_bytes(sizes, solver, out_of_fold=True), *members)

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return mean plus genetic value, shape (animals, traits); of a binary trait within 0 and 1."""
        if not hasattr(self, "gate_"):
            raise NotFittedError("super-learner", expected="fit before predict", found="a model that saw no data")
        plain = self.base_.mean_ + self.base_.breeding_values(cohort)
        if self.gate_.any():
            changes = np.stack([member.predict(cohort) for member in self.members_.values()]) - plain
            plain = plain + self.gate_ * _combined(self.shares_, changes)
        return within_bounds(plain, self.binary_)


def _by_name(members: Members) -> dict[str, Mapping[str, Any]]:
    """Return settings by name; a text is names joined by "+"."""
    if isinstance(members, Mapping):
        return dict(members)
    names = [name.strip() for name in members.split("+")] if isinstance(members, str) else members
    return {name: {} for name in names}


def _usual(n_animals: int, n_traits: int, *, random: bool) -> Members:
    """Return the members by default that fit so many animals and traits, with or without further random effects."""
    unfit = {"gblup-multi"} if n_traits == 1 else set()
    if n_animals > _FEW:
        unfit |= _DEAR
    if random:
        unfit |= _WITHOUT_RANDOM
    return {name: settings for name, settings in _USUAL.items() if name not in unfit}


def _combined(shares: FloatArray, changes: FloatArray) -> FloatArray:
    """Return the sum of members' changes (members, animals, traits) times their shares (members, traits)."""
    return np.asarray(np.einsum("mt,mat->at", shares, changes))


def _shares(errors: FloatArray, changes: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the share of each member in each trait, shape (members, traits).

    Parameters
    ----------
    errors
        Of GBLUP, NaN without record, shape (animals, traits).
    changes
        From GBLUP to each member, shape (members, animals, traits).
    weights
        Precision of the records, shape (animals, traits).
    """
    n_members, _, n_traits = changes.shape
    out = np.zeros((n_members, n_traits))
    for trait in range(n_traits):
        known = weights[:, trait] > 0
        if known.any():
            out[:, trait] = convex_shares(errors[known, trait], changes[:, known, trait].T, weights[known, trait])
    return out


def convex_shares(errors: FloatArray, changes: FloatArray, weights: FloatArray) -> FloatArray:
    """Return shares s of changes D that minimise sum w (e - D s)^2, none negative, their sum at most 1.

    Means are free: a change of all animals alike is nobody's merit. What is left to 1 is the share of a further change
    of 0; that all add up to 1 is an equation of large weight (Lawson and Hanson 1974, Solving Least Squares Problems,
    chapter 22).

    Parameters
    ----------
    errors
        e, shape (animals,).
    changes
        D, shape (animals, members).
    weights
        w, shape (animals,).
    """
    w = weights / weights.sum()
    roots = np.sqrt(w)
    x, y = (roots[:, None] * (changes - w @ changes)), roots * (errors - w @ errors)
    length = float(np.sqrt(np.sum(x**2)))
    if not length > 0:
        return np.zeros(changes.shape[1])
    equations = np.vstack([np.column_stack([x / length, np.zeros(len(x))]), np.full(x.shape[1] + 1, _FIRM)])
    found = nnls(equations, np.append(y / length, _FIRM))[0][:-1]
    return np.asarray(found / max(float(found.sum()), 1.0))
