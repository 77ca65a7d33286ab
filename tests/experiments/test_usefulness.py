"""Artificial animals that are copies, shuffled or labelled in known ways, and plain twins of what is computed fast."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress

from genialearn._arrays import as_ids
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.experiments.association import marker_regressions
from genialearn.experiments.augmentation import augmentation
from genialearn.experiments.jackknife import Jackknifed, Moments, mean_of, shared
from genialearn.experiments.recorded import Recorded, labelled, on_map
from genialearn.experiments.usefulness import COLUMNS, usefulness
from genialearn.generators.independent import Independent
from genialearn.generators.mosaic import Mosaic
from genialearn.genotypes import DenseGenotypes, GenotypeMatrix, HaplotypeMatrix, dosages
from genialearn.predictors.gblup import GBLUP
from genialearn.records import RecordTable, Trait

N, N_MARKERS = 300, 200


@cache
def animals(n_animals: int = 2 * N, h2: float = 0.7, seed: int = 1) -> Cohort:
    """Return phased animals of a few founders, two traits of high heritability in two herds, the second with holes."""
    rng = np.random.default_rng(seed)
    founders = rng.random((12, N_MARKERS)) < rng.uniform(0.2, 0.8, N_MARKERS)
    source = np.cumsum(rng.random((2 * n_animals, N_MARKERS)) < 0.06, axis=1)
    donors = rng.integers(0, 12, (2 * n_animals, source.max() + 1))
    alleles = founders[np.take_along_axis(donors, source, axis=1), np.arange(N_MARKERS)]
    genotypes = alleles[0::2].astype(int) + alleles[1::2]
    genomic = genotypes @ (rng.standard_normal((N_MARKERS, 2)) * (rng.random((N_MARKERS, 2)) < 0.1))
    genomic = (genomic - genomic.mean(axis=0)) / genomic.std(axis=0)
    records = np.sqrt(h2) * genomic + np.sqrt(1 - h2) * rng.standard_normal(genomic.shape)
    herd = rng.integers(0, 2, n_animals)
    records += 5.0 * herd[:, None]
    records[rng.random(n_animals) < 0.2, 1] = np.nan
    cohort = Cohort.from_arrays(
        genotypes,
        records,
        animals=[f"cow{row:03d}" for row in range(n_animals)],
        trait_names=["milk", "fat"],
        covariates=pd.DataFrame({"herd": [f"h{each}" for each in herd]}),
        fixed="herd",
    )
    return replace(cohort, haplotypes=HaplotypeMatrix.of(cohort.animals, cohort.genotypes.markers, alleles))


def halves() -> tuple[Cohort, Cohort]:
    return animals().select(np.arange(N)), animals().select(np.arange(N, 2 * N))


def named_as_artificial(values: object, like: Cohort) -> DenseGenotypes:
    matrix = np.asfortranarray(np.asarray(values), dtype=np.int8)
    return DenseGenotypes(as_ids([f"artificial{row}" for row in range(len(matrix))]), like.genotypes.markers, matrix)


def shuffled(cohort: Cohort, seed: int = 3) -> DenseGenotypes:
    """Return animals whose markers know nothing of each other."""
    rng = np.random.default_rng(seed)
    return named_as_artificial(rng.permuted(dosages(cohort.genotypes), axis=0), cohort)


def own_records(cohort: Cohort) -> pd.DataFrame:
    """Return a cohort's adjusted records, as if they had been asked for."""
    recorded = Recorded.of(cohort, ["milk", "fat"], cohort.genotypes.markers)
    ids = [f"artificial{row}" for row in range(len(cohort))]
    return pd.DataFrame(recorded.values, index=ids, columns=["milk", "fat"])


def figure(table: pd.DataFrame, name: str, trait: str = "milk") -> pd.Series:
    [(_, row)] = table[(table["figure"] == name) & (table["trait"] == trait)].iterrows()
    return row


def mean(table: pd.DataFrame, name: str, column: str = "artificial") -> float:
    """Return the mean over traits."""
    return float(table.loc[table["figure"] == name, column].mean())


@cache
def of_copies() -> pd.DataFrame:
    training, holdout = halves()
    copies = named_as_artificial(dosages(training.genotypes), training)
    return usefulness(training, holdout, copies, rng=np.random.default_rng(1))


@cache
def of_copies_with_their_records() -> pd.DataFrame:
    training, holdout = halves()
    copies = named_as_artificial(dosages(training.genotypes), training)
    return usefulness(training, holdout, copies, conditions=own_records(training), rng=np.random.default_rng(1))


@cache
def of_shuffled() -> pd.DataFrame:
    training, holdout = halves()
    return usefulness(training, holdout, shuffled(training), rng=np.random.default_rng(1))


class TestUsefulness:
    def test_the_table(self) -> None:
        table = of_copies()

        assert list(COLUMNS) == list(table.columns)
        figures = ["r", "r_difference", "r_ratio", "b1", "marker_effects", "gwas_effects", "gwas_z", "gwas_top", "h2"]
        assert [(trait, name) for trait in ("milk", "fat") for name in figures] == list(
            table[["trait", "figure"]].itertuples(index=False, name=None)
        )
        assert {"drawn"} == set(table["records"])
        assert (N, N) == tuple(figure(table, "r")[["n", "n_artificial"]])
        with_record = int(np.isfinite(halves()[0].records.values[:, 1]).sum())
        assert (with_record, N) == tuple(figure(table, "r", "fat")[["n", "n_artificial"]])

    def test_copies_with_drawn_records_are_as_good_as_originals_with_drawn_records(self) -> None:
        """Both differ by the residuals alone that were drawn; and the model's shrinkage costs both something."""
        table = of_copies()

        assert mean(table, "r_ratio", "real_against_real") == pytest.approx(mean(table, "r_ratio"), abs=0.1)
        assert 0.8 < mean(table, "r_ratio") < 1
        assert 1 == pytest.approx(mean(table, "b1"), abs=0.15)
        for trait in ("milk", "fat"):
            assert figure(table, "marker_effects", trait)["artificial"] > 0.7
            assert figure(table, "gwas_z", trait)["artificial"] > 0.85
            assert figure(table, "gwas_z", trait)["artificial"] > figure(table, "gwas_z", trait)["real"] + 0.1

    def test_copies_with_the_records_of_their_originals_are_these(self) -> None:
        """Then nothing is drawn: every figure but that of the number of records is the original's."""
        table = of_copies_with_their_records()

        assert {"asked"} == set(table["records"])
        for trait in ("milk", "fat"):
            assert 0 == pytest.approx(figure(table, "r_difference", trait)["artificial"], abs=1e-6)
            assert 0 == pytest.approx(figure(table, "r_difference", trait)["se"], abs=1e-6)
            assert 1 == pytest.approx(figure(table, "r_ratio", trait)["artificial"])
            assert 1 == pytest.approx(figure(table, "marker_effects", trait)["artificial"])
            assert (1, 0) == pytest.approx(figure(table, "gwas_top", trait)[["artificial", "se"]].to_list())
            h2 = figure(table, "h2", trait)
            assert h2["real"] == pytest.approx(h2["artificial"], abs=1e-6)
            assert h2["se_real"] == pytest.approx(h2["se"], rel=1e-4)
            r = figure(table, "r", trait)
            assert r["real"] == pytest.approx(r["real_against_real"], abs=1e-12)

    def test_independent_markers_lose_accuracy(self) -> None:
        copies, independent = of_copies(), of_shuffled()

        lost = figure(independent, "r_difference")
        assert lost["artificial"] < -3 * lost["se"]
        assert mean(independent, "r") < mean(copies, "r") - 0.05
        assert mean(independent, "gwas_z") < mean(copies, "gwas_z") - 0.3
        assert figure(independent, "r")["real"] == pytest.approx(figure(copies, "r")["real"], abs=1e-12)

    def test_real_animals_have_the_accuracy_that_plain_gblup_has(self) -> None:
        """The twin: fit, predict and correlate with nothing but numpy around the model."""
        training, holdout = halves()
        herd = np.array([float(text[1:]) for text in holdout.records.effects["herd"]])
        design = np.column_stack([np.ones(N), herd])
        records = holdout.records.values[:, 0]
        adjusted = records - design @ np.linalg.lstsq(design, records, rcond=None)[0]
        predicted = GBLUP().fit(training).predict(holdout)[:, 0]

        assert figure(of_copies(), "r")["real"] == pytest.approx(np.corrcoef(predicted, adjusted)[0, 1], abs=5e-3)

    def test_the_heritability_of_drawn_records(self) -> None:
        """Genomic values by a model vary less than true ones, by its reliability, which is high here."""
        h2 = figure(of_copies(), "h2")

        assert 0.7 == pytest.approx(h2["real"], abs=4 * h2["se_real"])
        assert h2["real"] == pytest.approx(h2["artificial"], abs=3 * np.hypot(h2["se"], h2["se_real"]))

    def test_the_standard_error_of_the_difference_is_paired(self) -> None:
        row, r = figure(of_shuffled(), "r_difference"), figure(of_shuffled(), "r")

        assert 0 < row["se"] < 0.8 * np.hypot(r["se"], r["se_real"])
        assert (1 - r["real"] ** 2) / np.sqrt(N - 1) == pytest.approx(r["se_real"], rel=0.35)

    def test_values_asked_for_are_taken(self) -> None:
        """The opposite of the truth is asked for of one trait: its predictions turn round, the other's don't."""
        training, holdout = halves()
        copies = named_as_artificial(dosages(training.genotypes), training)
        opposite = -own_records(training)[["milk"]]
        opposite.iloc[:40] = np.nan
        table = usefulness(training, holdout, copies, conditions=opposite, rng=np.random.default_rng(1))

        assert {"milk": "asked", "fat": "drawn"} == dict(zip(table["trait"], table["records"], strict=True))
        assert {(N, N - 40)} == set(table.loc[table["trait"] == "milk", ["n", "n_artificial"]].itertuples(False, None))
        assert figure(table, "r")["artificial"] < -0.3
        assert figure(table, "marker_effects")["artificial"] < -0.9
        assert figure(table, "r", "fat")["artificial"] > 0.3

    def test_top_markers_are_those_of_either_sign(self) -> None:
        training, holdout = halves()
        copies = named_as_artificial(dosages(training.genotypes), training)
        opposite = -own_records(training)
        table = usefulness(training, holdout, copies, conditions=opposite, rng=np.random.default_rng(1))

        assert (-1, 1) == pytest.approx([figure(table, name)["artificial"] for name in ("gwas_z", "gwas_top")])

    def test_the_order_of_animals_asked_for_is_theirs(self) -> None:
        training, holdout = halves()
        copies = named_as_artificial(dosages(training.genotypes), training)
        asked = own_records(training).iloc[::-1]
        table = usefulness(training, holdout, copies, conditions=asked, rng=np.random.default_rng(1))

        assert 1 == pytest.approx(figure(table, "r_ratio")["artificial"])

    def test_coding_and_order_of_files_do_not_matter(self) -> None:
        training, holdout = halves()
        swap = np.arange(N_MARKERS) % 3 == 0
        order = np.random.default_rng(1).permutation(N_MARKERS)
        swapped = holdout.genotypes.recoded(swap).select(markers=order)
        other = replace(holdout, genotypes=swapped, haplotypes=None)
        copies = named_as_artificial(dosages(training.genotypes), training)
        recoded = copies.recoded(~swap).select(markers=order[::-1])
        table = usefulness(training, other, recoded, conditions=own_records(training), rng=np.random.default_rng(1))

        pd.testing.assert_frame_equal(of_copies_with_their_records(), table, atol=1e-6)

    def test_what_has_no_answer(self) -> None:
        training, holdout = halves()
        few = named_as_artificial(dosages(training.genotypes)[:20], training)
        with pytest.raises(AlignmentError, match=r"records of 30 animals learned from.*found at most 20\. Name a coh"):
            usefulness(training, holdout, few, rng=np.random.default_rng(1))
        silent = Cohort.of_genotypes(training.genotypes)
        with pytest.raises(AlignmentError, match=r"use of artificial animals: expected a quantitative.*found no trait"):
            usefulness(silent, holdout, training.genotypes, rng=np.random.default_rng(1))
        fewer = training.genotypes.select(markers=np.arange(N_MARKERS - 1))
        with pytest.raises(AlignmentError, match=r"all 200 markers of the animals learned from, found 1 absent, such"):
            usefulness(training, holdout, fewer, rng=np.random.default_rng(1))


class TestNumbers:
    """Artificial and training animals are used in full; animals held out, to learn from, up to the latter."""

    def learned_from(
        self, monkeypatch: pytest.MonkeyPatch, training: Cohort, holdout: Cohort, artificial: GenotypeMatrix, seed: int
    ) -> tuple[list[tuple[int, ...]], set[int], pd.DataFrame]:
        """Return how many records of each trait the models have seen, their seeds, and the table."""
        seen, seeds = [], set()

        class Watching(GBLUP):
            def fit(self, cohort: Cohort) -> Watching:
                seen.append(tuple(np.isfinite(cohort.records.values).sum(axis=0).tolist()))
                seeds.add(self.seed)
                super().fit(cohort)
                return self

        monkeypatch.setattr("genialearn.experiments.usefulness.GBLUP", Watching)
        return seen, seeds, usefulness(training, holdout, artificial, rng=np.random.default_rng(seed))

    @pytest.mark.parametrize("times", [0.5, 2])
    def test_every_model_sees_all_that_it_may(self, times: float, monkeypatch: pytest.MonkeyPatch) -> None:
        training, holdout = animals().select(np.arange(150)), halves()[1]
        artificial = named_as_artificial(dosages(training.genotypes)[np.arange(round(150 * times)) % 150], training)
        seen, _, table = self.learned_from(monkeypatch, training, holdout, artificial, seed=1)

        fat = int(np.isfinite(training.records.values[:, 1]).sum())
        labeller_real_holdout_and_relabelled = 5
        all_artificial = round(150 * times)
        expected = [(150, fat)] * labeller_real_holdout_and_relabelled + [(all_artificial, all_artificial)]
        assert sorted(expected) == sorted(seen)
        assert (150, all_artificial) == tuple(figure(table, "h2")[["n", "n_artificial"]])
        assert (fat, all_artificial) == tuple(figure(table, "h2", "fat")[["n", "n_artificial"]])

    def test_fewer_animals_held_out_leave_training_animals_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        training, holdout = halves()[0], halves()[1].select(np.arange(60))
        seen, _, table = self.learned_from(monkeypatch, training, holdout, shuffled(training), seed=1)

        own, fewer = ([int(n) for n in np.isfinite(each.records.values).sum(axis=0)] for each in (training, holdout))
        assert sorted([(N, N)] + 3 * [tuple(own)] + 2 * [tuple(fewer)]) == sorted(seen)
        assert N == figure(table, "r")["n"]

    def test_seeds_of_models_are_one_and_come_from_the_source_of_randomness(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        training, holdout = halves()
        first, second, again = (
            self.learned_from(monkeypatch, training, holdout, shuffled(training), seed=seed)[1] for seed in (1, 2, 1)
        )

        assert (1, 1) == (len(first), len(second))
        assert first == again
        assert first != second

    def test_more_artificial_animals_tell_more(self) -> None:
        """Their records are drawn, so that each tells a little more of what the model of real animals knows."""
        training, holdout = halves()
        generator = Mosaic(neighbours=60).fit(training)
        ratios = {
            times: [self.ratios(training, holdout, generator, times * N, seed) for seed in (1, 2)] for times in (1, 4)
        }

        few, many = np.mean(ratios[1], axis=0), np.mean(ratios[4], axis=0)
        assert many[0] > few[0] + 0.04
        assert many[0] > many[1] + 0.04
        assert few[1] == pytest.approx(many[1], abs=1e-12)

    def ratios(
        self, training: Cohort, holdout: Cohort, generator: Mosaic, n_animals: int, seed: int
    ) -> tuple[float, float]:
        """Return r of artificial animals, and of training animals with drawn records, over that of training animals."""
        drawn = generator.sample(n_animals, rng=np.random.default_rng(seed))
        table = usefulness(training, holdout, drawn, rng=np.random.default_rng(seed))
        return mean(table, "r_ratio"), mean(table, "r_ratio", "real_against_real")


class TestLabels:
    def model(self) -> tuple[Recorded, GBLUP]:
        training = halves()[0]
        real = Recorded.of(training, ["milk", "fat"], training.genotypes.markers)
        return real, GBLUP().fit(real.cohort())

    def test_records_are_mean_genomic_value_and_residual(self) -> None:
        real, model = self.model()
        many = real.genotypes.select(animals=np.repeat(np.arange(N), 20))
        many = replace(many, animals=as_ids(range(20 * N)))
        made = labelled(many, model, real, rng=np.random.default_rng(1))

        expected = np.repeat(model.predict(real.cohort()), 20, axis=0)
        residual = made.values - expected
        np.testing.assert_allclose(0, residual.mean(axis=0), atol=0.05)
        variances = [each.variances.residual for each in model.models_]
        np.testing.assert_allclose(variances, residual.var(axis=0), rtol=0.08)

    def test_residuals_are_smaller_where_records_are_better(self) -> None:
        real, model = self.model()
        better = replace(real, weights=np.full_like(real.weights, 4.0))
        residual = [
            labelled(real.genotypes, model, like, rng=np.random.default_rng(1)).values - model.predict(real.cohort())
            for like in (real, better)
        ]

        np.testing.assert_allclose(residual[0], 2 * residual[1], atol=1e-9)

    def test_limits_keep_one_order_of_animals(self) -> None:
        real = self.model()[0]
        less = real.limited(np.array([50, 40]), seed=1)

        np.testing.assert_array_equal([50, 40], less.n_records)
        kept = np.isfinite(less.values)
        np.testing.assert_array_equal(real.values[kept], less.values[kept])
        assert len(less.cohort()) < 75
        np.testing.assert_array_equal(less.values, real.limited(np.array([50, 40]), seed=1).values)

    def test_strands_of_other_files_are_those_of_the_map(self) -> None:
        genotypes = halves()[0].genotypes
        swapped = genotypes.recoded(np.ones(N_MARKERS, dtype=bool))

        np.testing.assert_array_equal(dosages(genotypes), on_map(swapped, genotypes.markers).values)


class TestAssociation:
    def test_the_plain_twin(self) -> None:
        """Holes in records and genotypes, and a marker that doesn't vary."""
        rng = np.random.default_rng(2)
        values = rng.integers(0, 3, (60, 7))
        values[rng.random(values.shape) < 0.1] = -1
        values[:, 3] = 1
        records = rng.standard_normal((60, 2)) + 0.5 * values[:, :1] + 100.0
        records[rng.random(60) < 0.2, 1] = np.nan
        genotypes = Cohort.from_arrays(values, records).genotypes
        found = marker_regressions(genotypes, records, np.ones_like(records))

        for marker in range(7):
            for trait in range(2):
                known = (values[:, marker] >= 0) & np.isfinite(records[:, trait])
                if marker == 3:
                    assert (0, 0) == (found.effects[marker, trait], found.z[marker, trait])
                    continue
                plain = linregress(values[known, marker], records[known, trait])
                assert plain.slope == pytest.approx(found.effects[marker, trait])
                assert plain.slope / plain.stderr == pytest.approx(found.z[marker, trait])

    def test_weights_are_those_of_weighted_least_squares(self) -> None:
        rng = np.random.default_rng(3)
        x, y, weights = rng.integers(0, 3, (40, 1)), rng.standard_normal((40, 1)), rng.uniform(0.5, 3, (40, 1))
        found = marker_regressions(Cohort.from_arrays(x, y).genotypes, y, weights)
        (slope, _), covariance = np.polyfit(x[:, 0], y[:, 0], 1, w=np.sqrt(weights[:, 0]), cov=True)

        assert slope == pytest.approx(found.effects[0, 0])
        assert slope / np.sqrt(covariance[0, 0]) == pytest.approx(found.z[0, 0])


class TestJackknife:
    def data(self) -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng(4)
        x = rng.standard_normal(60)
        return x, 0.6 * x + rng.standard_normal(60), rng.integers(0, 15, 60), rng.uniform(0.5, 2, 60)

    def test_statistics_without_a_block_are_computed_without_it(self) -> None:
        x, y, blocks, weights = self.data()
        moments = Moments.of(x, y, blocks, weights)
        r, slope = moments.correlation(), moments.slope()

        for place, left_out in enumerate([None, *np.unique(blocks.astype(str))]):
            kept = blocks.astype(str) != left_out
            covariance = np.cov(x[kept], y[kept], aweights=weights[kept])
            values = (r.value, slope.value) if left_out is None else (r.without[place - 1], slope.without[place - 1])
            expected = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
            assert (expected, covariance[0, 1] / covariance[0, 0]) == pytest.approx(values)

    def test_the_standard_error_of_a_mean_is_the_textbooks(self) -> None:
        values = np.random.default_rng(5).standard_normal(30)
        mean = Jackknifed(values.mean(), (values.sum() - values) / 29)

        assert values.std(ddof=1) / np.sqrt(30) == pytest.approx(mean.se)
        assert 0 == (mean - mean).se
        assert mean.se == pytest.approx(mean_of([mean, mean]).se)

    def test_it_finds_the_spread_of_correlations(self) -> None:
        rng = np.random.default_rng(6)
        found, errors = [], []
        for _ in range(200):
            x = rng.standard_normal(80)
            r = Moments.of(x, 0.5 * x + rng.standard_normal(80), np.arange(80)).correlation()
            found.append(r.value)
            errors.append(r.se)

        assert np.std(found) == pytest.approx(np.mean(errors), rel=0.15)

    def test_families_of_copies_are_one_animal(self) -> None:
        x, y, *_ = self.data()
        alone = Moments.of(x, y, np.arange(60)).correlation()
        twins = Moments.of(np.tile(x, 4), np.tile(y, 4), np.tile(np.arange(60), 4)).correlation()

        assert (alone.value, alone.se) == pytest.approx((twins.value, twins.se))

    def test_nothing_is_known_of_one_block_or_of_what_does_not_vary(self) -> None:
        x, y, *_ = self.data()

        assert np.isnan(Moments.of(x, y, np.zeros(60)).correlation().se)
        constant = Moments.of(np.full(60, 0.1), y, np.arange(60))
        assert 0 == constant.correlation().value
        assert np.isnan(constant.slope().value)
        assert np.isnan((Moments.of(x, y, np.arange(60)).slope() / constant.correlation()).value)

    def test_shares(self) -> None:
        first, second = np.arange(20) < 10, np.arange(20) % 2 == 0
        share = shared(first, second, np.arange(20) // 4)

        assert 0.5 == share.value
        np.testing.assert_allclose([3 / 6, 3 / 6, 4 / 8, 0.5, 0.5], share.without)


class TestAugmentation:
    def augmented(self, **settings: object) -> pd.DataFrame:
        training, holdout = halves()
        return augmentation(training, holdout, lambda seed: Independent(), sizes=[60], n_artificial=80, **settings)  # type: ignore[arg-type]

    def test_one_row_a_predictor_size_and_trait(self) -> None:
        training, holdout = halves()
        table = augmentation(
            training, holdout, lambda seed: Independent(), sizes=[60, 120], n_artificial=50, seeds=[1, 2]
        )

        keys = table[["predictor", "n_real", "n_artificial", "trait"]].itertuples(index=False, name=None)
        assert [("gblup", n, 50, trait) for n in (60, 120) for trait in ("milk", "fat")] == list(keys)
        np.testing.assert_allclose(table["difference"], table["augmented"] - table["real"], atol=1e-12)
        assert (table[["se", "se_seeds"]] > 0).all().all()
        by_size = table.groupby("n_real")["real"].mean()
        assert by_size[60] < by_size[120]

    def watched(self, training: Cohort, **settings: object) -> tuple[pd.DataFrame, list[Cohort]]:
        """Return the table, and what the generators have learned from."""
        seen = []

        class Watching(Independent):
            def fit(self, cohort: Cohort) -> Watching:
                seen.append(cohort)
                super().fit(cohort)
                return self

        table = augmentation(training, halves()[1], lambda seed: Watching(), sizes=[60], n_artificial=30, **settings)  # type: ignore[arg-type]
        return table, seen

    def test_the_generator_sees_the_chosen_animals_alone(self) -> None:
        training = halves()[0]
        _, seen = self.watched(training, seeds=[1, 2])

        assert [60, 60] == [len(cohort) for cohort in seen]
        assert set(seen[0].animals) != set(seen[1].animals)
        assert set(seen[0].animals) < set(training.animals)
        assert ("", "") == tuple(trait.fixed for trait in seen[0].traits)

    def test_records_of_animals_that_were_not_chosen_do_not_matter(self) -> None:
        training = replace(halves()[0], records=halves()[0].records.with_fixed(""))
        table, [chosen] = self.watched(training, seeds=[1])
        values = training.records.values.copy()
        values[~np.isin(training.animals, chosen.animals)] *= -7
        other, _ = self.watched(replace(training, records=replace(training.records, values=values)), seeds=[1])

        pd.testing.assert_frame_equal(table, other)

    def test_copies_with_drawn_records_add_nothing(self) -> None:
        """What the n animals' own model says of the n animals again: no information, and no gain beyond chance."""

        class Copies(Independent):
            def fit(self, cohort: Cohort) -> Copies:
                self.copied_ = cohort.canonical()
                return self

            def sample(self, n_animals: int, **_: object) -> DenseGenotypes:
                rows = np.arange(n_animals) % len(self.copied_)
                return named_as_artificial(dosages(self.copied_.genotypes)[rows], self.copied_)

        training, holdout = halves()
        table = augmentation(training, holdout, lambda seed: Copies(), sizes=[100], n_artificial=100, seeds=[1, 2, 3])
        assert (table["difference"].abs() < 0.06).all()

    def test_other_predictors(self) -> None:
        pytest.importorskip("lightgbm")
        table = self.augmented(predictors=["gblup", "lightgbm"], seeds=[1], threads=1)

        assert ["gblup", "gblup", "lightgbm", "lightgbm"] == list(table["predictor"])
        assert np.isnan(table["se_seeds"]).all()
        with pytest.raises(SettingError, match=r"predictor: expected a known name, found 'gblub'\. Did you mean gblup"):
            self.augmented(predictors=["gblub"])

    def test_sizes_beyond_the_animals(self) -> None:
        training, holdout = halves()
        with pytest.raises(SettingError, match=r"sizes: expected at most the 300 training animals with records, found"):
            augmentation(training, holdout, lambda seed: Independent(), sizes=[301], n_artificial=10)


def test_traits_of_two_kinds() -> None:
    """Binary traits are left out."""
    training, holdout = halves()
    values = training.records.values.copy()
    values[:, 1] = values[:, 1] > 0
    records = RecordTable(
        (Trait("milk"), Trait("fat", kind="binary")), training.records.animals, values, training.records.weights
    )
    table = usefulness(replace(training, records=records), holdout, shuffled(training), rng=np.random.default_rng(1))

    assert {"milk"} == set(table["trait"])
