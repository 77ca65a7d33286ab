"""The three sets that a judgement compares: training, hold-out and artificial animals, on one marker map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from genialearn._arrays import FloatArray, Int8Array, IntArray
from genialearn._checks import check_at_least
from genialearn.errors import AlignmentError, SettingError, examples
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix, MarkerMap, canonical, compare_maps, dosages, matched
from genialearn.judging.nearest import nearest

Animals: TypeAlias = GenotypeMatrix | HaplotypeMatrix

Role: TypeAlias = Literal["training", "holdout", "artificial", "everyone"]
"""One of the sets; "everyone" are all training animals, also those that an equal number of rows left out."""

Against: TypeAlias = Literal["holdout", "training", "both"]
"""Which real animals a metric compares the artificial ones with."""

_EQUAL: tuple[Role, ...] = ("training", "holdout", "artificial")

FEWEST_ANIMALS = 10
MOST_ANIMALS, MOST_GENOTYPES, ENOUGH_ANIMALS = 5_000, 75_000_000, 1_000
"""Of each set at most so many animals, and so many genotypes where that leaves enough: more are slower, not better."""

NEIGHBOURS = 5
"""How many are looked for: k of precision, recall, density and coverage."""

_Kept = TypeVar("_Kept")
_Number = TypeVar("_Number", bound=np.generic)


def most_animals(n_markers: int) -> int:
    """Return how many animals of each set are compared at most: 5,000, and fewer above 15,000 markers."""
    return int(np.clip(MOST_GENOTYPES // max(n_markers, 1), ENOUGH_ANIMALS, MOST_ANIMALS))


@dataclass(frozen=True, eq=False)
class Samples:
    """Training, hold-out and artificial animals, as many of each.

    Rows are haplotypes (0, 1; rows 2i and 2i + 1 are animal i) where all three sets are phased, else animals'
    dosages (0, 1, 2).

    Parameters
    ----------
    training, holdout, artificial
        int8, the same number of rows, shape (rows, markers).
    everyone
        All training animals, shape (rows, markers): a copy of one that wasn't chosen is still a copy.
    markers
        The columns, in canonical order.
    phased
        Whether rows are haplotypes.
    """

    training: Int8Array
    holdout: Int8Array
    artificial: Int8Array
    everyone: Int8Array
    markers: MarkerMap
    phased: bool
    _kept: dict[object, object] = field(default_factory=dict, init=False, repr=False)
    _beside_everyone: dict[tuple[str, Role], NDArray[Any]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(
        cls,
        training: Animals,
        holdout: Animals,
        artificial: Animals,
        *,
        rng: np.random.Generator,
        most: int | None = None,
    ) -> Self:
        """Return the three sets on the training's markers, with as many animals of each, chosen at random.

        A missing dosage becomes its marker's most frequent one in the animal's own set.

        Parameters
        ----------
        training, holdout, artificial
            Animals with at least the markers of the training; order and counted alleles may differ.
        rng
            Chooses the animals.
        most
            How many animals of each set at most; None for `most_animals`.

        Raises
        ------
        AlignmentError
            Where a marker of the training is absent from another set, or alleles contradict each other.
        SettingError
            Where a set has fewer than 10 animals.
        """
        named = {"training animals": training, "hold-out animals": holdout, "artificial animals": artificial}
        for name, animals in named.items():
            _check_enough(name, animals)
        phased = all(isinstance(animals, HaplotypeMatrix) for animals in named.values())
        reference, *others = (_canonical(animals, phased) for animals in named.values())
        most = most_animals(len(training.markers)) if most is None else check_at_least("most", most, FEWEST_ANIMALS)
        size = min(most, *(len(animals.animals) for animals in named.values()))
        everyone = _rows(reference)
        sets = [
            everyone,
            *(_rows(_on_map(*pair, reference.markers)) for pair in zip(list(named)[1:], others, strict=True)),
        ]
        chosen = [_pick(rows, _choice(len(rows) // (1 + phased), size, rng), phased) for rows in sets]
        return cls(chosen[0], chosen[1], chosen[2], everyone, reference.markers, phased)

    @property
    def n_animals(self) -> int:
        """How many animals each set has."""
        return len(self.holdout) // (1 + self.phased)

    @property
    def largest_distance(self) -> int:
        """Between two rows: one for each marker of haplotypes, two for each marker of animals."""
        return len(self.markers) * (1 if self.phased else 2)

    def rows(self, role: Role) -> Int8Array:
        """Return haplotypes or animals of a set, shape (rows, markers)."""
        return {
            "training": self.training,
            "holdout": self.holdout,
            "artificial": self.artificial,
            "everyone": self.everyone,
        }[role]

    def animals(self, role: Role) -> Int8Array:
        """Return dosages of a set's animals, shape (animals, markers)."""
        rows = self.rows(role)
        return self._once(("animals", role), lambda: rows[0::2] + rows[1::2]) if self.phased else rows

    def frequencies(self, role: Role) -> FloatArray:
        """Return the frequency of each marker's counted allele in a set, shape (markers,)."""
        rows, copies = self.rows(role), 1 if self.phased else 2
        return self._once(("frequencies", role), lambda: np.asarray(rows.mean(axis=0, dtype=np.float64) / copies))

    def distances(self, of: Role, to: Role) -> IntArray:
        """Return distances of each row to its nearest in a set, itself left out, ascending, shape (rows, up to 5)."""
        own = of == to
        k = min(NEIGHBOURS, len(self.rows(to)) - own)

        def found() -> IntArray:
            return nearest(self.rows(of), self.rows(to), k=k, skip_same_index=own).distances

        if to == "everyone" and not own:
            return self.beside_everyone("distances", of, found)
        return self._once(("distances", of, to), found)

    def beside_everyone(self, name: str, of: Role, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return what each row or animal of a set is beside all training animals, shape (rows or animals, ...).

        It must depend on the row and on `everyone` alone, but for frequencies, which may be those of the whole
        hold-out. So it is made once: a half of the set has it already.
        """
        if (name, of) not in self._beside_everyone:
            self._beside_everyone[name, of] = make()
        return self._beside_everyone[name, of]

    def chromosomes(self) -> list[IntArray]:
        """Return the columns of each chromosome, in map order."""
        names = self.markers.chromosomes
        starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]]) if len(names) else np.zeros(0, dtype=np.int64)
        return np.split(np.arange(len(names)), starts[1:]) if len(names) else []

    def half(self, rng: np.random.Generator) -> Self:
        """Return a random half of the animals of each set, drawn without replacement; `everyone` stays."""
        chosen = {role: self._halves(rng)[0] for role in _EQUAL}
        training, holdout, artificial = (_pick(self.rows(role), chosen[role], self.phased) for role in _EQUAL)
        half = replace(self, training=training, holdout=holdout, artificial=artificial)
        for (name, of), known in self._beside_everyone.items():
            by_rows = self.phased and len(known) == len(self.rows(of))
            half._beside_everyone[name, of] = _pick(known, chosen[of], by_rows)
        return half

    def real_in_place(self, against: Against, rng: np.random.Generator) -> Self:
        """Return the samples with real animals in the place of the artificial ones.

        Against the hold-out stand the training animals, against the training the hold-out animals. Where a metric
        needs both, one half of the training takes the place of the artificial animals, the other half stays, and of
        the hold-out a random half is kept: real animals are as close to the training as their families are.
        """
        if against == "holdout":
            return replace(self, artificial=self.training)
        if against == "training":
            swapped = replace(self, artificial=self.holdout)
            for (name, of), known in self._beside_everyone.items():
                if of == "holdout":
                    swapped._beside_everyone[name, "artificial"] = known
            return swapped
        artificial, training = (_pick(self.training, some, self.phased) for some in self._halves(rng))
        holdout = _pick(self.holdout, self._halves(rng)[0], self.phased)
        return replace(self, training=training, holdout=holdout, artificial=artificial, everyone=training)

    def _halves(self, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Return the places of two random halves of a set's animals; of an odd number one animal is in neither."""
        order, size = rng.permutation(self.n_animals), self.n_animals // 2
        return np.sort(order[:size]), np.sort(order[size : 2 * size])

    def _once(self, name: object, make: Callable[[], _Kept]) -> _Kept:
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]  # type: ignore[return-value]


def _check_enough(name: str, animals: Animals) -> None:
    if len(animals.animals) < FEWEST_ANIMALS:
        raise SettingError(
            name,
            expected=f"at least {FEWEST_ANIMALS}",
            found=str(len(animals.animals)),
            advice="So few animals say nothing about a distribution.",
        )


def _canonical(animals: Animals, phased: bool) -> Animals:
    if isinstance(animals, HaplotypeMatrix):
        return animals.canonical() if phased else canonical(animals.genotypes())
    return canonical(animals)


def _on_map(name: str, animals: Animals, reference: MarkerMap) -> Animals:
    match = compare_maps(reference, animals.markers)
    if match.n_absent:
        raise AlignmentError(
            name,
            expected=f"all {len(reference):,} markers of the training animals",
            found=f"{match.n_absent:,} absent, such as {examples(reference.names[match.columns < 0])}",
            advice="Judge artificial animals on the markers that their generator has learned from.",
        )
    if isinstance(animals, HaplotypeMatrix):
        return animals.select(markers=match.columns).recoded(match.swaps)
    return matched(animals, match)


def _rows(animals: Animals) -> Int8Array:
    """Return alleles, or dosages with missing ones filled, row-major."""
    if isinstance(animals, HaplotypeMatrix):
        return np.ascontiguousarray(animals.alleles())
    filled = dosages(animals)
    counts = np.stack([(filled == dosage).sum(axis=0) for dosage in range(3)])
    return np.ascontiguousarray(np.where(filled < 0, counts.argmax(axis=0).astype(np.int8), filled))


def _choice(n_animals: int, size: int, rng: np.random.Generator) -> IntArray:
    return np.sort(rng.choice(n_animals, size, replace=False))


def _pick(rows: NDArray[_Number], animals: IntArray, phased: bool) -> NDArray[_Number]:
    """Return the rows of animals."""
    return rows[np.column_stack([2 * animals, 2 * animals + 1]).ravel() if phased else animals]
