"""What `genialearn variance` writes is what GBLUP says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

from genialearn.cohorts import Cohort, CohortFiles, read_cohort
from genialearn.errors import InputError, SettingError
from genialearn.experiments import estimation, machine
from genialearn.experiments.component_errors import component_errors
from genialearn.experiments.estimates import Estimates
from genialearn.experiments.estimation import variance
from genialearn.genotypes import dosages
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.gblup_multi import GBLUPMulti
from genialearn.relationships import GenomicScale
from messages import exactly
from tiny_cohort import ANIMALS, TRAITS

UNRECORDED = [3, 40, 41]


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, sep="\t", dtype={"id": str, "chromosome": str})


def edit_traits(herd: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    edit(pd.read_csv(herd / "traits.tsv", sep="\t")).to_csv(herd / "traits.tsv", sep="\t", index=False)


@pytest.fixture
def partly_recorded(herd: Path) -> Path:
    """The tiny cohort, three of its animals without any record."""
    edit_traits(herd, lambda traits: traits.drop(index=UNRECORDED))
    return herd


@pytest.fixture(params=["exact", "iterative"])
def estimated(request: pytest.FixtureRequest, partly_recorded: Path) -> tuple[Path, Estimates]:
    """The folder, and what was written there."""
    out = partly_recorded.parent / "out"
    files = CohortFiles.in_folder(partly_recorded)
    return out, variance(files, out, solver=request.param, relationships="vanraden2", seed=3, threads=1)


@pytest.fixture
def whole(partly_recorded: Path) -> Cohort:
    """All genotyped animals."""
    return read_cohort(CohortFiles.in_folder(partly_recorded), keep_unrecorded=True)[0]


def fitted(cohort: Cohort, solver: str) -> GBLUP:
    """Return GBLUP as a user would fit it on the animals with records."""
    recorded = np.setdiff1d(np.arange(len(cohort)), UNRECORDED)
    return GBLUP(relationships="vanraden2", solver=solver, seed=3).fit(cohort.select(recorded))


class TestTables:
    def test_variances(self, estimated: tuple[Path, Estimates], whole: Cohort) -> None:
        folder, estimates = estimated
        model = fitted(whole, estimates.model.solver_)
        found = table(folder, "variance.tsv")

        assert ["trait", "h2", "h2_se", "h2_scaled", "genetic_variance", "residual_variance", "n_records"] == list(
            found
        )
        assert TRAITS == list(found["trait"])
        np.testing.assert_allclose(found["h2"], model.heritability_, rtol=1e-8)
        np.testing.assert_allclose(found["h2_se"], model.heritability_se_, rtol=1e-8)
        shares = found["genetic_variance"] / (found["genetic_variance"] + found["residual_variance"])
        np.testing.assert_allclose(shares, found["h2"], rtol=1e-8)
        assert whole.records.n_records.tolist() == found["n_records"].tolist()

    def test_scaled_heritability(self, estimated: tuple[Path, Estimates], whole: Cohort) -> None:
        """The share of genetic variance in that of an average training animal's record."""
        recorded = whole.select(np.setdiff1d(np.arange(len(whole)), UNRECORDED)).genotypes
        diagonal = np.diag(GenomicScale.of(recorded, standardised=True).relationships(recorded)).mean()
        found = table(estimated[0], "variance.tsv")

        genetic = diagonal * found["genetic_variance"]
        np.testing.assert_allclose(found["h2_scaled"], genetic / (genetic + found["residual_variance"]), rtol=1e-6)

    def test_components(self, estimated: tuple[Path, Estimates]) -> None:
        found = table(estimated[0], "components.tsv")
        variances = table(estimated[0], "variance.tsv")

        assert ["trait", "other", "component", "estimate", "se"] == list(found)
        own = found[found["trait"] == found["other"]]
        assert list(np.repeat(TRAITS, 2)) == list(own["trait"])
        for component in ("genetic", "residual"):
            estimates = own.loc[own["component"] == component, "estimate"].to_numpy()
            np.testing.assert_array_equal(variances[f"{component}_variance"], estimates)
        assert np.isfinite(found["se"]).all()

    def test_covariances_of_pairs(self, estimated: tuple[Path, Estimates]) -> None:
        folder, estimates = estimated
        found = table(folder, "components.tsv").query("trait != other")
        correlations = table(folder, "genetic_correlations.tsv")

        assert ["trait", "other", "correlation", "se"] == list(correlations)
        pairs = list(combinations(TRAITS, 2))
        for rows in (correlations, found[found["component"] == "genetic"], found[found["component"] == "residual"]):
            assert pairs == list(rows[["trait", "other"]].itertuples(index=False, name=None))
        upper = np.triu_indices(4, 1)
        covariances = estimates.covariances
        for component, matrix in (("genetic", covariances.genetic.matrix), ("residual", covariances.residual.matrix)):
            np.testing.assert_allclose(found.loc[found["component"] == component, "estimate"], matrix[upper], rtol=1e-8)
        np.testing.assert_allclose(correlations["correlation"], covariances.genetic_correlations[upper], rtol=1e-8)
        np.testing.assert_allclose(correlations["se"], covariances.genetic_correlations_se[upper], rtol=1e-8)

    def test_reliabilities_of_all_animals_in_the_order_of_the_file(
        self, estimated: tuple[Path, Estimates], whole: Cohort
    ) -> None:
        """Those of full matrices: 96 of 120 animals were computed exactly, the others nearly so."""
        folder, estimates = estimated
        found = table(folder, "reliabilities.tsv")
        recorded = np.setdiff1d(np.arange(len(whole)), UNRECORDED)
        frequencies = GenomicScale.of(whole.genotypes.select(animals=recorded)).frequencies
        z = (dosages(whole.genotypes) - 2 * frequencies) / np.sqrt(2 * frequencies * (1 - frequencies))
        relationships = z @ z.T / z.shape[1]
        h = estimates.model.heritability_[TRAITS.index("conception")]
        v = np.linalg.inv(h * relationships[np.ix_(recorded, recorded)] + (1 - h) * np.eye(len(recorded)))
        p = v - np.outer(v.sum(axis=0), v.sum(axis=0)) / v.sum()
        covariance = h * relationships[:, recorded]
        expected = np.einsum("ij,jk,ik->i", covariance, p, covariance) / (h * np.diag(relationships))

        assert ["id", *TRAITS] == list(found)
        assert ANIMALS == list(found["id"])
        np.testing.assert_allclose(found["conception"], expected, atol=0.02)

    def test_breeding_values_of_all_genotyped_animals(self, estimated: tuple[Path, Estimates], whole: Cohort) -> None:
        folder, estimates = estimated
        found = table(folder, "breeding_values.tsv")

        assert ["id", *TRAITS] == list(found)
        assert ANIMALS == list(found["id"])
        expected = fitted(whole, estimates.model.solver_).breeding_values(whole)
        np.testing.assert_allclose(found[TRAITS], expected, rtol=1e-6, atol=1e-7)

    def test_marker_effects_give_the_breeding_values(self, estimated: tuple[Path, Estimates], whole: Cohort) -> None:
        """From the files alone: copies of the counted allele times effects, up to a constant."""
        folder, _ = estimated
        found = table(folder, "marker_effects.tsv")
        markers = whole.genotypes.markers
        column_of = {name: column for column, name in enumerate(markers.names)}
        columns = np.array([column_of[name] for name in found["marker"]])
        copies = dosages(whole.genotypes)[:, columns]
        swapped = markers.counted_alleles[columns] != found["counted_allele"].to_numpy()
        values = np.where(swapped, 2 - copies, copies) @ found[TRAITS].to_numpy()

        assert ["marker", "chromosome", "position", "counted_allele", *TRAITS] == list(found)
        expected = table(folder, "breeding_values.tsv")[TRAITS].to_numpy()
        np.testing.assert_allclose(values - values.mean(axis=0), expected - expected.mean(axis=0), atol=1e-5)

    def test_fixed_effects(self, estimated: tuple[Path, Estimates]) -> None:
        folder, estimates = estimated
        found = table(folder, "fixed_effects.tsv")

        assert ["trait", "effect", "estimate", "se"] == list(found)
        assert ["Intercept", "herd[T.H1]", "herd[T.H2]"] == list(found.loc[found["trait"] == "milk", "effect"])
        assert ["Intercept"] == list(found.loc[found["trait"] == "health", "effect"])
        expected = np.concatenate([model.fixed for model in estimates.model.models_])
        np.testing.assert_allclose(found["estimate"], expected, rtol=1e-8)

    def test_run(self, estimated: tuple[Path, Estimates]) -> None:
        folder, estimates = estimated
        run = json.loads((folder / "run.json").read_text())

        assert (estimates.model.solver_, 3, "vanraden2") == (
            run["solver"],
            run["seed"],
            run["settings"]["relationships"],
        )
        stages = ["read", "fit", "predict", "covariances", "reliabilities", "write"]
        assert stages == [stage["stage"] for stage in run["stages"]]
        assert {"genetic", "residual"} == set(run["bending"])
        assert set(TRAITS) == set(run["reliability_errors"])
        assert {"n_animals": 120, "n_training": 117, "n_markers": 200, "n_traits": 4} == run["cohort"]
        assert run["peak_rss_mib"] > 0
        assert np.__version__ == run["versions"]["numpy"]
        assert {64} == {len(item["sha256"]) for item in run["inputs"]}
        assert sorted([*run["tables"], "run.json"]) == sorted(path.name for path in folder.iterdir())


class TestJoint:
    @pytest.mark.parametrize("solver", ["exact", "iterative"])
    def test_values_are_those_of_gblup_multi(self, solver: str, partly_recorded: Path, whole: Cohort) -> None:
        out = partly_recorded.parent / "joint"
        files = CohortFiles.in_folder(partly_recorded)
        estimates = variance(files, out, solver=solver, seed=3, threads=1, joint=True, reliabilities=False)
        recorded = whole.select(np.setdiff1d(np.arange(len(whole)), UNRECORDED))
        model = GBLUPMulti(solver=solver, seed=3).fit(recorded)

        expected = model.breeding_values(whole)
        actual = table(out, "breeding_values.tsv")[TRAITS].to_numpy()
        np.testing.assert_allclose(actual, expected, atol=1e-6 * expected.std())
        effects = table(out, "marker_effects.tsv")[TRAITS].to_numpy()
        np.testing.assert_allclose(effects, model.marker_effects_, atol=1e-6 * model.marker_effects_.std())
        assert np.abs(actual - estimates.breeding_values).max() > 1e-3
        assert json.loads((out / "run.json").read_text())["settings"]["joint"]

    def test_it_rests_on_covariances(self, herd: Path, tmp_path: Path) -> None:
        with pytest.raises(SettingError, match="joint: expected covariances of the traits"):
            variance(CohortFiles.in_folder(herd), tmp_path / "out", joint=True, covariances=False)

    def test_it_knows_no_random_effects(self, herd: Path, tmp_path: Path) -> None:
        settings = herd / "traits.toml"
        settings.write_text(settings.read_text().replace("[milk]", '[milk]\nrandom = "animal"'))
        with pytest.raises(SettingError, match="gblup-multi: expected no random effects"):
            variance(CohortFiles.in_folder(herd), tmp_path / "out", joint=True)
        assert not (tmp_path / "out").exists()


class TestComponentErrors:
    """Against the inverse of the observed information on both variances, by differences of the likelihood."""

    @pytest.mark.parametrize("column", range(4))
    def test_observed_information(self, column: int, tiny: Path) -> None:
        cohort, _ = read_cohort(CohortFiles.in_folder(tiny))
        model = GBLUP(solver="exact")
        trait = model.fit_traits(cohort).models[column]
        d, c = trait.contrasts.eigenvalues, trait.contrasts.values

        def likelihood(genetic: float, residual: float) -> float:
            v = genetic * d + residual
            return -0.5 * float(np.sum(np.log(v) + c**2 / v))

        at = np.array([trait.variances.genetic, trait.variances.residual])
        steps = 1e-3 * np.diag(at)
        information = np.empty((2, 2))
        for i, one in enumerate(steps):
            for j, other in enumerate(steps):
                corners = [likelihood(*(at + a * one + b * other)) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
                information[i, j] = -(corners[0] - corners[1] - corners[2] + corners[3]) / (4 * one[i] * other[j])
        expected = np.sqrt(np.diag(np.linalg.inv(information)))

        found = component_errors(trait, model.breeding_values(cohort.canonical())[:, column])
        np.testing.assert_allclose(found, expected, rtol=1e-3)

    def test_without_that_of_the_heritability(self, tiny: Path) -> None:
        cohort, _ = read_cohort(CohortFiles.in_folder(tiny))
        model = GBLUP(heritability=0.3).fit(cohort)

        assert np.isnan(component_errors(model.models_[0], model.breeding_values(cohort.canonical())[:, 0])).all()


class TestUnusualCohorts:
    def test_twins_have_the_same_breeding_values(self, herd: Path) -> None:
        """The second animal gets the genotypes of the first: the lowest bits of each marker's first byte."""
        bed = bytearray((herd / "genotypes.bed").read_bytes())
        for place in range(3, len(bed), 30):
            bed[place] = (bed[place] & 0b11110011) | (bed[place] & 0b11) << 2
        (herd / "genotypes.bed").write_bytes(bed)

        for solver in ("exact", "iterative"):
            found = variance(CohortFiles.in_folder(herd), herd / solver, solver=solver).breeding_values
            np.testing.assert_array_equal(found[0], found[1])
            assert np.isfinite(found).all()

    @pytest.mark.parametrize("relationships", ["vanraden1", "vanraden2"])
    def test_markers_without_variation_do_not_count(self, relationships: str, herd: Path) -> None:
        bed = bytearray((herd / "genotypes.bed").read_bytes())
        bed[3 : 3 + 30 * 50] = b"\xff" * (30 * 50)
        (herd / "genotypes.bed").write_bytes(bed)
        cohort, _ = read_cohort(CohortFiles.in_folder(herd))
        others = replace(cohort, genotypes=cohort.genotypes.select(markers=slice(50, None)))

        found = variance(CohortFiles.in_folder(herd), herd / "out", relationships=relationships, solver="exact")

        expected = GBLUP(relationships=relationships).fit(others)
        np.testing.assert_allclose(found.model.heritability_, expected.heritability_, atol=1e-6)
        np.testing.assert_allclose(found.breeding_values, expected.breeding_values(others), atol=1e-6)
        constant = np.isin(found.model.scale_.markers.names, cohort.genotypes.markers.names[:50])
        if relationships == "vanraden2":
            assert not found.model.marker_effects_[constant].any()

    @pytest.mark.parametrize("solver", ["exact", "iterative"])
    def test_a_confounded_effect_is_said_and_changes_nothing(self, solver: str, herd: Path) -> None:
        covariates = pd.read_csv(herd / "covariates.tsv", sep="\t")
        covariates.assign(owner="of " + covariates["herd"]).to_csv(herd / "covariates.tsv", sep="\t", index=False)
        told: list[estimation.Task] = []

        one, other = (
            variance(
                CohortFiles.in_folder(herd, fixed=fixed, trait_names=("milk",)),
                herd / fixed,
                solver=solver,
                announce=told.append,
            )
            for fixed in ("herd", "herd + owner")
        )

        np.testing.assert_allclose(other.breeding_values, one.breeding_values, atol=1e-4)
        note = (
            "trait milk: 2 of 5 fixed effects can't be told from the others; they share one estimate, "
            "and breeding values don't depend on how"
        )
        assert [[], [note]] == [list(task.notes) for task in told]
        assert [note] == json.loads((herd / "herd + owner" / "run.json").read_text())["notes"]

    def test_random_effects_have_variances_of_their_own_and_no_covariances(self, herd: Path) -> None:
        (herd / "traits.toml").write_text('[milk]\nrandom = "herd"\n')

        found = variance(CohortFiles.in_folder(herd, trait_names=("milk", "fat")), herd / "out")

        components = table(herd / "out", "components.tsv")
        milk = found.model.models_[0].components
        assert ["genetic", "herd", "residual", "genetic", "residual"] == list(components["component"])
        np.testing.assert_allclose(components["estimate"][:3], milk.values, rtol=1e-8)
        np.testing.assert_allclose(components["se"][:3], milk.standard_errors, rtol=1e-8)
        assert not (herd / "out" / "genetic_correlations.tsv").exists()
        assert ["covariances of traits are left out: some traits have random effects beside breeding values"] == (
            json.loads((herd / "out" / "run.json").read_text())["notes"]
        )

    def test_a_trait_may_be_named_as_a_column(self, herd: Path) -> None:
        edit_traits(herd, lambda traits: traits[["id", "milk"]].rename(columns={"milk": "position"}))

        (herd / "traits.toml").unlink()

        variance(CohortFiles.in_folder(herd), herd / "out")

        header = (herd / "out" / "marker_effects.tsv").read_text().splitlines()[0]
        assert ["marker", "chromosome", "position", "counted_allele", "position"] == header.split("\t")


class TestMemory:
    @pytest.fixture
    def task(self, tiny: Path) -> estimation.Task:
        """The tiny cohort, as if it had 20,000 animals."""
        told: list[estimation.Task] = []
        variance(CohortFiles.in_folder(tiny), tiny.parent / "told", announce=told.append, force=True)
        large = tuple(replace(pattern, n_records=20_000) for pattern in told[0].sizes.patterns)
        return replace(told[0], sizes=replace(told[0].sizes, n_animals=20_000, n_genotyped=20_000, patterns=large))

    def test_the_other_solver_is_named_where_it_fits(self, task: estimation.Task) -> None:
        message = (
            f"memory: expected about {task.memory_gib:.1f} GiB for the exact solver, "
            "found 8.0 GiB that this process may use. Use the iterative solver (--solver iterative), "
            f"or a machine with {int(task.memory_gib) + 1} GiB."
        )
        with pytest.raises(InputError, match=exactly(message)):
            task.check_memory(8.0)

    def test_fewer_animals_where_nothing_fits(self, task: estimation.Task) -> None:
        with pytest.raises(InputError, match=r"Use fewer animals or markers, or a machine with \d+ GiB\.$"):
            task.check_memory(0.1)

    def test_enough_is_enough(self, task: estimation.Task) -> None:
        task.check_memory(task.memory_gib)


def threads() -> tuple[int, list[int]]:
    """Return how many threads products with genotypes may use, and each library of linear algebra."""
    libraries = [item["num_threads"] for item in threadpool_info() if item["user_api"] == "blas"]
    return numba.get_num_threads(), libraries


def test_that_threads_are_limited_for_a_while() -> None:
    before = threads()

    with machine.limited_threads(1):
        assert (1, {1}) == (threads()[0], set(threads()[1]))
    with machine.limited_threads(1000):
        assert before == threads()

    assert before == threads()
